package emulatortest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/further"
)

// gcloudServices are those whose address gcloud is told. Some are not emulated;
// gcloud asks them, and does without an answer.
var gcloudServices = []string{
	"ARTIFACTREGISTRY", "CLOUDBUILD", "CLOUDFUNCTIONS", "CLOUDRESOURCEMANAGER", "CONTAINERANALYSIS", "EVENTARC", "FIRESTORE",
	"IAM", "LOGGING", "MONITORING", "ORGPOLICY", "PUBSUB", "RUN", "SECRETMANAGER", "SERVICEUSAGE", "STORAGE",
}

// Gcloud is the real gcloud, pointed at a local Google Cloud. A script that
// calls gcloud gets there too, with Env. What asks a single region does not:
// gcloud puts the region before the host, also before that of a loopback port
// (gcloud run services describe).
type Gcloud struct {
	Env []string // of a process that calls gcloud, and of nothing else
}

// NewGcloud returns the gcloud of this machine for the local Google Cloud at an
// address. It keeps nothing beyond the test, and logs in nowhere.
//
// It is for further tests (package internal/further).
func NewGcloud(t testing.TB, address string) Gcloud {
	t.Helper()
	further.Program(t, "gcloud")
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CLOUDSDK_CONFIG=" + t.TempDir(),
		"CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true", "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
		"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1",
	}
	for _, service := range gcloudServices {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+service+"=http://"+address+"/")
	}
	return Gcloud{Env: env}
}

// Run runs one command and returns what it prints, errors included. The words
// of a format or a filter may hold spaces.
func (g Gcloud) Run(ctx context.Context, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "gcloud", words...)
	cmd.Env = g.Env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("gcloud %s: %w: %s", strings.Join(words, " "), err, out.String())
	}
	return out.String(), nil
}

package emulatortest

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // the programs in Python
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
// (gcloud run services describe). Each command is a process of its own,
// which runs gcloud's own code; only the reading of that code is shared.
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
	env = append(env, "CLOUDSDK_PYTHON="+serveGcloud(t, env))
	return Gcloud{Env: env}
}

var (
	//go:embed gcloud/serve.py
	serveProgram []byte
	//go:embed gcloud/call.py
	callProgram []byte
)

// serveGcloud returns what gcloud shall start in the place of Python: a program
// that has a server run gcloud's own code. To read that code takes most of the
// time of a call, and so is done once.
func serveGcloud(t testing.TB, env []string) (python string) {
	t.Helper()
	info := exec.CommandContext(t.Context(), "gcloud", "info", "--format=value(basic.python_location,installation.sdk_root)")
	info.Env = env
	out, err := info.Output()
	python, root, found := strings.Cut(strings.TrimSpace(string(out)), "\t")
	if err != nil || !found {
		t.Fatalf("gcloud info: %v: %q", err, out)
	}
	dir := t.TempDir()
	socket, call, serve := filepath.Join(dir, "s"), filepath.Join(dir, "python"), filepath.Join(dir, "serve.py")
	text := fmt.Sprintf("#!%s -IS\nSOCKET = %q\n%s", python, socket, callProgram)
	if err := os.WriteFile(call, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(serve, serveProgram, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, serve, socket, filepath.Join(root, "lib"))
	var problems bytes.Buffer
	cmd.Env, cmd.Stderr = env, &problems
	endWithChildren(cmd)
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		_, _ = cmd.Cancel(), cmd.Wait()
		t.Fatalf("the server of gcloud does not listen: %v: %s", err, problems.Bytes())
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the context of the test has ended it
	return call
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

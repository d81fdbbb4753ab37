package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/internal/further"
)

// TestGcloudTakesTheSinkFilter gives the filter to the real gcloud, which hands
// it on to the local Google Cloud: as a query of entries, and as that of a sink.
func TestGcloudTakesTheSinkFilter(t *testing.T) {
	gcloud, dir := further.Program(t, "gcloud"), t.TempDir()
	story, err := txtar.ParseFile("testdata/sink-filter.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"seed.yaml": "projects:\n  - {id: app-one, number: 111111111111}\n  - {id: ops, number: 900000000009}\nlogs: [wanted.jsonl, noise.jsonl]\n",
	}
	for _, f := range story.Files {
		now := []byte(`"` + time.Now().UTC().Format(time.RFC3339) + `"`)
		files[f.Name] = string(anyTime.ReplaceAll(f.Data, now))
	}
	for _, name := range []string{"seed.yaml", "wanted.jsonl", "noise.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cloud, address, err := openEmulator(0, filepath.Join(dir, "seed.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cloud.Close() }()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), gcloud, args...)
		cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+filepath.Join(dir, "gcloud"), "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
			"CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1",
			"CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING=http://"+address+"/")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("gcloud %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	filter := sinkFilter(t)
	got := strings.Fields(run("logging", "read", filter, "--project=app-one", "--format=value(insertId)"))
	for _, id := range []string{"quota", "perimeter"} {
		if !slices.Contains(got, id) {
			t.Errorf("gcloud finds %q, without %q", got, id)
		}
	}
	if len(got) != 3 {
		t.Errorf("gcloud finds %q, want 3 entries", got)
	}
	if got := run("logging", "read", filter, "--project=ops", "--format=value(insertId)"); got != "" {
		t.Errorf("gcloud finds %q, which pullfix did itself", got)
	}
	run("logging", "sinks", "create", "pullfix", "pubsub.googleapis.com/projects/ops/topics/pullfix", "--project=app-one", "--log-filter="+filter)
	if got := run("logging", "sinks", "describe", "pullfix", "--project=app-one", "--format=value(filter)"); got != strings.TrimSpace(filter) {
		t.Errorf("the sink has the filter\n%s\nwant\n%s", got, filter)
	}
}

var anyTime = regexp.MustCompile(`"2026-03-04T[0-9:]+Z"`)

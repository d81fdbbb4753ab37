package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/internal/further"
)

// TestGcloudSeesTheGrant posts an event with curl to the function, and reads
// and changes the same policy with the real gcloud.
func TestGcloudSeesTheGrant(t *testing.T) {
	gcloud, curl := further.Program(t, "gcloud"), further.Program(t, "curl")
	dir := t.TempDir()
	story, err := txtar.ParseFile("testdata/serve.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range story.Files {
		f.Data = bytes.ReplaceAll(f.Data, []byte("NOW"), []byte(time.Now().UTC().Format(time.RFC3339Nano)))
		if f.Name == "entry.json" {
			f.Name, f.Data = "push.json", fmt.Appendf(nil, `{"message":{"messageId":"1","data":%q}}`, base64.StdEncoding.EncodeToString(f.Data))
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	port, emulatorPort := startServe(t, dir)

	out, err := exec.CommandContext(t.Context(), curl, "-sS", "-o", os.DevNull, "-w", "%{http_code}", "-H", "Content-Type: application/json",
		"--data-binary", "@"+filepath.Join(dir, "push.json"), "http://127.0.0.1:"+port).CombinedOutput()
	if err != nil || string(out) != "204" {
		t.Fatalf("curl: %v: %s", err, out)
	}

	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), gcloud, args...)
		cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+filepath.Join(dir, "gcloud"), "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
			"CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true", "CLOUDSDK_CORE_PROJECT=shared", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1",
			"CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY=http://127.0.0.1:"+emulatorPort+"/",
			"CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING=http://127.0.0.1:"+emulatorPort+"/")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("gcloud %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	const member = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	policy := []string{"artifacts", "repositories", "get-iam-policy", "apps", "--location=us-central1"}
	if got := run(policy...); !strings.Contains(got, member) || !strings.Contains(got, "role: roles/artifactregistry.reader") {
		t.Errorf("gcloud does not see the member:\n%s", got)
	}
	const mine = `log_id("cloudaudit.googleapis.com/activity") AND protoPayload.methodName=~"SetIamPolicy$" AND protoPayload.serviceData.policyDelta.bindingDeltas.action="ADD"`
	if got := run("logging", "read", mine, "--format=value(protoPayload.requestMetadata.requestAttributes.reason)"); !regexp.MustCompile(
		`^pullfix event=\S+ rule=\S+ key=[0-9a-f]{32}\n$`).MatchString(got) {
		t.Errorf("gcloud reads %q out of the audit log, want the one reason of the grant", got)
	}
	run("artifacts", "repositories", "remove-iam-policy-binding", "apps", "--location=us-central1",
		"--member="+member, "--role=roles/artifactregistry.reader")
	if got := run(policy...); strings.Contains(got, member) {
		t.Errorf("the member is there after gcloud removed it:\n%s", got)
	}
	record := run("logging", "read", `logName="projects/pullfix-local/logs/pullfix" AND jsonPayload.outcome="applied"`,
		"--project=pullfix-local", "--format=value(jsonPayload.principal)")
	if strings.TrimSpace(record) != member {
		t.Errorf("gcloud reads %q out of the record, want %s", record, member)
	}
}

func startServe(t *testing.T, dir string) (port, emulatorPort string) {
	t.Helper()
	ports := make([]string, 2)
	for i := range ports {
		ports[i] = itoa(ownPort())
	}
	cmd := exec.CommandContext(t.Context(), buildPullfix(t), "serve", "--emulator", "--seed", "seed.yaml",
		"--rules", "rules.yaml", "--port", ports[0], "--emulator-port", ports[1])
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 3000 {
		if resp, err := http.Get("http://127.0.0.1:" + ports[0]); err == nil {
			_ = resp.Body.Close()
			return ports[0], ports[1]
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("pullfix serve does not answer")
	return "", ""
}

func buildPullfix(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pullfix")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

package deploy

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/further"
)

// TestGcloudTakesThePolicies has gcloud create every constraint and organisation
// policy on a server that has none, and wants it to send the whole file: what
// gcloud does not know it would leave out. That it sends metrics, alerts and the
// dashboard whole, the run of deploy.sh shows.
func TestGcloudTakesThePolicies(t *testing.T) {
	gcloud := further.Program(t, "gcloud")
	var sent []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error": {"code": 404, "status": "NOT_FOUND"}}`)
			return
		}
		sent, _ = io.ReadAll(r.Body)
		_, _ = w.Write(sent)
	}))
	defer server.Close()

	dir := t.TempDir()
	for pattern, command := range map[string]string{
		"org-policy/constraint-*.yaml": "org-policies set-custom-constraint",
		"org-policy/policy-*.yaml":     "org-policies set-policy",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range paths {
			text := fill(t, path)
			file := filepath.Join(dir, filepath.Base(path))
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), gcloud, append(strings.Fields(command), file)...)
			cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+filepath.Join(dir, "gcloud"), "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
				"CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1",
				"CLOUDSDK_API_ENDPOINT_OVERRIDES_ORGPOLICY="+server.URL+"/")
			sent = nil
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: gcloud: %v\n%s", path, err, out)
				continue
			}
			var want, got any
			if err := yaml.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(sent, &got); err != nil {
				t.Fatalf("%s: %v: %s", path, err, sent)
			}
			if diff := cmp.Diff(plain(t, want), got); diff != "" {
				t.Errorf("%s: -file +sent\n%s", path, diff)
			}
		}
	}
}

// plain is a value as JSON has it.
func plain(t *testing.T, v any) (out any) {
	t.Helper()
	if err := json.Unmarshal(marshal(v), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

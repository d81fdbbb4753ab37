package deploy_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/monitoring"
)

var watch = deploy.Watch{
	Project: "ops", Deployer: "deployer@ops.iam.gserviceaccount.com", Channels: []string{"projects/ops/notificationChannels/1"},
}

// collections are where the documents of a kind are.
var collections = map[string]string{
	deploy.Metrics: "projects/ops/metrics/", deploy.Alerts: "projects/ops/alertPolicies/", deploy.Dashboards: "projects/ops/dashboards/",
}

// checkMonitoring wants all documents to be there as the files say.
func (s *script) checkMonitoring(t *testing.T) {
	t.Helper()
	for kind, collection := range collections {
		var there []map[string]any
		for name, doc := range s.Made() {
			if strings.HasPrefix(name, collection) {
				there = append(there, doc)
			}
		}
		wanted, err := watch.Documents(kind)
		if err != nil {
			t.Fatal(err)
		}
		steps := monitoring.Steps(kind, wanted, there)
		if len(steps) != len(there) {
			t.Errorf("%s: %d are there, want %d", kind, len(there), len(steps))
		}
		for _, step := range steps {
			if step.Do != monitoring.Keep {
				t.Errorf("%s: %s: want to %s it", kind, step.Title, step.Do)
			}
		}
	}
}

// gcloudGroups are the commands of gcloud for a kind, as deploy.sh calls them.
var gcloudGroups = map[string]struct{ group, flag string }{
	deploy.Metrics:    {"logging metrics", "--config-from-file="},
	deploy.Alerts:     {"alpha monitoring policies", "--policy-from-file="},
	deploy.Dashboards: {"monitoring dashboards", "--config-from-file="},
}

// TestGcloudMendsDocuments has gcloud make one document of each kind, and change
// it back after somebody changed it: what gcloud lists is compared, and what it
// is given is kept whole.
func TestGcloudMendsDocuments(t *testing.T) {
	cloud, address := emulatortest.Start(t, "projects: [{id: ops, number: 900000000009}]\n")
	gcloud := emulatortest.NewGcloud(t, address)
	for kind, of := range gcloudGroups {
		wanted, err := watch.Documents(kind)
		if err != nil {
			t.Fatal(err)
		}
		wanted = wanted[:1]
		dir := t.TempDir()
		run := func(words ...string) string {
			t.Helper()
			out, err := gcloud.Run(t.Context(), append(strings.Fields(of.group), append(words, "--project=ops")...)...)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		steps := func() monitoring.Step {
			t.Helper()
			there, err := monitoring.Parse([]byte(run("list", "--format=json")))
			if err != nil {
				t.Fatal(err)
			}
			steps := monitoring.Steps(kind, wanted, there)
			if err := monitoring.Write(t.Output(), dir, steps); err != nil || len(steps) != 1 {
				t.Fatalf("%s: %v, %v", kind, steps, err)
			}
			return steps[0]
		}
		do := func(want string, words func(monitoring.Step, string) []string) {
			t.Helper()
			step := steps()
			if step.Do != want {
				t.Fatalf("%s: got to %s %s, want to %s it", kind, step.Do, step.Name, want)
			}
			if words != nil {
				run(words(step, of.flag+filepath.Join(dir, step.File+".json"))...)
			}
		}
		do(monitoring.Create, func(step monitoring.Step, file string) []string {
			if kind == deploy.Metrics {
				return []string{"create", step.Name, file}
			}
			return []string{"create", file}
		})
		do(monitoring.Keep, nil)
		spoil(t, address, cloud.Made(), collections[kind])
		do(monitoring.Update, func(step monitoring.Step, file string) []string { return []string{"update", step.Name, file} })
		do(monitoring.Keep, func(step monitoring.Step, _ string) []string { return []string{"delete", step.Name} })
	}
	if made := cloud.Made(); len(made) > 0 {
		t.Errorf("%d documents are left: %v", len(made), made)
	}
}

// spoil changes what a document is about, as somebody does in the console.
func spoil(t *testing.T, address string, made map[string]map[string]any, collection string) {
	t.Helper()
	for name, doc := range made {
		if !strings.HasPrefix(name, collection) {
			continue
		}
		method, version := http.MethodPatch, "v3"
		switch collection {
		case collections[deploy.Metrics]:
			method, version = http.MethodPut, "v2"
			doc["filter"] = "severity>=ERROR"
		case collections[deploy.Dashboards]:
			version = "v1"
			doc["mosaicLayout"] = map[string]any{"columns": 12}
		default:
			doc["enabled"] = false
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/"+version+"/"+name, strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", name, res.Status, err)
		}
	}
}

package deploy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/option"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// realSeed is what is there before pullfix. Its accounts are not.
const realSeed = `
projects:
  - {id: ops, number: 900000000009, parent: organizations/333}
  - {id: app-one, number: 111111111111, parent: folders/222}
  - {id: shared-images, number: 900000000001, parent: organizations/333}
folders:
  - {name: folders/222, parent: organizations/333}
repositories:
  - name: projects/shared-images/locations/us-central1/repositories/apps
    policy: {bindings: [{role: roles/artifactregistry.reader, members: ["group:dev@example.com"]}]}
  - name: projects/shared-images/locations/us-central1/repositories/other
  - name: projects/shared-images/locations/us-central1/repositories/apps-lent
    policy:
      bindings:
        - role: roles/artifactregistry.writer
          members: ["user:temp@example.com"]
          condition: {title: until then, expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}
services:
  - {name: projects/app-one/locations/us-central1/services/web}
missingMembers:
  - serviceAccount:pullfix@ops.iam.gserviceaccount.com
  - serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com
  - serviceAccount:pullfix-build@ops.iam.gserviceaccount.com
`

const realRules = `apiVersion: pullfix/v1
mode: enforce
allow:
  - name: apps-pull
    kinds: [run-image]
    from: [folders/222]
    to: [projects/shared-images/locations/*/repositories/ap*]
    members: [cloud-run-agent]
  - name: apps-call
    kinds: [invoker]
    from: [projects/app-one]
    to: [projects/app-one/locations/us-central1/services/web]
    members: ["serviceAccount:web@app-one.iam.gserviceaccount.com"]
`

const (
	self    = "serviceAccount:pullfix@ops.iam.gserviceaccount.com"
	trigger = "serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com"
	builder = "serviceAccount:pullfix-build@ops.iam.gserviceaccount.com"
	agent   = "serviceAccount:service-900000000009@gcp-sa-pubsub.iam.gserviceaccount.com"
	webhook = "https://hooks.example.com/a-secret"
	roles   = "organizations/333/roles/"
	in      = "projects/ops/locations/us-central1/"
	lent    = "projects/shared-images/locations/us-central1/repositories/apps-lent"
)

// script is deploy.sh against a local Google Cloud, called with the real gcloud.
type script struct {
	*emulator.Cloud
	address string
	env     []string
	dir     string // with the rules and the webhook
}

func newScript(t *testing.T) *script {
	t.Helper()
	cloud, address := emulatortest.Start(t, realSeed)
	s := &script{Cloud: cloud, address: address, dir: t.TempDir()}
	s.env = emulatortest.NewGcloud(t, address).Env
	s.env = append(s.env, "PULLFIX="+filepath.Join(s.dir, "pullfix"), "TMPDIR="+t.TempDir())
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(s.dir, "pullfix"), "../cmd/pullfix").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s.file(t, "rules.yaml", realRules)
	s.file(t, "webhook", webhook)
	return s
}

func (s *script) file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exclude keeps entries from the sink, as somebody may who has gcloud.
func (s *script) exclude(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "gcloud", "logging", "sinks", "update", deploy.Sink, "--organization=333", "--add-exclusion=name=noise,filter=severity=ERROR")
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	if s.Made()["organizations/333/sinks/"+deploy.Sink]["exclusions"] == nil {
		t.Fatal("the sink excludes nothing")
	}
}

// run runs deploy.sh, which must succeed.
func (s *script) run(t *testing.T, flags ...string) {
	t.Helper()
	if out, err := s.start(t, flags...); err != nil {
		t.Fatalf("deploy.sh %q: %v\n%s", flags, err, out)
	}
}

// leaves runs deploy.sh, which must go on to its end, and name the right that gcloud
// cannot take away.
func (s *script) leaves(t *testing.T, flags ...string) {
	t.Helper()
	out, err := s.start(t, flags...)
	for _, want := range []string{
		"Done, but for rights that are left.", "- " + lent + ": " + roles + deploy.RoleGrantRepository + " of ",
		"\n  ERROR: (gcloud.artifacts.repositories.remove-iam-policy-binding) INVALID_ARGUMENT: ", "must specify version 3.",
	} {
		if err == nil || !strings.Contains(out, want) {
			t.Fatalf("deploy.sh %q: got %v, want an error and %q\n%s", flags, err, want, out)
		}
	}
}

func (s *script) start(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute) // on a busy machine each of its starts of gcloud takes seconds
	defer cancel()
	cmd := exec.CommandContext(ctx, "../deploy.sh", append([]string{
		"--project=ops", "--source=organizations/333", "--organization=333",
		"--rules=" + filepath.Join(s.dir, "rules.yaml"), "--slack-webhook-file=" + filepath.Join(s.dir, "webhook"),
		"--deployer=" + watch.Deployer, "--notification-channel=" + watch.Channels[0],
	}, flags...)...)
	cmd.Env = s.env
	began := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("%.0f s: deploy.sh %q\n%s", time.Since(began).Seconds(), flags, out)
	if bytes.Contains(out, []byte(webhook)) {
		t.Errorf("deploy.sh prints the webhook")
	}
	return string(out), err
}

// TestDeployScriptWithGcloud runs deploy.sh with the real gcloud: it makes what a
// deployment is made of, then changes nothing, then takes rights away, then removes
// it. One right it cannot take away.
func TestDeployScriptWithGcloud(t *testing.T) {
	s := newScript(t)
	s.run(t)
	s.checkBindings(t)
	s.checkRoles(t)
	s.checkDocuments(t)
	s.checkMonitoring(t)
	s.checkSource(t)

	made, policies, calls := s.Made(), s.Policies(), s.Calls()
	s.run(t)
	if diff := cmp.Diff(made, s.Made()); diff != "" {
		t.Errorf("the second run changed what was made (-first +second):\n%s", diff)
	}
	for name, policy := range s.Policies() {
		if !bytes.Equal(policy.GetEtag(), policies[name].GetEtag()) {
			t.Errorf("the second run wrote the policy of %s", name)
		}
	}
	for method, n := range s.Calls() {
		if reads := strings.HasPrefix(method, "Get") || strings.HasPrefix(method, "List") || strings.HasPrefix(method, "Access"); !reads && n != calls[method] {
			t.Errorf("the second run called %s", method)
		}
	}

	s.file(t, "rules.yaml", strings.Replace(realRules, "enforce", "observe", 1))
	s.exclude(t)
	s.leaves(t)
	s.checkObserving(t)

	s.leaves(t, "--destroy", "--yes")
	s.checkDestroyed(t)
	s.run(t, "--destroy", "--yes")
}

// bindings returns who has what on which resource.
func (s *script) bindings() map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for resource, policy := range s.Policies() {
		for _, b := range policy.GetBindings() {
			if all[resource] == nil {
				all[resource] = map[string][]string{}
			}
			all[resource][b.GetRole()] = b.GetMembers()
		}
	}
	return all
}

func (s *script) checkBindings(t *testing.T) {
	t.Helper()
	want := map[string]map[string][]string{
		"organizations/333":      {roles + deploy.RoleCheck: {self}, roles + deploy.RoleFolders: {self}},
		"projects/app-one":       {roles + deploy.RoleCheck: {self}},
		"projects/shared-images": {roles + deploy.RoleCheck: {self}},
		"projects/ops":           {roles + deploy.RoleRecord: {self}},
		"projects/shared-images/locations/us-central1/repositories/apps": {
			"roles/artifactregistry.reader": {"group:dev@example.com"}, roles + deploy.RoleGrantRepository: {self},
		},
		lent: {"roles/artifactregistry.writer": {"user:temp@example.com"}, roles + deploy.RoleGrantRepository: {self}},
		"projects/app-one/locations/us-central1/services/web": {roles + deploy.RoleGrantRun: {self}},
		"projects/ops/secrets/" + deploy.SlackSecret:          {"roles/secretmanager.secretAccessor": {self}},
		"projects/ops/topics/" + deploy.Topic:                 {"roles/pubsub.publisher": {"serviceAccount:service-org-333@gcp-sa-logging.iam.gserviceaccount.com"}},
		"projects/ops/topics/" + deploy.DeadLetters:           {"roles/pubsub.publisher": {agent}},
		s.subscription():                   {"roles/pubsub.subscriber": {agent}},
		in + "services/" + deploy.Function: {"roles/run.invoker": {trigger}},
	}
	for _, role := range deploy.BuildRoles() {
		want["projects/ops"][role] = []string{builder}
	}
	if diff := cmp.Diff(want, s.bindings()); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
}

func (s *script) checkRoles(t *testing.T) {
	t.Helper()
	for _, role := range deploy.Roles() {
		name := roles + role.ID
		if role.ID == deploy.RoleGrantSecret { // no rule names a secret
			if s.Made()[name] != nil {
				t.Errorf("%s: nobody needs it", name)
			}
			continue
		}
		want := map[string]any{"title": role.Title, "description": role.Description, "stage": role.Stage, "includedPermissions": anys(role.Permissions)}
		if diff := cmp.Diff(want, only(s.Made()[name], want)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func anys(texts []string) []any {
	var all []any
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}

// only returns those fields of a document that the other has too.
func only(doc, other map[string]any) map[string]any {
	out := maps.Clone(doc)
	maps.DeleteFunc(out, func(key string, _ any) bool { _, ok := other[key]; return !ok })
	for key, value := range out {
		inner, isObject := value.(map[string]any)
		if wanted, ok := other[key].(map[string]any); ok && isObject {
			out[key] = only(inner, wanted)
		}
	}
	return out
}

// subscription is the one that Eventarc has made for the function.
func (s *script) subscription() string {
	for name := range s.Made() {
		if strings.HasPrefix(name, "projects/ops/subscriptions/eventarc-") {
			return name
		}
	}
	return ""
}

type object = map[string]any

func (s *script) checkDocuments(t *testing.T) {
	t.Helper()
	filter, err := deploy.SinkFilter(strings.TrimPrefix(self, "serviceAccount:"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]object{
		"projects/ops/subscriptions/" + deploy.DeadLetters: {
			"topic": "projects/ops/topics/" + deploy.DeadLetters, "messageRetentionDuration": "2678400s", "expirationPolicy": object{},
		},
		s.subscription(): {
			"topic": "projects/ops/topics/" + deploy.Topic, "ackDeadlineSeconds": 600.0, "retryPolicy": object{"minimumBackoff": "10s", "maximumBackoff": "600s"},
			"deadLetterPolicy": object{"deadLetterTopic": "projects/ops/topics/" + deploy.DeadLetters, "maxDeliveryAttempts": float64(deploy.DeliveryAttempts)},
		},
		"organizations/333/sinks/" + deploy.Sink: {
			"destination": "pubsub.googleapis.com/projects/ops/topics/" + deploy.Topic, "includeChildren": true, "filter": strings.TrimSpace(filter),
		},
		"projects/ops/sinks/" + deploy.RecordSink: {
			"destination": "logging.googleapis.com/projects/ops/locations/global/buckets/" + deploy.RecordBucket, "filter": `log_id("pullfix")`,
		},
		"projects/ops/locations/global/buckets/" + deploy.RecordBucket: {"retentionDays": 400.0, "lifecycleState": "ACTIVE"},
		"projects/ops/databases/(default)":                             {"type": "FIRESTORE_NATIVE", "locationId": "us-central1"},
		in + "functions/" + deploy.Function: {
			"state":       "ACTIVE",
			"buildConfig": object{"runtime": "go126", "entryPoint": "pullfix", "serviceAccount": "projects/ops/serviceAccounts/" + strings.TrimPrefix(builder, "serviceAccount:")},
			"serviceConfig": object{
				"serviceAccountEmail": strings.TrimPrefix(self, "serviceAccount:"), "ingressSettings": "ALLOW_INTERNAL_ONLY", "maxInstanceCount": 3.0,
				"maxInstanceRequestConcurrency": 10.0, "availableCpu": "1", "availableMemory": deploy.Memory, "timeoutSeconds": 120.0,
				"environmentVariables": object{
					"GOMEMLIMIT": deploy.MemoryLimit, "PULLFIX_PROJECT": "ops", "PULLFIX_SLACK": "projects/ops/secrets/" + deploy.SlackSecret + "/versions/latest",
				},
			},
			"eventTrigger": object{
				"pubsubTopic": "projects/ops/topics/" + deploy.Topic, "retryPolicy": "RETRY_POLICY_RETRY", "serviceAccountEmail": strings.TrimPrefix(trigger, "serviceAccount:"),
			},
		},
	}
	for _, group := range []string{"pullfix-events", "pullfix-problems", "pullfix-grants", "pullfix-budget"} {
		want["projects/ops/databases/(default)/collectionGroups/"+group+"/fields/expires"] = object{"ttlConfig": object{"state": "ACTIVE"}}
	}
	for _, api := range deploy.APIs() {
		want["projects/ops/services/"+api] = object{"state": "ENABLED"}
	}
	for _, email := range []string{self, trigger, builder} {
		email = strings.TrimPrefix(email, "serviceAccount:")
		want["projects/ops/serviceAccounts/"+email] = object{"email": email}
	}
	for name, fields := range want {
		if diff := cmp.Diff(fields, only(s.Made()[name], fields)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// checkSource reads what the function is built from.
func (s *script) checkSource(t *testing.T) {
	t.Helper()
	client, err := cloudfunctions.NewService(t.Context(), option.WithEndpoint("http://"+s.address), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	from, err := client.Projects.Locations.Functions.GenerateDownloadUrl(in+"functions/"+deploy.Function, &cloudfunctions.GenerateDownloadUrlRequest{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, from.DownloadUrl, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(archive, "rules.yaml"); err != nil || string(got) != realRules {
		t.Errorf("the rules of the function are not those that were given: %v\n%s", err, got)
	}
	for _, name := range []string{"go.mod", "function.go"} {
		if !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == name }) {
			t.Errorf("%s is not in the source", name)
		}
	}
}

// checkObserving wants no right to change a policy but the one that is left, and
// nothing kept from the sink.
func (s *script) checkObserving(t *testing.T) {
	t.Helper()
	for resource, bindings := range s.bindings() {
		for role := range bindings {
			if strings.Contains(role, "/pullfixGrant") && resource != lent {
				t.Errorf("%s: %s is left", resource, role)
			}
		}
	}
	if excludes, _ := s.Made()["organizations/333/sinks/"+deploy.Sink]["exclusions"].([]any); len(excludes) > 0 {
		t.Errorf("the sink excludes %v", excludes)
	}
}

// checkDestroyed wants the record, the ledger and the services to stay, and
// pullfix to be in no policy but by a deleted role of a deleted account.
func (s *script) checkDestroyed(t *testing.T) {
	t.Helper()
	kept := []string{
		"projects/ops/locations/global/buckets/" + deploy.RecordBucket, "projects/ops/sinks/" + deploy.RecordSink, "projects/ops/databases/(default)",
		"projects/app-one/locations/us-central1/services/web",
	}
	for name, doc := range s.Made() {
		stays := slices.Contains(kept, name) || strings.HasPrefix(name, "projects/ops/services/") || strings.Contains(name, "/collectionGroups/") || doc["deleted"] == true
		if !stays {
			t.Errorf("%s is there after --destroy", name)
		}
	}
	for _, name := range kept {
		if s.Made()[name] == nil {
			t.Errorf("%s is gone after --destroy", name)
		}
	}
	left := s.bindings()[lent][roles+deploy.RoleGrantRepository]
	if len(left) != 1 || !strings.HasPrefix(left[0], "deleted:"+self+"?uid=") || s.Made()[roles+deploy.RoleGrantRepository]["deleted"] != true {
		t.Errorf("%s: the right that is left is of %q, and its role %v", lent, left, s.Made()[roles+deploy.RoleGrantRepository])
	}
	want := map[string]map[string][]string{
		"projects/shared-images/locations/us-central1/repositories/apps": {"roles/artifactregistry.reader": {"group:dev@example.com"}},
		lent: {"roles/artifactregistry.writer": {"user:temp@example.com"}, roles + deploy.RoleGrantRepository: left},
	}
	if diff := cmp.Diff(want, s.bindings()); diff != "" {
		t.Errorf("bindings after --destroy (-want +got):\n%s", diff)
	}
}

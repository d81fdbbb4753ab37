package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/rest"
	"github.com/pullfix/pullfix/rules"
)

// paper is a Google Cloud of documents by their paths, and answers of errors
// where there is none.
type paper struct {
	docs map[string]string
	none func(path string) (code int, body string)
}

func (p paper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	doc, ok := p.docs[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		code, body := p.none(r.URL.Path)
		w.WriteHeader(code)
		doc = body
	}
	fmt.Fprint(w, doc)
}

func notFound(path string) (code int, body string) {
	return http.StatusNotFound, fmt.Sprintf(`{"error": {"message": "no %s"}}`, path)
}

func on(t *testing.T, p paper) *rest.Client {
	t.Helper()
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	c, err := rest.New(t.Context(), strings.TrimPrefix(s.URL, "http://"), rest.Calls{Timeout: time.Second, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const enforcing = `
apiVersion: pullfix/v1
mode: enforce
allow:
  - name: images
    kinds: [run-image, artifact-download]
    from: [projects/app-*]
    to: [projects/shared/locations/us-central1/repositories/apps]
    members: [service-account, cloud-run-agent]
`

func parsed(t *testing.T, text string) *rules.Policy {
	t.Helper()
	policy, err := rules.Parse("rules.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func deployment(t *testing.T, policy string) Deployment {
	t.Helper()
	ops, err := iam.ParseProject("ops")
	if err != nil {
		t.Fatal(err)
	}
	d := Deployment{
		Project: ops, Region: "us-central1", Sources: []string{"projects/app-one"}, RetentionDays: 400,
		Environment: func(map[string]string) (func(string) bool, error) {
			return func(name string) bool { return name != "PULLFIX_SLCAK" }, nil
		},
	}
	if policy != "" {
		d.Policy = parsed(t, policy)
	}
	return d
}

// Whoever may look at nothing is told what each look needs, and nothing else.
func TestNobodyMayLook(t *testing.T) {
	t.Parallel()
	cloud := on(t, paper{none: func(string) (int, string) { return http.StatusForbidden, `{"error": {"message": "no"}}` }})
	checks := Checks(t.Context(), cloud, deployment(t, enforcing))
	wellFormed(t, checks)
	for _, r := range Run(t.Context(), checks) {
		switch {
		case r.Check == "targets":
		case r.Status != Skip || r.Command != "":
			t.Errorf("got %+v, want it skipped", r)
		case strings.HasPrefix(r.Reason, "needs "):
		case !strings.HasPrefix(r.Reason, "you may not look: it needs ") || strings.Count(r.Reason, ".") < 2:
			t.Errorf("%s %s: got %q, want the permission that is missing", r.Check, r.On, r.Reason)
		}
	}
}

// In an empty project everything is missing, and has a command that makes it.
func TestNothingIsThere(t *testing.T) {
	t.Parallel()
	cloud := on(t, paper{docs: map[string]string{"v3/projects/ops": `{"name": "projects/900", "state": "ACTIVE"}`}, none: notFound})
	var failed []string
	for _, r := range Run(t.Context(), Checks(t.Context(), cloud, deployment(t, enforcing))) {
		if r.Status == Fail && !slices.Contains(failed, r.Check) {
			failed = append(failed, r.Check)
		}
		if r.Status == Fail && r.Command == "" {
			t.Errorf("%s %s: got no command for %q", r.Check, r.On, r.Reason)
		}
	}
	want := []string{"account", "topic", "dead-letter-topic", "sink", "function", "ledger-database", "record-sink", "role"}
	if diff := cmp.Diff(want, failed); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// look makes one look at a few documents.
type look struct {
	docs    map[string]string
	policy  string
	find    string // the key of the check
	status  Status
	reason  string // is in it
	command string // is in it
}

const (
	functionPath = "v2/projects/ops/locations/us-central1/functions/pullfix"
	goodFunction = `{"state": "ACTIVE", "environment": "GEN_2",
		"buildConfig": {"runtime": "go126", "entryPoint": "pullfix", "serviceAccount": "projects/ops/serviceAccounts/pullfix-build@ops.iam.gserviceaccount.com"},
		"eventTrigger": {"pubsubTopic": "projects/ops/topics/pullfix", "retryPolicy": "RETRY_POLICY_RETRY", "trigger": "projects/ops/locations/us-central1/triggers/t",
			"serviceAccountEmail": "pullfix-trigger@ops.iam.gserviceaccount.com"},
		"serviceConfig": {"serviceAccountEmail": "pullfix@ops.iam.gserviceaccount.com", "ingressSettings": "ALLOW_INTERNAL_ONLY",
			"maxInstanceRequestConcurrency": 10, "timeoutSeconds": 120, "environmentVariables": {"PULLFIX_PROJECT": "ops"}}}`
	servicePath   = "v2/projects/ops/locations/us-central1/services/pullfix"
	servicePolicy = servicePath + ":getIamPolicy"
	opsPolicy     = "v3/projects/ops:getIamPolicy"
	account       = "serviceAccount:pullfix@ops.iam.gserviceaccount.com"
)

// edited is a JSON text with another one in it.
func edited(text, before, after string) string { return strings.Replace(text, before, after, 1) }

func TestLooks(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]look{
		"project is being deleted": {
			docs: map[string]string{"v3/projects/ops": `{"name": "projects/900", "state": "DELETE_REQUESTED"}`}, find: "project",
			status: Fail, reason: "it is DELETE_REQUESTED", command: "gcloud projects undelete ops",
		},
		"function is well": {docs: map[string]string{functionPath: goodFunction}, find: "function", status: OK, reason: "ACTIVE, go126"},
		"function failed": {
			docs: map[string]string{functionPath: edited(goodFunction, `"ACTIVE"`, `"FAILED", "stateMessages": [{"message": "Build failed"}]`)}, find: "function",
			status: Fail, reason: "it is FAILED: Build failed", command: redeploys,
		},
		"function is old": {
			docs: map[string]string{functionPath: edited(goodFunction, "go126", "go125")}, find: "function",
			status: Fail, reason: `the runtime is "go125"`, command: redeploys + "--runtime=go126 ",
		},
		"function is newer": {docs: map[string]string{functionPath: edited(goodFunction, "go126", "go127")}, find: "function", status: OK},
		"function of the first generation": {
			docs: map[string]string{functionPath: edited(goodFunction, "GEN_2", "GEN_1")}, find: "function", status: Fail, reason: "GEN_1",
			command: stages + "gcloud functions delete pullfix --no-gen2 --project=ops --region=us-central1 --quiet && " + deploys + wholly,
		},
		"function of another topic, with a secret": {
			docs: map[string]string{functionPath: edited(edited(goodFunction, "topics/pullfix", "topics/other"), `{"PULLFIX_PROJECT": "ops"}`,
				`{"GOMEMLIMIT": "400MiB", "PULLFIX_PROJECT": "ops", "PULLFIX_SLACK": "https://hooks.example.com/hunter2", "PULLFIX_SMTP_PASSWORD": "projects/ops/secrets/s/versions/1"}`)},
			find: "function", status: Fail, reason: `the topic is "projects/ops/topics/other", want "projects/ops/topics/pullfix"; note the values for which VALUE stands, then delete it with ` + removes + ", then deploy",
			command: stages + deploys + wholly + `'--set-env-vars=^|^GOMEMLIMIT=200MiB|PULLFIX_PROJECT=ops|PULLFIX_SLACK=VALUE|PULLFIX_SMTP_PASSWORD=projects/ops/secrets/s/versions/1' `,
		},
		"function of another topic, without a secret": {
			docs: map[string]string{functionPath: edited(edited(goodFunction, "topics/pullfix", "topics/other"), `{"PULLFIX_PROJECT": "ops"}`,
				`{"PULLFIX_PROJECT": "ops", "PULLFIX_SMTP": "smtp://pullfix@smtp.example.com:587", "PULLFIX_SMTP_PASSWORD": "projects/ops/secrets/s/versions/1"},
				"secretEnvironmentVariables": [{"key": "PULLFIX_SLACK", "projectId": "ops", "secret": "t", "version": "latest"}]`)},
			find: "function", status: Fail, reason: `the topic is "projects/ops/topics/other"`,
			command: stages + removes + " && " + deploys + wholly +
				`'--set-env-vars=^|^GOMEMLIMIT=200MiB|PULLFIX_PROJECT=ops|PULLFIX_SMTP=smtp://pullfix@smtp.example.com:587|PULLFIX_SMTP_PASSWORD=projects/ops/secrets/s/versions/1' ` +
				"--set-secrets=PULLFIX_SLACK=projects/ops/secrets/t/versions/latest ",
		},
		"function of another topic, with a password in an address": {
			docs: map[string]string{functionPath: edited(edited(goodFunction, "topics/pullfix", "topics/other"), `{"PULLFIX_PROJECT": "ops"}`,
				`{"PULLFIX_PROJECT": "ops", "PULLFIX_SMTP": "smtp://pullfix:hunter2@smtp.example.com:587"}`)},
			find: "function", status: Fail, reason: "note the values", command: stages + deploys + wholly + `'--set-env-vars=^|^GOMEMLIMIT=200MiB|PULLFIX_PROJECT=ops|PULLFIX_SMTP=VALUE' `,
		},
		"subscription is detached": {
			docs: map[string]string{
				functionPath: goodFunction, "v1/projects/ops/locations/us-central1/triggers/t": `{"transport": {"pubsub": {"subscription": "projects/ops/subscriptions/s"}}}`,
				"v1/projects/ops/subscriptions/s": `{"topic": "projects/ops/topics/pullfix", "detached": true}`,
			}, find: "delivery", status: Fail, reason: "the subscription is detached", command: stages + removes + " && " + deploys,
		},
		"subscription of the trigger is gone": {
			docs: map[string]string{
				functionPath: goodFunction, "v1/projects/ops/locations/us-central1/triggers/t": `{"transport": {"pubsub": {"subscription": "projects/ops/subscriptions/s"}}}`,
			}, find: "delivery", status: Fail, reason: "the subscription projects/ops/subscriptions/s is not there", command: stages + removes + " && " + deploys,
		},
		"an older revision answers": {
			docs: serving(`"traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "pullfix-00001-abc", "percent": 100}]`),
			find: "service", status: Fail, reason: "the latest revision has 0 % of the traffic", command: "gcloud run services update-traffic pullfix --region=us-central1 --project=ops --to-latest",
		},
		"an older revision answers some": {
			docs: serving(`"traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90}, {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "percent": 10}]`),
			find: "service", status: Fail, reason: "the latest revision has 90 % of the traffic", command: "gcloud run services update-traffic pullfix --region=us-central1 --project=ops --to-latest",
		},
		"an older revision has a name, and no traffic": {
			docs: serving(`"traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}, {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "tag": "old"}]`),
			find: "service", status: OK,
		},
		"only the service observes": {
			docs: serving(`"template": {"containers": [{"env": [{"name": "PULLFIX_MODE", "value": "observe"}]}]}`),
			find: "service", status: Fail, reason: "PULLFIX_MODE is set: everything is only observed",
			command: "gcloud run services update pullfix --region=us-central1 --project=ops --remove-env-vars=PULLFIX_MODE",
		},
		"a writer may be that of a sink that nobody may see": {
			docs: map[string]string{
				"v1/projects/ops/topics/pullfix:getIamPolicy": `{"bindings": [{"role": "roles/pubsub.publisher", "members": ["` + writerAs + `"]}]}`, opsPolicy: `{}`,
			}, find: "topic-publishers", status: Skip, reason: "needs sink projects/app-one",
		},
		"the project of the record may not be seen": {
			docs: func() map[string]string {
				docs := elsewhere("")
				delete(docs, "v3/projects/records:getIamPolicy")
				return docs
			}(), find: "record-writer", status: Skip, reason: "answers 404",
		},
		"the record may go to that bucket alone": {
			docs: elsewhere(`{"bindings": [{"role": "roles/logging.bucketWriter", "members": ["serviceAccount:w"], "condition": {"expression": "resource.name.endsWith('b')"}}]}`),
			find: "record-writer", status: OK, reason: "w has roles/logging.bucketWriter",
		},
		"somebody else may write to the bucket": {
			docs: elsewhere(`{"bindings": [{"role": "roles/logging.bucketWriter", "members": ["serviceAccount:v"]}]}`),
			find: "record-writer", status: Fail, reason: "w has no roles/logging.bucketWriter on projects/records", command: "gcloud projects add-iam-policy-binding records --member=serviceAccount:w ",
		},
		"too many at once": {
			docs: map[string]string{functionPath: edited(goodFunction, `Concurrency": 10`, `Concurrency": 200`)}, find: "function",
			status: Fail, reason: "200 requests at once", command: "--concurrency=10 ",
		},
		"variables": {
			docs: map[string]string{functionPath: edited(goodFunction, `{"PULLFIX_PROJECT": "ops"}`,
				`{"PULLFIX_PROJECT": "other", "PULLFIX_LEDGER": "memory", "PULLFIX_SLCAK": "x", "OTHER": "y"}`)}, find: "environment",
			status: Fail, reason: `PULLFIX_LEDGER is "memory", want it left out; PULLFIX_PROJECT is "other", want "ops"; PULLFIX_SLCAK is no variable of pullfix`,
			command: redeploys + `--update-env-vars=PULLFIX_PROJECT=ops --remove-env-vars=PULLFIX_LEDGER,PULLFIX_SLCAK --source="$source"`,
		},
		"rights are not checked": {
			docs: map[string]string{functionPath: goodFunction, servicePath: `{"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY", "invokerIamDisabled": true}`},
			find: "service", status: Fail, reason: "anybody may call it", command: "gcloud run services update pullfix --region=us-central1 --project=ops --invoker-iam-check",
		},
		"everybody may call": {
			docs: map[string]string{functionPath: goodFunction, servicePolicy: `{"bindings": [
				{"role": "roles/run.invoker", "members": ["allUsers", "serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com"]}]}`}, find: "invoker",
			status: Fail, reason: "allUsers has roles/run.invoker",
			command: "gcloud run services remove-iam-policy-binding pullfix --region=us-central1 --project=ops --member=allUsers --role=roles/run.invoker --condition=None",
		},
		"nobody may call, but under a condition": {
			docs: map[string]string{functionPath: goodFunction, servicePolicy: `{"bindings": [
				{"role": "roles/run.invoker", "members": ["serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com"], "condition": {"expression": "false"}}]}`}, find: "invoker",
			status: Fail, reason: "pullfix-trigger@ops.iam.gserviceaccount.com may not call it", command: "gcloud run services add-iam-policy-binding pullfix",
		},
		"too much under a condition": {
			docs: map[string]string{opsPolicy: `{"bindings": [{"role": "roles/owner", "members": ["` + account + `"], "condition": {"expression": "true"}}]}`},
			find: "bindings projects/ops", status: Fail, reason: "has roles/owner, and does not need it",
			command: "gcloud projects remove-iam-policy-binding ops --member=" + account + " --role=roles/owner --all",
		},
		"a role is missing on a worker pool": {
			docs: map[string]string{"v2/projects/backend/locations/us-central1/workerPools/w:getIamPolicy": `{}`}, policy: everyType,
			find: "bindings projects/backend/locations/us-central1/workerPools/w", status: Fail,
			reason: "lacks projects/backend/roles/pullfixGrantRun: gcloud has no command for this policy",
		},
		"rules name a folder, and nobody has a role for that": {
			policy: edited(enforcing, "projects/app-*", "folders/7"), find: "targets", status: Skip, reason: "with --organization",
		},
		"role is deleted": {
			docs: map[string]string{"v1/projects/ops/roles/pullfixRecord": `{"deleted": true}`}, find: "role projects/ops/roles/pullfixRecord",
			status: Fail, reason: "it is deleted", command: "gcloud iam roles undelete pullfixRecord --project=ops --quiet && gcloud iam roles update pullfixRecord --project=ops --quiet --permissions=datastore.",
		},
		"role has other permissions": {
			docs: map[string]string{"v1/projects/shared/roles/pullfixGrantRepository": `{"stage": "GA", "includedPermissions": ["artifactregistry.repositories.delete"]}`},
			find: "role projects/shared/roles/pullfixGrantRepository", policy: enforcing, status: Fail,
			reason:  "it lacks artifactregistry.repositories.setIamPolicy; it permits artifactregistry.repositories.delete too",
			command: "gcloud iam roles update pullfixGrantRepository --project=shared --quiet --permissions=artifactregistry.repositories.setIamPolicy",
		},
		"database is of another type": {
			docs: map[string]string{"v1/projects/ops/databases/(default)": `{"type": "DATASTORE_MODE"}`}, find: "ledger-database",
			status: Fail, reason: "DATASTORE_MODE", command: "gcloud firestore databases update '--database=(default)' --project=ops --type=firestore-native",
		},
		"expiry is being made": {docs: expiry("CREATING"), find: "ledger-ttl pullfix-events", status: OK, reason: "being made"},
		"expiry is broken": {
			docs: expiry("NEEDS_REPAIR"), find: "ledger-ttl pullfix-events", status: Fail, reason: "NEEDS_REPAIR", command: "--collection-group=pullfix-events --enable-ttl",
		},
		"records do not stay long": {
			docs: record(`"retentionDays": 30`), find: "record-bucket", status: Fail, reason: "30 days, want 400",
			command: "gcloud logging buckets update b --location=global --project=records --retention-days=400",
		},
		"records do not stay long, and it is locked": {docs: record(`"retentionDays": 30, "locked": true`), find: "record-bucket", status: Fail, reason: "it is locked"},
		"bucket is being deleted": {
			docs: record(`"lifecycleState": "DELETE_REQUESTED"`), find: "record-bucket", status: Fail, command: "gcloud logging buckets undelete b --location=global --project=records",
		},
		"logged above the project": {
			docs: map[string]string{
				"v3/projects/shared:getIamPolicy": `{}`, "v3/projects/shared": `{"parent": "folders/1"}`,
				"v3/folders/1:getIamPolicy": `{"auditConfigs": [{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}]}`, "v3/folders/1": `{"parent": "organizations/2"}`,
			}, policy: enforcing, find: "audit-logs projects/shared", status: OK,
		},
		"not logged": {
			docs: map[string]string{
				"v3/projects/shared:getIamPolicy": `{"auditConfigs": [{"service": "artifactregistry.googleapis.com", "auditLogConfigs": [{"logType": "DATA_WRITE"}]}]}`,
			}, policy: enforcing, find: "audit-logs projects/shared", status: Fail, reason: "DATA_READ of artifactregistry.googleapis.com is not logged",
			command: `gcloud projects get-iam-policy shared --format=json | jq -e `,
		},
		"a subscription of a topic that is gone": {
			docs: map[string]string{
				"v1/projects/ops/topics/pullfix-dead-letters": `{}`, "v1/projects/ops/subscriptions/pullfix-dead-letters": `{"topic": "_deleted-topic_"}`,
			}, find: "dead-letter-subscription", status: Fail, reason: "_deleted-topic_", command: "subscriptions delete pullfix-dead-letters --project=ops && gcloud pubsub subscriptions create",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l.test(t)
		})
	}
}

func serving(more string) map[string]string {
	return map[string]string{functionPath: goodFunction, servicePath: `{"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY", ` + more + `}`}
}

func expiry(state string) map[string]string {
	return map[string]string{
		"v1/projects/ops/databases/(default)":                                                `{"type": "FIRESTORE_NATIVE"}`,
		"v1/projects/ops/databases/(default)/collectionGroups/pullfix-events/fields/expires": `{"ttlConfig": {"state": "` + state + `"}}`,
	}
}

func record(bucket string) map[string]string {
	return map[string]string{
		"v2/projects/ops/sinks/pullfix-record":           `{"destination": "logging.googleapis.com/projects/records/locations/global/buckets/b", "filter": "log_id(\"pullfix\")\n"}`,
		"v2/projects/records/locations/global/buckets/b": `{` + bucket + `}`,
	}
}

// elsewhere is a record in another project, with the policy of that.
func elsewhere(policy string) map[string]string {
	return map[string]string{
		"v3/projects/ops":                  `{"name": "projects/900", "state": "ACTIVE"}`,
		"v3/projects/records:getIamPolicy": policy,
		"v2/projects/ops/sinks/pullfix-record": `{"destination": "logging.googleapis.com/projects/records/locations/global/buckets/b", "filter": "log_id(\"pullfix\")\n",
			"writerIdentity": "serviceAccount:w"}`,
	}
}

func (l look) test(t *testing.T) {
	t.Helper()
	cloud := on(t, paper{docs: maps.Clone(l.docs), none: notFound})
	var found []Result
	for _, c := range Checks(t.Context(), cloud, deployment(t, l.policy)) {
		if c.Key() == l.find {
			found = c.run(t.Context(), nil)
		}
	}
	for _, r := range found {
		if r.Status == l.status && strings.Contains(r.Reason, l.reason) && strings.Contains(r.Command, l.command) {
			return
		}
	}
	text, _ := json.MarshalIndent(found, "", " ")
	t.Errorf("%s: got %s\nwant %s %q with %q", l.find, text, l.status, l.reason, l.command)
}

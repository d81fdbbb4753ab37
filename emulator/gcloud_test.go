package emulator_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

func TestGcloud(t *testing.T) {
	l := start(t, seed)
	gcloud := emulatortest.NewGcloud(t, l.addr)
	gcloud.Env = append(gcloud.Env, "CLOUDSDK_CORE_PROJECT=app-one", "CLOUDSDK_CORE_REQUEST_REASON=by-hand")
	const (
		in     = " --location=us-central1 --project=shared-images"
		region = " --region=us-central1"
		member = " --member=" + agent
		deploy = "run@app-one.iam.gserviceaccount.com"
	)
	for _, test := range []struct{ line, want string }{
		{"artifacts repositories describe apps" + in, "registryUri: us-central1-docker.pkg.dev/shared-images/apps"},
		{"artifacts repositories get-iam-policy apps" + in, "group:dev@example.com"},
		{"artifacts repositories add-iam-policy-binding apps --role=" + reader + member + in, "Updated IAM policy for repository [apps]."},
		{"artifacts repositories add-iam-policy-binding apps --role=" + writer + member + in, "Updated IAM policy for repository [apps]."},
		{"artifacts repositories remove-iam-policy-binding apps --role=" + writer + member + in, "Updated IAM policy for repository [apps]."},
		{"artifacts repositories add-iam-policy-binding apps --role=" + reader + " --member=" + nobody + in, "INVALID_ARGUMENT: Service account service-9@serverless-robot-prod.iam.gserviceaccount.com does not exist."},
		{"artifacts repositories get-iam-policy conditional" + in, reader + "_withcond_"},
		{"artifacts repositories add-iam-policy-binding conditional --role=" + writer + member + in, "Updated IAM policy for repository [conditional]."},
		{"artifacts repositories describe nothing" + in, "NOT_FOUND: Requested entity was not found."},
		{"artifacts docker tags list us-central1-docker.pkg.dev/shared-images/apps/team/api", ones},
		{"artifacts docker images list us-central1-docker.pkg.dev/shared-images/apps", "us-central1-docker.pkg.dev/shared-images/apps/team/api"},
		{"artifacts docker images describe us-central1-docker.pkg.dev/shared-images/apps/team/api:v1", "@" + ones},
		{"artifacts rules list --repository=apps" + in, "DENY"},
		{"secrets versions access latest --secret=hub", "hunter2"},
		{"secrets add-iam-policy-binding hub --role=roles/secretmanager.secretAccessor" + member, "Updated IAM policy for secret [hub]."},
		{"run services add-iam-policy-binding web --role=roles/run.invoker" + member + region, "Updated IAM policy for service [web]."},
		{"run jobs add-iam-policy-binding nightly --role=roles/run.invoker" + member + region, "Updated IAM policy for job [nightly]."},
		{"iam service-accounts describe " + deploy, "projectId: app-one"},
		{"iam service-accounts add-iam-policy-binding " + deploy + " --role=roles/iam.serviceAccountUser" + member, "Updated IAM policy for serviceAccount [" + deploy + "]."},
		{"projects describe app-one", "projectNumber: '111111111111'"},
		{"projects describe 111111111111", "projectId: app-one"},
		{"projects describe nothing", "does not have permission"},
		{"projects get-iam-policy app-one", "etag: ACAB"},
		{"resource-manager folders describe 222", "parent: organizations/333"},
		{"organizations describe 333", "name: organizations/333"},
		{"logging write rehearsal hello --severity=ERROR", "Created log entry."},
		{"logging read severity>=ERROR --limit=1", "textPayload: hello"},
		{"logging read log_id(\"cloudaudit.googleapis.com/activity\")protoPayload.methodName=\"google.cloud.run.v1.Jobs.SetIamPolicy\" --limit=1", "reason: by-hand"},
		{"logging read protoPayload.methodName=~\"SecretManagerService\\.SetIamPolicy$\" --limit=1", "member: " + agent},
		{"logging read protoPayload.authenticationInfo.principalEmail=\"pullfix@pullfix-local.iam.gserviceaccount.com\" --project=shared-images --limit=1 --order=asc", "methodName: google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy"},
	} {
		began := time.Now()
		got, err := gcloud.Run(t.Context(), strings.Fields(test.line)...)
		if !strings.Contains(got, test.want) {
			t.Errorf("gcloud %s: got\n%s\n%v; want %q", test.line, got, err, test.want)
		}
		t.Logf("%5.2fs gcloud %s", time.Since(began).Seconds(), test.line)
	}
	checkGrants(t, l)
}

// TestGcloudMakes runs commands that make things, and those that look at them.
// What deploy.sh calls is held where deploy.sh is tested.
func TestGcloudMakes(t *testing.T) {
	l := start(t, seed)
	gcloud := emulatortest.NewGcloud(t, l.addr)
	gcloud.Env = append(gcloud.Env, "CLOUDSDK_CORE_PROJECT=app-one")
	dir := t.TempDir()
	alert, constraint, policy := filepath.Join(dir, "alert.json"), filepath.Join(dir, "constraint.yaml"), filepath.Join(dir, "policy.yaml")
	for file, text := range map[string]string{
		alert:      `{"displayName": "too many", "combiner": "OR", "conditions": [{"displayName": "c", "conditionAbsent": {"filter": "x", "duration": "60s"}}]}`,
		constraint: "name: organizations/333/customConstraints/custom.never\nactionType: DENY\ncondition: 'true'\nmethodTypes: [CREATE]\nresourceTypes: [iam.googleapis.com/AllowPolicy]\n",
		policy:     "name: projects/app-one/policies/custom.never\nspec: {rules: [{enforce: true}]}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ line, want string }{
		{"pubsub topics create events", "Created topic [projects/app-one/topics/events]."},
		{"pubsub subscriptions create events --topic=events", "Created subscription [projects/app-one/subscriptions/events]."},
		{"pubsub topics publish events --message=hello", "messageIds:"},
		{"pubsub subscriptions pull events --auto-ack --format=value(message.data.decode(base64))", "hello"},
		{"beta services identity create --service=pubsub.googleapis.com", "service-111111111111@gcp-sa-pubsub.iam.gserviceaccount.com"},
		{"iam service-accounts create builder", "Created service account [builder]."},
		{"iam service-accounts list --format=value(email)", "builder@app-one.iam.gserviceaccount.com"},
		{"iam roles create reader --permissions=run.jobs.get --organization=333 --quiet", "Created role [reader]."},
		{"iam roles list --organization=333 --format=value(name)", "organizations/333/roles/reader"},
		{"logging buckets create kept --location=global", ""},
		{"logging buckets list --format=value(name.basename(),retentionDays)", "kept\t30"},
		{"logging sinks create events pubsub.googleapis.com/projects/app-one/topics/events --organization=333", "service-org-333@gcp-sa-logging.iam.gserviceaccount.com"},
		{"secrets versions add bare --data-file=" + policy, "Created version [1] of the secret [bare]."},
		{"secrets versions list bare --format=value(name.basename(),state)", "1\tenabled"},
		{"functions list", "Listed 0 items."},
		{"artifacts repositories list --location=us-central1 --project=shared-images --format=value(name.basename())", "empty"},
		{"run jobs list --format=value(metadata.name)", "nightly"},
		{"alpha monitoring policies create --policy-from-file=" + alert, "Created alert policy [projects/app-one/alertPolicies/"},
		{"org-policies set-policy " + policy, "custom.never does not exist"},
		{"org-policies set-custom-constraint " + constraint, "customConstraints/custom.never"},
		{"org-policies set-policy " + policy, "Created policy [projects/app-one/policies/custom.never]."},
	} {
		if got, err := gcloud.Run(t.Context(), strings.Fields(test.line)...); !strings.Contains(strings.ToLower(got), strings.ToLower(test.want)) {
			t.Errorf("gcloud %s: got\n%s\n%v; want %q", test.line, got, err, test.want)
		}
	}
}

// checkGrants looks for what the commands have granted.
func checkGrants(t *testing.T, l *local) {
	t.Helper()
	policies := l.Policies()
	for resource, role := range map[string]string{
		apps:                           reader,
		conditional:                    writer,
		"projects/app-one/secrets/hub": "roles/secretmanager.secretAccessor",
		"projects/app-one/locations/us-central1/services/web":                  "roles/run.invoker",
		"projects/app-one/locations/us-central1/jobs/nightly":                  "roles/run.invoker",
		"projects/app-one/serviceAccounts/run@app-one.iam.gserviceaccount.com": "roles/iam.serviceAccountUser",
	} {
		if !slices.ContainsFunc(policies[resource].GetBindings(), func(b *iampb.Binding) bool {
			return b.GetRole() == role && b.GetCondition() == nil && slices.Contains(b.GetMembers(), agent)
		}) {
			t.Errorf("%s: %s has no %s: %v", resource, agent, role, policies[resource])
		}
	}
	if policies[conditional].GetVersion() != 3 {
		t.Errorf("the condition is gone: %v", policies[conditional])
	}
}

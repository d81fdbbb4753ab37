package emulator_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
)

// gcloudServices are the services whose address gcloud is told. The last two
// are not emulated; gcloud asks them about images, and does without an answer.
var gcloudServices = []string{
	"ARTIFACTREGISTRY", "SECRETMANAGER", "IAM", "RUN", "LOGGING", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE", "CONTAINERANALYSIS",
}

// requireGcloud skips the test where gcloud is not wanted or not there.
func requireGcloud(t *testing.T) {
	t.Helper()
	skip := t.Skip
	if os.Getenv("PULLFIX_NO_SKIP") != "" {
		skip = t.Fatal
	}
	if os.Getenv("PULLFIX_FURTHER") == "" {
		skip("set PULLFIX_FURTHER=1 to run the tests that need gcloud")
	}
	if _, err := exec.LookPath("gcloud"); err != nil {
		skip("gcloud is not on PATH")
	}
}

// gcloud runs one command against the local cloud.
func gcloud(t *testing.T, env []string, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "gcloud", strings.Fields(line)...)
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	t.Logf("%5.2fs gcloud %s", time.Since(began).Seconds(), line)
	if err != nil {
		return "error: " + out.String()
	}
	return out.String()
}

func TestGcloud(t *testing.T) {
	requireGcloud(t)
	l := start(t, seed)
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CLOUDSDK_CONFIG=" + t.TempDir(), "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
		"CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true", "CLOUDSDK_CORE_PROJECT=app-one", "CLOUDSDK_CORE_REQUEST_REASON=by-hand",
	}
	for _, service := range gcloudServices {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+service+"=http://"+l.addr+"/")
	}
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
		if got := gcloud(t, env, test.line); !strings.Contains(got, test.want) {
			t.Errorf("gcloud %s: got\n%s\nwant %q", test.line, got, test.want)
		}
	}
	checkGrants(t, l)
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

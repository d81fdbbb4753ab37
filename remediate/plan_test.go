package remediate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
)

func TestEveryKindHasAPlan(t *testing.T) {
	for _, word := range iam.KindNames() {
		kind := must(iam.ParseKind(word))
		_, mended := fixes[kind]
		_, explained := noFix[kind]
		if mended == explained {
			t.Errorf("%s: got a fix %t and a reason why there is none %t, want one of them", word, mended, explained)
		}
		if NewPlan(kind, iam.Access{}).Reason == "" {
			t.Errorf("%s: the plan gives no reason", word)
		}
	}
}

// TestNothingElseCanBeWritten tries every kind with everything that a policy
// could name, and wants only what the hard limits let through.
func TestNothingElseCanBeWritten(t *testing.T) {
	self := must(iam.ParsePrincipal("serviceAccount:pullfix@ops.iam.gserviceaccount.com"))
	members := []string{
		agent111, "serviceAccount:build@app-one.iam.gserviceaccount.com", self.String(),
		"user:ann@example.com", "group:all@example.com", "domain:example.com",
		"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s", "",
	}
	resources := []string{
		repository, "projects/p/secrets/s", "projects/p/locations/l/services/s", "projects/p/locations/l/jobs/j",
		"projects/p/locations/l/workerPools/w", "projects/p/locations/l/functions/f", "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
		"projects/p", "projects/serverless-runtimes/locations/us-central1/repositories/utilities", "",
	}
	allowed := map[iam.Role][]iam.ResourceType{
		iam.ArtifactReader: {iam.RepositoryType}, iam.ArtifactWriter: {iam.RepositoryType}, iam.SecretAccessor: {iam.SecretType},
		iam.RunInvoker: {iam.ServiceType, iam.JobType, iam.WorkerPoolType},
	}
	granted := 0
	for _, word := range iam.KindNames() {
		for _, member := range members {
			for _, resource := range resources {
				access := iam.Access{Permission: must(iam.ParsePermission("run.services.setIamPolicy"))}
				_, _ = access.Principal.UnmarshalText([]byte(member)), access.Resource.UnmarshalText([]byte(resource))
				plan := NewPlan(must(iam.ParseKind(word)), access)
				grant, err := plan.Grant(self)
				if err != nil {
					refused := (*RefusedError)(nil)
					if !errors.As(err, &refused) || refused.Cause == "" || refused.Why == "" || grant != (Grant{}) {
						t.Errorf("%s, %q, %q: got %+v and %v, want a reasoned refusal", word, member, resource, grant, err)
					}
					continue
				}
				granted++
				b := grant.Binding()
				if word == "run-image" && member != agent111 {
					t.Errorf("%s could be written", b)
				}
				ok := strings.HasPrefix(member, "serviceAccount:") && b.Member != self && !b.Resource.Project().GoogleOwned()
				typeOK := false
				for _, typ := range allowed[b.Role] {
					typeOK = typeOK || typ == b.Resource.Type()
				}
				if !ok || !typeOK {
					t.Errorf("%s: %s could be written", word, b)
				}
			}
		}
	}
	if granted == 0 {
		t.Error("nothing at all could be written")
	}
}

func TestCommands(t *testing.T) {
	gcloud, terraform := planned().Commands()
	const wantGcloud = `gcloud artifacts repositories add-iam-policy-binding apps \
  --project=shared \
  --location=us-central1 \
  --member=serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com \
  --role=roles/artifactregistry.reader`
	const wantTerraform = `resource "google_artifact_registry_repository_iam_member" "apps_service_111111111111" {
  project    = "shared"
  location   = "us-central1"
  repository = "apps"
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
}`
	if diff := cmp.Diff(wantGcloud, gcloud); diff != "" {
		t.Errorf("gcloud -want +got\n%s", diff)
	}
	if diff := cmp.Diff(wantTerraform, terraform); diff != "" {
		t.Errorf("terraform -want +got\n%s", diff)
	}
	p := planned()
	p.Binding.Member = iam.Principal{}
	if gcloud, terraform := p.Commands(); gcloud != "" || terraform != "" {
		t.Errorf("a member that is not known: got %q and %q, want nothing to paste", gcloud, terraform)
	}
	if got, want := p.Outline(), strings.Replace(wantGcloud, agent111, "MEMBER", 1); got != want {
		t.Errorf("outline -want +got\n%s", cmp.Diff(want, got))
	}
	p.Binding.Resource = iam.Resource{}
	if got := p.Outline(); got != "" {
		t.Errorf("nothing is known: got %q", got)
	}
}

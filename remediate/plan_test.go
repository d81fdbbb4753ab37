package remediate

import (
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

package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
)

func TestWaits(t *testing.T) {
	policy, err := Parse("rules.yaml", []byte(`
apiVersion: pullfix/v1
allow:
  - name: images
    kinds: [run-image, artifact-download, secret-access]
    from: [projects/app-*]
    to: [projects/shared/locations/*/repositories/apps, projects/vault/secrets/db-*]
    members: [service-account]
  - name: all
    kinds: [secret-access, upstream-secret]
    from: [projects/app-*]
    to: ["projects/team-*/**"]
    members: [service-account, artifact-registry-agent]
deny:
  - name: never
    kinds: [artifact-upload]
    to: [projects/shared/**]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Wait{
		{iam.RunImage, "shared"},
		{iam.ArtifactDownload, "shared"},
		{iam.UpstreamSecret, "team-*"},
		{iam.SecretAccess, "team-*"},
		{iam.SecretAccess, "vault"},
	}
	if diff := cmp.Diff(want, policy.Waits()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

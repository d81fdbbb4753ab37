package doctor

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
)

const everyType = `
apiVersion: pullfix/v1
mode: enforce
allow:
  - name: images
    kinds: [run-image]
    from: [projects/app-*]
    to: [projects/team-*/locations/*/repositories/apps, projects/333333333333/locations/*/repositories/apps*]
    members: [cloud-run-agent]
  - name: secrets
    kinds: [secret-access]
    from: [projects/app-*]
    to: [projects/vault/secrets/db-*]
    members: [service-account]
  - name: calls
    kinds: [invoker]
    from: [projects/app-*]
    to: [projects/backend/locations/*/services/api-*, projects/backend/locations/*/jobs/*, projects/backend/locations/us-central1/workerPools/w]
    members: [service-account]
`

// everything that the rules cover, in three projects.
var listed = map[string]string{
	"v3/projects/333333333333":                                     `{"name": "projects/333333333333", "projectId": "shared"}`,
	"v1/projects/333333333333/locations":                           `{"locations": [{"locationId": "us"}, {"locationId": "europe-west1"}]}`,
	"v1/projects/vault/secrets":                                    `{"secrets": [{"name": "projects/vault/secrets/db-a"}, {"name": "projects/vault/secrets/other"}]}`,
	"v3/projects/vault":                                            `{"projectId": "vault"}`,
	"apis/run.googleapis.com/v1/namespaces/backend/jobs":           `{"items": []}`,
	"apis/serving.knative.dev/v1/namespaces/backend/services":      `{"items": [{"metadata": {"name": "api-x", "labels": {"cloud.googleapis.com/location": "us-central1"}}}, {"metadata": {"name": "web"}}]}`,
	"v1/projects/333333333333/locations/us/repositories":           `{"repositories": [{"name": "projects/shared/locations/us/repositories/apps"}, {"name": "projects/shared/locations/us/repositories/base"}]}`,
	"v1/projects/333333333333/locations/europe-west1/repositories": `{"repositories": [{"name": "projects/shared/locations/europe-west1/repositories/apps-eu"}]}`,
}

func TestTargets(t *testing.T) {
	t.Parallel()
	d := deployment(t, everyType)
	team, err := iam.ParseResource("projects/team-a/locations/us/repositories/apps")
	if err != nil {
		t.Fatal(err)
	}
	d.Resources = []iam.Resource{team}
	checks := Checks(t.Context(), on(t, paper{docs: listed, none: notFound}), d)
	wellFormed(t, checks)
	var found []string
	for _, c := range checks {
		if c.Name == "targets" {
			if r := c.Look(t.Context()); len(r) != 1 || r[0].Status != OK {
				t.Errorf("got %+v", r)
			}
		}
		if c.Name == "bindings" {
			found = append(found, c.On)
		}
	}
	want := []string{
		"projects/app-one", "projects/backend", "projects/backend/locations/us-central1/services/api-x", "projects/backend/locations/us-central1/workerPools/w",
		"projects/ops", "projects/shared", "projects/shared/locations/europe-west1/repositories/apps-eu", "projects/shared/locations/us/repositories/apps",
		"projects/team-a", "projects/team-a/locations/us/repositories/apps", "projects/vault", "projects/vault/secrets/db-a",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// What cannot be found is said, and what can be is looked at.
func TestTargetsThatCannotBeFound(t *testing.T) {
	t.Parallel()
	docs := map[string]string{"apis/run.googleapis.com/v1/namespaces/backend/jobs": `{}`}
	checks := Checks(t.Context(), on(t, paper{docs: docs, none: func(path string) (int, string) {
		if strings.Contains(path, "secrets") {
			return 403, `{"error": {"message": "no"}}`
		}
		return notFound(path)
	}}), deployment(t, everyType))
	at := slices.IndexFunc(checks, func(c Check) bool { return c.Name == "targets" })
	got := map[string]string{}
	for _, r := range checks[at].Look(t.Context()) {
		if r.Status != Skip {
			t.Errorf("got %+v", r)
		}
		got[r.On] = r.Reason
	}
	want := map[string]string{
		"projects/team-*/locations/*/repositories/apps":        "no project can be listed by that: name each resource with --resource",
		"projects/333333333333/locations/*/repositories/apps*": "artifactregistry.googleapis.com answers 404: no /v1/projects/333333333333/locations",
		"projects/vault/secrets/db-*":                          "you may not look: it needs secretmanager.secrets.list",
		"projects/backend/locations/*/services/api-*":          "run.googleapis.com answers 404: no /apis/serving.knative.dev/v1/namespaces/backend/services",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The secrets of channels are those that the function has by whatever way.
func TestSecretsOfTheFunction(t *testing.T) {
	t.Parallel()
	docs := map[string]string{
		functionPath: edited(goodFunction, `{"PULLFIX_PROJECT": "ops"}`,
			`{"PULLFIX_PROJECT": "ops", "PULLFIX_SMTP_PASSWORD": "projects/ops/secrets/p/versions/7"},
		"secretEnvironmentVariables": [{"key": "PULLFIX_SLACK", "projectId": "ops", "secret": "s", "version": "latest"}]`),
		"v1/projects/ops/secrets/p": `{}`,
	}
	checks := Checks(t.Context(), on(t, paper{docs: docs, none: notFound}), deployment(t, ""))
	var got []Result
	for _, c := range checks {
		if c.Name == "secret" || c.Name == "environment" {
			got = append(got, c.run(t.Context(), nil)...)
		}
	}
	const latest = "--update-env-vars=PULLFIX_SMTP_PASSWORD=projects/ops/secrets/p/versions/latest"
	for n, want := range []Result{
		{Check: "environment", Status: OK},
		{Check: "secret", On: "projects/ops/secrets/p/versions/7", Status: Fail, Command: "gcloud secrets versions add p --project=ops --data-file=- && " + redeploys + latest + fromStage},
		{
			Check: "secret", On: "projects/ops/secrets/s/versions/latest", Status: Fail,
			Command: "gcloud secrets create s --project=ops --replication-policy=automatic --data-file=-",
		},
	} {
		if g := got[n]; g.Check != want.Check || g.On != want.On || g.Status != want.Status || g.Command != want.Command {
			t.Errorf("got %+v, want %+v", g, want)
		}
	}
}

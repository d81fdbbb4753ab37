package doctor

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const waiting = `
apiVersion: pullfix/v1
mode: enforce
allow:
  - name: images
    kinds: [run-image]
    from: [projects/app-one]
    to: [projects/elsewhere/locations/us/repositories/apps]
    members: [cloud-run-agent]
  - name: secrets
    kinds: [secret-access]
    from: [projects/app-one]
    to: [projects/shared-images/secrets/hub, projects/333333333333/secrets/hub, projects/team-*/secrets/hub]
    members: [service-account]
`

// A denial is logged in the project whose data is accessed: a source that
// deploys does not bring it. What Cloud Run says of a deploy is in the project
// that deploys.
func TestSources(t *testing.T) {
	t.Parallel()
	const (
		one, numbered = "projects/shared-images", "projects/333333333333"
		reason        = "no source covers it: denials are logged there, and none arrives"
		listed        = "no project can be listed by that: look at each"
	)
	docs := map[string]string{
		"v3/projects/shared-images": `{"projectId": "shared-images", "parent": "folders/8"}`,
		"v3/projects/333333333333":  `{"projectId": "vault", "parent": "folders/7"}`,
		"v3/projects/vault":         `{"projectId": "vault", "parent": "folders/7"}`,
		"v3/folders/8":              `{"parent": "folders/7"}`,
		"v3/folders/7":              `{"parent": "organizations/1"}`,
	}
	fails := func(on, project string) Result {
		return Result{Check: "source", On: on, Status: Fail, Reason: reason, Command: "./deploy.sh FLAGS --source " + project}
	}
	covered := func(on, by string) Result {
		return Result{Check: "source", On: on, Status: OK, Reason: "entries come from " + by}
	}
	skipped := func(on, reason string) Result { return Result{Check: "source", On: on, Reason: reason} }
	for name, test := range map[string]struct {
		sources []string
		docs    map[string]string
		want    []Result
	}{
		"neither is a source":         {[]string{"projects/app-one", "folders/222"}, docs, []Result{fails(numbered, "projects/vault"), fails(one, one)}},
		"both are":                    {[]string{one, "projects/vault"}, docs, []Result{covered(numbered, "projects/vault"), covered(one, one)}},
		"one is below a folder":       {[]string{"folders/8"}, docs, []Result{fails(numbered, "projects/vault"), covered(one, "folders/8")}},
		"both are below a folder":     {[]string{"projects/app-one", "folders/7"}, docs, []Result{covered(numbered, "folders/7"), covered(one, "folders/7")}},
		"both are of an organisation": {[]string{"organizations/1"}, docs, []Result{covered(numbered, "organizations/1"), covered(one, "organizations/1")}},
		"nobody may look": {[]string{"folders/222", one}, nil, []Result{
			skipped(numbered, "you may not look: it needs resourcemanager.projects.get"), covered(one, one),
		}},
		"nobody may look above": {[]string{"folders/222"}, map[string]string{"v3/projects/shared-images": docs["v3/projects/shared-images"]}, []Result{
			skipped(numbered, "you may not look: it needs resourcemanager.projects.get"), skipped(one, "you may not look: it needs resourcemanager.folders.get"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deployment(t, waiting)
			d.Sources, d.Organization = test.sources, "1"
			k := &desk{Deployment: d, cloud: on(t, paper{docs: test.docs, none: func(string) (int, string) {
				return http.StatusForbidden, `{"error": {"message": "no"}}`
			}})}
			want := slices.Concat(test.want, []Result{skipped("projects/team-*", listed)})
			if diff := cmp.Diff(want, Run(t.Context(), k.covering()), cmpopts.IgnoreUnexported(Result{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// All that rules wait for is looked at with everything else.
func TestSourceIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.delete("v2/projects/shared/sinks/pullfix")
	s.unbind("projects/ops/topics/pullfix", publisher)
	s.bind("projects/ops/topics/pullfix", publisher, writerAs)
	s.Sources = s.Sources[:1]
	want := []Result{{
		Check: "source", On: "projects/shared", Status: Fail, Reason: "no source covers it: denials are logged there, and none arrives",
		Command: "./deploy.sh FLAGS --source projects/shared",
	}}
	if diff := cmp.Diff(want, s.notWell(), cmpopts.IgnoreUnexported(Result{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

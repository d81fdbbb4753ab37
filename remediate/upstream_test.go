package remediate

import (
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/iam"
)

// behindWorld has repositories that serve what others hold.
const behindWorld = `
projects:
  - {id: app-one, number: 111111111111}
  - {id: shared, number: 900000000001}
  - {id: other, number: 900000000002}
repositories:
  - name: projects/shared/locations/us/repositories/mirror
    format: docker
    mode: remote
    upstreamSecret: projects/other/secrets/hub/versions/latest
  - name: projects/shared/locations/us/repositories/public-mirror
    format: docker
    mode: remote
  - name: projects/shared/locations/us/repositories/all
    format: docker
    mode: virtual
    upstreams: [projects/shared/locations/us/repositories/mirror, projects/other/locations/us/repositories/base]
  - name: projects/shared/locations/us/repositories/gcr.io
    format: docker
    mode: standard
    images: ["web:v1"]
  - name: projects/other/locations/us/repositories/base
    format: docker
    mode: standard
secrets:
  - {name: projects/other/secrets/hub, value: x}
`

const arAgent = "serviceAccount:service-900000000001@gcp-sa-artifactregistry.iam.gserviceaccount.com"

// with gives something in a seed one more key.
func with(seed, name, key string) string {
	i := strings.Index(seed, "name: "+name)
	end := i + strings.IndexByte(seed[i:], '\n')
	if seed[i-1] == '{' {
		return seed[:end-1] + ", " + key + "}" + seed[end:]
	}
	return seed[:end] + "\n    " + key + seed[end:]
}

func policyOf(role, member string) string {
	return `policy: {bindings: [{role: ` + role + `, members: ["` + member + `"]}]}`
}

func inherited(seed, project, role, member string) string {
	return strings.Replace(seed, "{id: "+project+", ", "{id: "+project+", "+policyOf(role, member)+", ", 1)
}

func TestBehindTheRepository(t *testing.T) {
	const (
		accessor = "roles/secretmanager.secretAccessor"
		hub      = "projects/other/secrets/hub"
		base     = "projects/other/locations/us/repositories/base"
	)
	for _, test := range []struct {
		name, repository, seed string
		want                   Cause
		why                    string
		fix                    string // resource
	}{
		{name: "a remote repository without a password", repository: "public-mirror"},
		{name: "its agent holds nothing", repository: "mirror", want: UpstreamSecret, fix: hub, why: "service-900000000001@gcp-sa-artifactregistry.iam.gserviceaccount.com, which does not hold " + accessor},
		{name: "its agent may read the secret", repository: "mirror", seed: with(behindWorld, hub, policyOf(accessor, arAgent))},
		{name: "its agent may read every secret of the project", repository: "mirror", seed: inherited(behindWorld, "other", accessor, arAgent)},
		{name: "its agent owns the project of the secret", repository: "mirror", seed: inherited(behindWorld, "other", "roles/owner", arAgent)},
		{name: "its agent may view the project of the secret", repository: "mirror", seed: inherited(behindWorld, "other", "roles/viewer", arAgent), want: UpstreamSecret, fix: hub},
		{name: "another agent may read the secret", repository: "mirror", seed: with(behindWorld, hub, policyOf(accessor, strings.Replace(arAgent, "1@", "2@", 1))), want: UpstreamSecret, fix: hub},
		{name: "the secret does not exist", repository: "mirror", seed: strings.Replace(behindWorld, "{name: projects/other/secrets/hub,", "{name: projects/other/secrets/hub2,", 1), want: UpstreamSecret, why: "does not exist"},
		{name: "the secret's policy may not be read", repository: "mirror", seed: withFaults(behindWorld, "{method: GetIamPolicy, resource: "+hub+", code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read whether"},
		{name: "the project's policy may not be read", repository: "mirror", seed: withFaults(behindWorld, "{method: GetIamPolicy, resource: projects/other, code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read whether"},
		{name: "the project's policy may not be read, and need not be", repository: "mirror", seed: withFaults(with(behindWorld, hub, policyOf(accessor, arAgent)), "{method: GetIamPolicy, resource: projects/other, code: PERMISSION_DENIED, times: 9}")},
		{name: "the project of the repository may not be read", repository: "mirror", seed: withFaults(behindWorld, "{method: GetProject, resource: projects/shared, code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read projects/shared"},
		{name: "reads that fail for a while", repository: "public-mirror", seed: withFaults(behindWorld, "{method: GetIamPolicy, code: UNAVAILABLE, times: 2}")},

		{name: "a virtual repository whose agent may not read the other project", repository: "all", want: VirtualUpstream, fix: base, why: "the virtual repository projects/shared/locations/us/repositories/all reads its upstream " + base},
		{name: "a virtual repository whose agent may", repository: "all", seed: with(behindWorld, base, policyOf(reader, arAgent))},
		{name: "a virtual repository whose agent may by its own role", repository: "all", seed: with(behindWorld, base, policyOf("roles/artifactregistry.serviceAgent", arAgent))},
		{name: "a virtual repository whose upstream is gone", repository: "all", seed: strings.Replace(behindWorld, "name: "+base, "name: "+base+"2", 1), want: VirtualUpstream, why: "does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed := test.seed
			if seed == "" {
				seed = behindWorld
			}
			_, checker, _ := start(t, seed)
			plan := planned()
			plan.Binding.Resource = resource("projects/shared/locations/us/repositories/" + test.repository)
			got, err := checker.Check(t.Context(), Question{Grant: must(plan.Grant(iam.Principal{})), Project: must(iam.ParseProject("app-one"))})
			if err != nil {
				t.Fatal(err)
			}
			if got.Cause != test.want || !strings.Contains(got.Why, test.why) {
				t.Errorf("got cause %q: %s\nwant cause %q: …%s…", got.Cause, got.Why, test.want, test.why)
			}
			fix := ""
			if got.Fix != nil {
				fix = got.Fix.Binding.Resource.String()
				if got.Fix.Binding.Member.String() != arAgent {
					t.Errorf("the fix is for %s, want %s", got.Fix.Binding.Member, arAgent)
				}
			}
			if fix != test.fix {
				t.Errorf("got the fix on %q, want %q", fix, test.fix)
			}
		})
	}
}

func TestContainerRegistry(t *testing.T) {
	for _, test := range []struct {
		name, image, seed string
		want              Cause
		why               string
	}{
		{name: "served by Artifact Registry", image: "gcr.io/shared/web:v1"},
		{name: "not served", image: "eu.gcr.io/other/web:v1", want: NotRedirected, why: "eu.gcr.io of project other is not served by Artifact Registry"},
		{name: "the same repository by its own host", image: "us-docker.pkg.dev/shared/gcr.io/web:v1"},
		{name: "settings that may not be read", image: "gcr.io/shared/web:v1", seed: withFaults(behindWorld, "{method: GetProjectSettings, code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read projects/shared/projectSettings"},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed := test.seed
			if seed == "" {
				seed = behindWorld
			}
			_, checker, _ := start(t, seed)
			image := must(iam.ParseImage(test.image))
			plan := planned()
			plan.Binding.Resource = image.Repository()
			got, err := checker.Check(t.Context(), Question{Grant: must(plan.Grant(iam.Principal{})), Image: image, Project: must(iam.ParseProject("app-one"))})
			if err != nil {
				t.Fatal(err)
			}
			if got.Cause != test.want || !strings.Contains(got.Why, test.why) {
				t.Errorf("got cause %q: %s\nwant cause %q: …%s…", got.Cause, got.Why, test.want, test.why)
			}
		})
	}
}

func TestSince(t *testing.T) {
	grant := must(planned().Grant(iam.Principal{}))
	for _, test := range []struct {
		ago   time.Duration
		wants []string
		not   string
	}{
		{20 * time.Second, []string{"20s ago", "wait, then deploy again"}, "deny policy"},
		{6*time.Minute + 40*time.Second, []string{"7m ago", "wait, then deploy again"}, "deny policy"},
		{8 * time.Minute, []string{"8m ago", "long enough", "VPC Service Controls violation in the policy log of project shared, then for an IAM deny policy"}, "wait"},
		{26 * time.Hour, []string{"26h0m ago"}, "wait"},
	} {
		got := Since(grant, test.ago)
		for _, want := range test.wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s ago: got %q, want …%s…", test.ago, got, want)
			}
		}
		if strings.Contains(got, test.not) {
			t.Errorf("%s ago: got %q, want nothing of %q", test.ago, got, test.not)
		}
	}
}

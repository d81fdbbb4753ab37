package remediate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

func TestCheck(t *testing.T) {
	const base = "us-central1-docker.pkg.dev/shared/apps/"
	for _, test := range []struct {
		name   string
		seed   string
		change func(*Question, *Plan)
		want   Cause
		why    string
	}{
		{name: "would help"},
		{name: "by digest", change: func(q *Question, _ *Plan) {
			q.Image = must(iam.ParseImage(base + "team/api@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"))
		}},
		{name: "no such tag", change: func(q *Question, _ *Plan) { q.Image = must(iam.ParseImage(base + "web:v2")) }, want: ImageMissing, why: base + "web:v2"},
		{name: "no such image", change: func(q *Question, _ *Plan) { q.Image = must(iam.ParseImage(base + "wbe")) }, want: ImageMissing, why: base + "wbe"},
		{name: "no such tag, by the project's number", change: func(q *Question, _ *Plan) {
			q.Image = must(iam.ParseImage("us-central1-docker.pkg.dev/900000000001/apps/web:v7"))
		}, want: ImageMissing, why: "does not exist"},
		{name: "no such digest", change: func(q *Question, _ *Plan) {
			q.Image = must(iam.ParseImage(base + "web@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"))
		}, want: ImageMissing},
		{name: "no such repository", change: func(q *Question, p *Plan) {
			q.Image = must(iam.ParseImage("us-central1-docker.pkg.dev/shared/nope/web:v1"))
			p.Binding.Resource = q.Image.Repository()
		}, want: RepositoryMissing, why: "the repository projects/shared/locations/us-central1/repositories/nope does not exist"},
		{name: "a remote repository has not fetched it yet", change: func(q *Question, p *Plan) {
			q.Image = must(iam.ParseImage("us-central1-docker.pkg.dev/shared/mirror/web:v1"))
			p.Binding.Resource = q.Image.Repository()
		}},
		{name: "the repository has a name much like it", change: func(q *Question, p *Plan) {
			q.Image = must(iam.ParseImage("us-central1-docker.pkg.dev/shared/app/web:v1"))
			p.Binding.Resource = q.Image.Repository()
		}, want: RepositoryMissing, why: "there is projects/shared/locations/us-central1/repositories/apps: was that meant?"},
		{name: "the tag has a name much like it", change: func(q *Question, _ *Plan) { q.Image = must(iam.ParseImage(base + "web:v11")) }, want: ImageMissing, why: "there is " + base + "web:v1: was that meant?"},
		{name: "the package has a name much like it", change: func(q *Question, _ *Plan) { q.Image = must(iam.ParseImage(base + "team/apy:v1")) }, want: ImageMissing, why: "there is " + base + "team/api: was that meant?"},
		{name: "names that may not be listed", seed: withFaults(world, "{method: ListTags, code: PERMISSION_DENIED, times: 9}"), change: func(q *Question, _ *Plan) { q.Image = must(iam.ParseImage(base + "web:v11")) }, want: ImageMissing, why: "a grant would not help"},
		{name: "a policy that is full", seed: strings.Replace(world, `"group:dev@example.com"`, manyUsers(mostPrincipals-2), 1), want: PolicyFull, why: "holds 1500 principals"},
		{name: "a policy that is nearly full", seed: strings.Replace(world, `"group:dev@example.com"`, manyUsers(mostPrincipals-3), 1)},

		{name: "an account of the deploying project", change: account("build@app-one.iam.gserviceaccount.com", "app-one", false)},
		{name: "an account of the deploying project, which is known by its number", change: account("build@app-one.iam.gserviceaccount.com", "111111111111", false)},
		{name: "a default account of the deploying project", change: account("111111111111-compute@developer.gserviceaccount.com", "app-one", false)},
		{name: "an account of another project", change: account("build@cicd.iam.gserviceaccount.com", "app-one", false), want: ForeignMember, why: "belongs to project cicd, not to project app-one that deploys"},
		{name: "an account of another project, which the rule names", change: account("build@cicd.iam.gserviceaccount.com", "app-one", true)},
		{name: "an account of no known project", change: account("build@system.gserviceaccount.com", "app-one", false), want: ForeignMember, why: "which project build@system.gserviceaccount.com belongs to is not known"},
		{name: "the default account of another project", change: account("222-compute@developer.gserviceaccount.com", "app-one", true), want: Spoof, why: "belongs to project number 222"},

		{name: "held already", seed: strings.Replace(world, "group:dev@example.com", agent111, 1), want: AlreadyHeld, why: "holds roles/artifactregistry.reader"},
		{name: "held only under a condition", seed: strings.Replace(world, "user:guest@example.com", agent111, 1)},
		{name: "the agent of another project", change: func(_ *Question, p *Plan) {
			p.Binding.Member = iam.CloudRunAgent(must(iam.ParseProject("666")))
		}, want: Spoof, why: "belongs to project number 666, but the entry to project app-one, whose number is 111111111111"},
		{name: "a spoof is graver than a missing image", change: func(q *Question, p *Plan) {
			p.Binding.Member = iam.CloudRunAgent(must(iam.ParseProject("666")))
			q.Image = must(iam.ParseImage(base + "nope"))
		}, want: Spoof},
		{name: "a project that cannot be read", change: func(q *Question, _ *Plan) { q.Project = must(iam.ParseProject("hidden")) }, want: Unverified, why: "could not read projects/hidden"},
		{name: "a project that is not known", change: func(q *Question, _ *Plan) { q.Project = iam.Project{} }, want: Unverified, why: "could not read the project that deploys"},
		{name: "a repository that may not be read", seed: withFaults(world, "{method: GetRepository, code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read " + repository},
		{name: "an image that may not be read", seed: withFaults(world, "{method: GetTag, code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read " + base + "web:v1"},
		{name: "a rule denies the download", seed: withRule("{action: DENY, operation: DOWNLOAD}"), want: DownloadRule, why: "denies the download"},
		{name: "a rule denies the download of this package", seed: withRule("{action: DENY, operation: DOWNLOAD, package: web}"), want: DownloadRule},
		{name: "a rule denies the download of another package", seed: withRule("{action: DENY, operation: DOWNLOAD, package: other}")},
		{name: "a rule allows the download", seed: withRule("{action: ALLOW, operation: DOWNLOAD}")},
		{name: "rules that may not be read", seed: withFaults(world, "{method: ListRules, code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read the rules of"},
		{name: "a policy that may not be read", seed: withFaults(world, "{method: GetIamPolicy, code: PERMISSION_DENIED, times: 9}"), want: Unverified, why: "could not read the policy"},
		{name: "reads that fail for a while", seed: withFaults(world, "{method: GetRepository, code: UNAVAILABLE, times: 2}", "{method: GetProject, code: INTERNAL, times: 1}")},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed := test.seed
			if seed == "" {
				seed = world
			}
			_, checker, _ := start(t, seed)
			q := Question{Image: must(iam.ParseImage(base + "web:v1")), Project: must(iam.ParseProject("app-one"))}
			p := planned()
			if test.change != nil {
				test.change(&q, &p)
			}
			q.Grant = must(p.Grant(iam.Principal{}))
			got, err := checker.Check(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if got.Cause != test.want || !strings.Contains(got.Why, test.why) || (got.Why == "") != (test.want == "") {
				t.Errorf("got cause %q: %s\nwant cause %q: …%s…", got.Cause, got.Why, test.want, test.why)
			}
		})
	}
}

func TestCheckFailsForNowWhenReadsDo(t *testing.T) {
	for _, method := range []string{"GetProject", "GetRepository", "GetTag", "ListRules", "GetIamPolicy"} {
		t.Run(method, func(t *testing.T) {
			_, checker, _ := start(t, withFaults(world, "{method: "+method+", code: UNAVAILABLE, times: 99}"))
			_, err := checker.Check(t.Context(), Question{
				Grant: must(planned().Grant(iam.Principal{})),
				Image: must(iam.ParseImage("us-central1-docker.pkg.dev/shared/apps/web:v1")), Project: must(iam.ParseProject("app-one")),
			})
			if transient := (*retry.Transient)(nil); !errors.As(err, &transient) {
				t.Errorf("got %v, want a transient error", err)
			}
		})
	}
}

func TestReadsOfACheckRunSideBySide(t *testing.T) {
	const latency = 50 * time.Millisecond
	_, checker, _ := start(t, world+"latency: 50ms\n")
	q := Question{
		Grant: must(planned().Grant(iam.Principal{})),
		Image: must(iam.ParseImage("us-central1-docker.pkg.dev/shared/apps/web:v1")), Project: must(iam.ParseProject("app-one")),
	}
	if _, err := checker.Check(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := checker.Check(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took >= 4*latency {
		t.Errorf("five reads of %s took %s: they ran one after another", latency, took)
	}
}

// account asks about an account and the project that deploys.
func account(email, project string, named bool) func(*Question, *Plan) {
	return func(q *Question, p *Plan) {
		*p = NewPlan(iam.CallerImage, iam.Access{Principal: principal("serviceAccount:" + email), Resource: resource(repository)})
		q.Project, q.Named = must(iam.ParseProject(project)), named
	}
}

func manyUsers(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf("%q", fmt.Sprintf("user:u%d@example.com", i))
	}
	return strings.Join(members, ", ")
}

func TestProjects(t *testing.T) {
	cloud, checker, _ := start(t, world)
	id, number := must(iam.ParseProject("app-one")), must(iam.ParseProject("111111111111"))
	for n, name := range []iam.Project{id, number, id} {
		names, ok, err := checker.Projects.Names(t.Context(), name)
		if err != nil || !ok || names != (Names{ID: id, Number: number}) {
			t.Errorf("time %d: %s: got %+v, %t, %v", n+1, name, names, ok, err)
		}
	}
	if n := cloud.Calls()["GetProject"]; n != 1 {
		t.Errorf("the project was read %d times, want once", n)
	}
	if names, ok, err := checker.Projects.Names(t.Context(), must(iam.ParseProject("nobody"))); ok || err != nil {
		t.Errorf("a project that does not exist: got %+v, %t, %v", names, ok, err)
	}
}

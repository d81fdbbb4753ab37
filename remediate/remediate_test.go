package remediate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/iam/apiv1/iampb"
	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/iam"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const (
	repository = "projects/shared/locations/us-central1/repositories/apps"
	agent111   = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	reader     = "roles/artifactregistry.reader"
)

const world = `
projects:
  - {id: app-one, number: 111111111111}
  - {id: shared, number: 900000000001}
repositories:
  - name: projects/shared/locations/us-central1/repositories/apps
    format: docker
    mode: standard
    images: ["web:v1", "team/api@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"]
    policy:
      bindings:
        - {role: roles/artifactregistry.reader, members: ["group:dev@example.com"]}
        - role: roles/artifactregistry.reader
          members: ["user:guest@example.com"]
          condition: {title: until, expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}
        - {role: roles/artifactregistry.writer, members: ["serviceAccount:build@shared.iam.gserviceaccount.com"]}
  - name: projects/shared/locations/us-central1/repositories/mirror
    format: docker
    mode: remote
`

var quick = Calls{Timeout: 2 * time.Second, Attempts: 4, Backoff: gax.Backoff{Initial: time.Millisecond, Max: 4 * time.Millisecond}}

func planned() Plan {
	return NewPlan(iam.RunImage, iam.Access{
		Principal:  must(iam.ParsePrincipal(agent111)),
		Permission: iam.DownloadArtifacts,
		Resource:   must(iam.ParseResource(repository)),
	})
}

func start(t testing.TB, seed string) (*emulator.Cloud, *Checker, *Granter) {
	cloud, address := emulatortest.Start(t, seed)
	ctx := t.Context()
	registry, err := artifactregistry.NewClient(ctx, emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	projects, err := resourcemanager.NewProjectsClient(ctx, emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = registry.Close(), projects.Close() })
	return cloud, &Checker{Registry: registry, Projects: projects, Calls: quick}, &Granter{Policies: registry, Calls: quick}
}

// withRule gives the repository a rule.
func withRule(rule string) string {
	return strings.Replace(world, "    policy:\n", "    rules: ["+rule+"]\n    policy:\n", 1)
}

// withFaults appends faults to a seed.
func withFaults(seed string, faults ...string) string {
	return seed + "faults:\n  - " + strings.Join(faults, "\n  - ") + "\n"
}

func TestGrantAddsOneMemberAndChangesNothingElse(t *testing.T) {
	cloud, _, granter := start(t, world)
	before := cloud.Policies()[repository]
	change, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})))
	if err != nil {
		t.Fatal(err)
	}
	after := cloud.Policies()[repository]
	want := proto.CloneOf(before)
	want.Bindings[0].Members = append(want.Bindings[0].Members, agent111)
	want.Etag = after.Etag
	if diff := cmp.Diff(want, after, protocmp.Transform()); diff != "" {
		t.Errorf("policy -want +got\n%s", diff)
	}
	if wantChange := (Change{Added: true, EtagBefore: encode(before), EtagAfter: encode(after)}); change != wantChange {
		t.Errorf("got %+v, want %+v", change, wantChange)
	}
}

// TestGrantKeepsAuditConfigs sets an audit configuration as an administrator
// would, and wants to find it after a grant.
func TestGrantKeepsAuditConfigs(t *testing.T) {
	cloud, _, granter := start(t, world)
	policy := cloud.Policies()[repository]
	policy.AuditConfigs = []*iampb.AuditConfig{{
		Service:         "artifactregistry.googleapis.com",
		AuditLogConfigs: []*iampb.AuditLogConfig{{LogType: iampb.AuditLogConfig_DATA_READ, ExemptedMembers: []string{"user:ann@example.com"}}},
	}}
	if _, err := granter.Policies.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{
		Resource: repository, Policy: policy, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"bindings", "etag", "audit_configs"}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{}))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(policy.AuditConfigs, cloud.Policies()[repository].GetAuditConfigs(), protocmp.Transform()); diff != "" {
		t.Errorf("audit configs -want +got\n%s", diff)
	}
}

func TestGrantTwiceWritesOnce(t *testing.T) {
	cloud, _, granter := start(t, world)
	grant := must(planned().Grant(iam.Principal{}))
	for n := range 2 {
		change, err := granter.Grant(t.Context(), grant)
		if err != nil || change.Added != (n == 0) {
			t.Fatalf("time %d: got %+v, %v", n+1, change, err)
		}
	}
	if n := cloud.Calls()["SetIamPolicy"]; n != 1 {
		t.Errorf("got %d writes, want 1", n)
	}
}

func TestGrantUnderFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []string
		want   Change // etags left out
		fails  string
		again  bool // the error is a Transient
		landed bool // the member is in the policy in the end
		writes int
	}{
		{name: "conflict", faults: []string{"{method: SetIamPolicy, code: ABORTED, times: 2}"}, want: Change{Added: true}, landed: true, writes: 3},
		{name: "unavailable", faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 2}"}, want: Change{Added: true}, landed: true, writes: 3},
		{name: "answer lost", faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}"}, want: Change{Added: true}, landed: true, writes: 1},
		{name: "answer late", faults: []string{"{method: SetIamPolicy, code: DEADLINE_EXCEEDED, times: 1, afterWrite: true}"}, want: Change{Added: true}, landed: true, writes: 1},
		{name: "answer lost after a conflict", faults: []string{
			"{method: SetIamPolicy, code: ABORTED, times: 1}", "{method: SetIamPolicy, code: INTERNAL, times: 1, afterWrite: true}",
		}, want: Change{Added: true}, landed: true, writes: 2},
		{name: "read fails for a while", faults: []string{"{method: GetIamPolicy, code: UNAVAILABLE, times: 3}"}, want: Change{Added: true}, landed: true, writes: 1},
		{name: "read fails for long", faults: []string{"{method: GetIamPolicy, code: UNAVAILABLE, times: 99}"}, fails: "read the policy of " + repository, again: true},
		{name: "write fails for long", faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 99}"}, want: Change{Unsure: true}, fails: "write the policy of " + repository, again: true, writes: 4},
		{
			name: "answer lost, and the policy cannot be read after it", want: Change{Unsure: true}, landed: true, writes: 1,
			faults: []string{
				"{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}",
				"{method: GetIamPolicy, code: UNAVAILABLE, after: 1, times: 99}",
			},
			fails: "read the policy of " + repository, again: true,
		},
		{name: "conflict for long", faults: []string{"{method: SetIamPolicy, code: ABORTED, times: 99}"}, fails: "write the policy of " + repository, again: true, writes: 4},
		{
			name:   "the last answer is lost",
			faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 3}", "{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}"},
			want:   Change{Added: true}, landed: true, writes: 4,
		},
		{name: "may not write", faults: []string{"{method: SetIamPolicy, code: PERMISSION_DENIED, times: 9}"}, fails: "PermissionDenied", writes: 1},
		{name: "organisation policy", faults: []string{"{method: SetIamPolicy, code: FAILED_PRECONDITION, times: 9}"}, fails: "FailedPrecondition", writes: 1},
		{name: "may not read", faults: []string{"{method: GetIamPolicy, code: PERMISSION_DENIED, times: 9}"}, fails: "PermissionDenied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cloud, _, granter := start(t, withFaults(world, test.faults...))
			change, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})))
			change.EtagBefore, change.EtagAfter = "", ""
			if change != test.want {
				t.Errorf("got %+v, want %+v", change, test.want)
			}
			switch transient := (*Transient)(nil); {
			case test.fails == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)):
				t.Errorf("got error %v, want one with %q", err, test.fails)
			case errors.As(err, &transient) != test.again:
				t.Errorf("error %v: got transient %t, want %t", err, !test.again, test.again)
			}
			if got := heldBy(cloud.Policies()[repository], iam.ArtifactReader, must(iam.ParsePrincipal(agent111))) != ""; got != test.landed {
				t.Errorf("got member in the policy %t, want %t", got, test.landed)
			}
			if got := cloud.Calls()["SetIamPolicy"]; got != test.writes {
				t.Errorf("got %d writes, want %d", got, test.writes)
			}
		})
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	const writers = 20
	cloud, _, granter := start(t, world)
	granter.Calls.Attempts = 100
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			p := planned()
			p.Binding.Member = iam.CloudRunAgent(must(iam.ParseProject(fmt.Sprint(1000 + n))))
			if _, err := granter.Grant(t.Context(), must(p.Grant(iam.Principal{}))); err != nil {
				t.Errorf("writer %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	if got := len(cloud.Policies()[repository].GetBindings()[0].GetMembers()); got != writers+1 {
		t.Errorf("got %d members, want %d", got, writers+1)
	}
}

func TestGrantEndsWithItsContext(t *testing.T) {
	_, _, granter := start(t, withFaults(world, "{method: SetIamPolicy, code: UNAVAILABLE, times: 99}"))
	granter.Calls = DefaultCalls
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := granter.Grant(ctx, must(planned().Grant(iam.Principal{})))
	if transient := (*Transient)(nil); !errors.As(err, &transient) {
		t.Errorf("got %v, want a transient error", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it went on for %s after its context had ended", took)
	}
}

// noEtag is a service whose policies come without an etag.
type noEtag struct{ written bool }

func (n *noEtag) GetIamPolicy(context.Context, *iampb.GetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error) {
	return &iampb.Policy{}, nil
}

func (n *noEtag) SetIamPolicy(context.Context, *iampb.SetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error) {
	n.written = true
	return &iampb.Policy{}, nil
}

func TestNothingIsWrittenWithoutAnEtag(t *testing.T) {
	policies := &noEtag{}
	granter := &Granter{Policies: policies, Calls: quick}
	_, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})))
	if !errors.Is(err, errNoEtag) || policies.written {
		t.Errorf("got error %v and written %t, want %v and nothing written", err, policies.written, errNoEtag)
	}
}

func TestAdd(t *testing.T) {
	member := must(iam.ParsePrincipal(agent111))
	binding := func(role string, members ...string) *iampb.Binding {
		return &iampb.Binding{Role: role, Members: members}
	}
	conditional := &iampb.Binding{Role: reader, Members: []string{agent111}, Condition: &expr.Expr{Title: "t", Expression: "true"}}
	for _, test := range []struct {
		name         string
		before, want []*iampb.Binding
	}{
		{"no policy", nil, []*iampb.Binding{binding(reader, agent111)}},
		{"another role", []*iampb.Binding{binding("roles/viewer", agent111)}, []*iampb.Binding{binding("roles/viewer", agent111), binding(reader, agent111)}},
		{"the role", []*iampb.Binding{binding(reader, "user:a@b.c")}, []*iampb.Binding{binding(reader, "user:a@b.c", agent111)}},
		{"the role with a condition", []*iampb.Binding{conditional}, []*iampb.Binding{conditional, binding(reader, agent111)}},
		{"held", []*iampb.Binding{binding(reader, agent111)}, nil},
		{"held in other letters", []*iampb.Binding{binding(reader, strings.Replace(agent111, "service-", "Service-", 1))}, nil},
		{"held through a wider role", []*iampb.Binding{binding("roles/artifactregistry.repoAdmin", agent111)}, nil},
		{"held by everyone", []*iampb.Binding{binding(reader, "allUsers")}, nil},
		{"deleted account", []*iampb.Binding{binding(reader, "deleted:"+agent111+"?uid=1")}, []*iampb.Binding{binding(reader, "deleted:"+agent111+"?uid=1", agent111)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := &iampb.Policy{Bindings: test.before}
			policy = proto.CloneOf(policy)
			changed := add(policy, iam.ArtifactReader, member)
			want := test.want
			if want == nil {
				want = test.before
			}
			if changed != (test.want != nil) {
				t.Errorf("got changed %t, want %t", changed, test.want != nil)
			}
			if diff := cmp.Diff(want, policy.GetBindings(), protocmp.Transform()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

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
			if transient := (*Transient)(nil); !errors.As(err, &transient) {
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

func TestEveryCodeHasAReaction(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if _, ok := reactions[code]; !ok {
			t.Errorf("no reaction to %s", code)
		}
	}
}

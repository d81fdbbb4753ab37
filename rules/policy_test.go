package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const header = "apiVersion: pullfix/v1\nmode: enforce\n"

const allowApps = `
allow:
  - name: apps
    reason: the platform serves every app
    kinds: [run-image]
    from: [projects/app-*]
    to: [projects/shared/locations/*/repositories/apps]
    members: [cloud-run-agent]
`

// failing is a request that allowApps grants.
func failing() Request {
	return Request{
		Kind:       iam.RunImage,
		From:       must(iam.ParseProject("app-one")),
		FromNumber: must(iam.ParseProject("111")),
		To:         must(iam.ParseResource("projects/shared/locations/us/repositories/apps")),
		Member:     iam.CloudRunAgent(must(iam.ParseProject("111"))),
		Role:       iam.ArtifactReader,
	}
}

func TestDecide(t *testing.T) {
	change := func(with func(*Request)) Request {
		q := failing()
		with(&q)
		return q
	}
	for _, test := range []struct {
		name   string
		policy string
		q      Request
		want   Verdict
		rule   string
	}{
		{"nothing matches", header, failing(), Alert, ""},
		{"an allow matches", header + allowApps, failing(), Grant, "apps"},
		{"deny beats allow", header + allowApps + "deny: [{name: d, to: [projects/shared/**]}]", failing(), Alert, "d"},
		{"allow beats ignore", header + allowApps + "ignore: [{name: i, from: [projects/app-*]}]", failing(), Grant, "apps"},
		{"deny beats ignore", header + "deny: [{name: d}]\nignore: [{name: i, from: [projects/app-*]}]", failing(), Alert, "d"},
		{"ignore", header + "ignore: [{name: i, from: [projects/app-*]}]", failing(), Ignore, "i"},
		{"another kind", header + allowApps, change(func(q *Request) { q.Kind = iam.ArtifactDownload }), Alert, ""},
		{"another project", header + allowApps, change(func(q *Request) { q.From = must(iam.ParseProject("other")) }), Alert, ""},
		{"a project that only begins alike", header + allowApps, change(func(q *Request) { q.From = must(iam.ParseProject("my-app-one")) }), Alert, ""},
		{"another repository", header + allowApps, change(func(q *Request) {
			q.To = must(iam.ParseResource("projects/shared/locations/us/repositories/apps-2"))
		}), Alert, ""},
		{"another member", header + allowApps, change(func(q *Request) {
			q.Member = must(iam.ParsePrincipal("serviceAccount:111@cloudbuild.gserviceaccount.com"))
		}), Alert, ""},
		{"no role would help", header + allowApps, change(func(q *Request) { q.Role = iam.Role{} }), Alert, ""},
		{"writer is not named", header + allowApps, change(func(q *Request) { q.Role = iam.ArtifactWriter }), Alert, ""},
		{
			"writer is named", header + strings.Replace(allowApps, "members:", "roles: [roles/artifactregistry.writer]\n    members:", 1),
			change(func(q *Request) { q.Role = iam.ArtifactWriter }), Grant, "apps",
		},
		{"the project that deploys is unknown to an allow", header + allowApps, change(func(q *Request) { q.From = iam.Project{} }), Alert, ""},
		{
			"the project that deploys is unknown to a deny", header + allowApps + "deny: [{name: d, from: [projects/evil]}]",
			change(func(q *Request) { q.From, q.FromNumber = iam.Project{}, iam.Project{} }), Alert, "d",
		},
		{"a deny by number", header + allowApps + "deny: [{name: d, from: [projects/111]}]", failing(), Alert, "d"},
		{"a deny by number of another project", header + allowApps + "deny: [{name: d, from: [projects/112]}]", failing(), Grant, "apps"},
		{
			"a deny by a number that is unknown", header + allowApps + "deny: [{name: d, from: [projects/112]}]",
			change(func(q *Request) { q.FromNumber = iam.Project{} }), Alert, "d",
		},
		{
			"a repository named by project number passes no allow", header + strings.ReplaceAll(allowApps, "projects/shared/", "projects/s*/"),
			change(func(q *Request) { q.To = must(iam.ParseResource("projects/900/locations/us/repositories/apps")) }), Alert, "",
		},
		{
			"a repository named by project number is denied", header + "deny: [{name: d, to: [projects/vault/**]}]",
			change(func(q *Request) { q.To = must(iam.ParseResource("projects/900/locations/us/repositories/apps")) }), Alert, "d",
		},
		{
			"a deny is not to blame where nothing could be granted", header + "deny: [{name: d, to: [projects/vault/**]}]",
			change(func(q *Request) { q.Kind, q.Role, q.To = iam.Startup, iam.Role{}, iam.Resource{} }), Alert, "",
		},
		{
			"an ignore does not match the unknown", header + "ignore: [{name: i, to: [projects/shared/**]}]",
			change(func(q *Request) { q.To = iam.Resource{} }), Alert, "",
		},
		{"an exact member", header + strings.Replace(allowApps, "cloud-run-agent",
			`"serviceAccount:service-111@serverless-robot-prod.iam.gserviceaccount.com"`, 1), failing(), Grant, "apps"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := Parse("rules.yaml", []byte(test.policy))
			if err != nil {
				t.Fatal(err)
			}
			d := p.Decide(test.q)
			if d.Verdict != test.want || d.Rule() != test.rule {
				t.Errorf("got %s by rule %q, want %s by rule %q\nreason: %s", d.Verdict, d.Rule(), test.want, test.rule, d.Reason())
			}
		})
	}
}

func TestModeIsTheStricter(t *testing.T) {
	rule := func(mode string) string { return strings.Replace(allowApps, "kinds:", "mode: "+mode+"\n    kinds:", 1) }
	for _, test := range []struct {
		file, rule string
		want       Mode
	}{
		{"enforce", "enforce", Enforce},
		{"enforce", "observe", Observe},
		{"observe", "enforce", Observe},
		{"observe", "observe", Observe},
	} {
		p, err := Parse("rules.yaml", []byte("apiVersion: pullfix/v1\nmode: "+test.file+"\n"+rule(test.rule)))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Decide(failing()).Mode; got != test.want {
			t.Errorf("file %s, rule %s: got %s, want %s", test.file, test.rule, got, test.want)
		}
		if got := p.Observing().Decide(failing()).Mode; got != Observe {
			t.Errorf("forced to observe: got %s", got)
		}
	}
}

func TestReasonNamesBothSides(t *testing.T) {
	p := must(Parse("rules.yaml", []byte(header+allowApps)))
	const want = `allow rule "apps" (rules.yaml:5) matches run-image from projects/app-one ` +
		`to projects/shared/locations/us/repositories/apps: the platform serves every app`
	if got := p.Decide(failing()).Reason(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	q := failing()
	q.From, q.FromNumber = iam.Project{}, iam.Project{}
	const unmatched = "no rule matches run-image from an unknown side to projects/shared/locations/us/repositories/apps"
	if got := p.Decide(q).Reason(); got != unmatched {
		t.Errorf("got  %s\nwant %s", got, unmatched)
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"projects/a/**", "projects/a", true},
		{"projects/a/**", "projects/a/secrets/s", true},
		{"projects/a/**", "projects/ab/secrets/s", false},
		{"projects/*/secrets/s", "projects/a/secrets/s", true},
		{"projects/*/secrets/s", "projects/a/b/secrets/s", false},
		{"projects/a*z/secrets/*-key", "projects/abcz/secrets/my-key", true},
		{"projects/a*z/secrets/*-key", "projects/abc/secrets/my-key", false},
		{"projects/*a*b*/secrets/s", "projects/xxaxxbxx/secrets/s", true},
		{"projects/*a*b*/secrets/s", "projects/xxbxxaxx/secrets/s", false},
		{"projects/a/secrets/s", "projects/a/secrets/s2", false},
		{"projects/a/locations/*/**", "projects/a/locations/us", true},
		{"projects/a/locations/*/**", "projects/a/locations", false},
		{"**", "projects/a", true},
	} {
		p, err := parseTo(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.matches(test.name); got != test.want {
			t.Errorf("pattern %s and name %s: got %t, want %t", test.pattern, test.name, got, test.want)
		}
	}
}

// Generated policies and requests draw from few names, so that they meet.
var (
	someProjects = []string{"app-a", "app-b", "b", "app-*", "*-a", "a*p-a", "*", "1", "2"}
	someTargets  = []string{
		"projects/r/locations/us/repositories/x", "projects/r/locations/*/repositories/x", "projects/r/**",
		"projects/r*/locations/us/repositories/*-y", "projects/*/locations/us/repositories/a-y", "projects/rr/locations/us/**", "**",
	}
	someMembers = []string{"cloud-run-agent", "service-account", "user", "serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com"}
)

func drawRule(t *rapid.T, n int) *rule {
	pick := func(what string, from []string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 3, rapid.ID[string]).Draw(t, what)
	}
	r := &rule{
		action: rapid.SampledFrom([]action{allow, deny, ignore}).Draw(t, "action"), name: fmt.Sprint("r", n), line: n,
		mode:       rapid.SampledFrom([]Mode{Observe, Enforce}).Draw(t, "mode"),
		unverified: rapid.Bool().Draw(t, "unverified"),
	}
	for _, s := range pick("from", someProjects) {
		r.from = append(r.from, must(parseFrom("projects/"+s)))
	}
	for _, s := range pick("to", someTargets) {
		r.to = append(r.to, must(parseTo(s)))
	}
	for _, s := range pick("members", someMembers) {
		r.members = append(r.members, must(parseMember(s)))
	}
	for _, k := range rapid.SliceOfN(rapid.SampledFrom([]iam.Kind{iam.RunImage, iam.SecretAccess}), 0, 2).Draw(t, "kinds") {
		r.kinds.add(k)
	}
	return r
}

func drawRules(t *rapid.T) []*rule {
	rules := make([]*rule, rapid.IntRange(0, 12).Draw(t, "rules"))
	for n := range rules {
		rules[n] = drawRule(t, n)
	}
	return rules
}

func drawRequest(t *rapid.T) Request {
	project := func(what string, names ...string) (p iam.Project) {
		_ = p.UnmarshalText([]byte(rapid.SampledFrom(names).Draw(t, what)))
		return p
	}
	q := Request{
		Kind: rapid.SampledFrom([]iam.Kind{iam.RunImage, iam.SecretAccess, iam.Startup}).Draw(t, "kind"),
		From: project("from", "", "app-a", "app-b", "b"), FromNumber: project("number", "", "1", "2"),
		Role: rapid.SampledFrom([]iam.Role{{}, iam.ArtifactReader, iam.ArtifactWriter}).Draw(t, "role"),
	}
	_ = q.To.UnmarshalText([]byte(rapid.SampledFrom([]string{
		"", "projects/r", "projects/r/locations/us/repositories/x", "projects/rr/locations/us/repositories/a-y", "projects/7/locations/us/repositories/x",
	}).Draw(t, "to")))
	_ = q.Member.UnmarshalText([]byte(rapid.SampledFrom([]string{
		"", "user:a@b.c", someMembers[3], "serviceAccount:x@p.iam.gserviceaccount.com",
	}).Draw(t, "member")))
	return q
}

// decideByReading is the decision as the design words it, rule by rule.
func decideByReading(mode Mode, rules []*rule, q Request) (Verdict, string, Mode) {
	best := map[action]*rule{}
	for _, r := range rules {
		if r.matches(&q) && r.ahead(best[r.action]) {
			best[r.action] = r
		}
	}
	switch {
	case best[deny] != nil:
		return Alert, best[deny].name, Observe
	case best[allow] != nil && !q.Role.IsZero():
		return Grant, best[allow].name, min(mode, best[allow].mode)
	case best[ignore] != nil:
		return Ignore, best[ignore].name, Observe
	default:
		return Alert, "", Observe
	}
}

func TestIndexAgreesWithReadingEveryRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, q := drawRules(t), drawRequest(t)
		verdict, name, mode := decideByReading(Enforce, rules, q)
		d := compile("f", Enforce, defaultLimits, rules).Decide(q)
		if d.Verdict != verdict || d.Rule() != name || d.Mode != mode {
			t.Fatalf("got %s %q %s, want %s %q %s", d.Verdict, d.Rule(), d.Mode, verdict, name, mode)
		}
	})
}

func TestOrderMeansNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, q := drawRules(t), drawRequest(t)
		shuffled := rapid.Permutation(rules).Draw(t, "shuffled")
		one, other := compile("f", Enforce, defaultLimits, rules), compile("f", Enforce, defaultLimits, shuffled)
		if a, b := one.Decide(q), other.Decide(q); a.Verdict != b.Verdict || a.Rule() != b.Rule() || a.Mode != b.Mode {
			t.Fatalf("got %s by %q, then %s by %q", a.Verdict, a.Rule(), b.Verdict, b.Rule())
		}
		if one.Digest() != other.Digest() {
			t.Fatalf("digests differ: %s and %s", one.Digest(), other.Digest())
		}
	})
}

// powers of a decision: what it lets happen, of which a narrower policy must
// have no more.
func powers(d Decision) int {
	switch {
	case d.Verdict != Grant:
		return 0
	case d.Mode == Observe:
		return 1
	case !d.Unverified():
		return 2
	default:
		return 3
	}
}

func TestNarrowerPoliciesGrantNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, q := drawRules(t), drawRequest(t)
		before := powers(compile("f", Enforce, defaultLimits, rules).Decide(q))
		more := drawRule(t, len(rules))
		more.action = deny
		if after := powers(compile("f", Enforce, defaultLimits, append(slices.Clone(rules), more)).Decide(q)); after > before {
			t.Fatalf("a deny more: powers grew from %d to %d", before, after)
		}
		for n, r := range rules {
			if r.action != allow {
				continue
			}
			if after := powers(compile("f", Enforce, defaultLimits, slices.Delete(slices.Clone(rules), n, n+1)).Decide(q)); after > before {
				t.Fatalf("without allow %s: powers grew from %d to %d", r.name, before, after)
			}
		}
	})
}

func TestDigestFollowsMeaning(t *testing.T) {
	base := must(Parse("a.yaml", []byte(header+allowApps))).Digest()
	same := must(Parse("b.yaml", []byte("# a comment\nmode: enforce\napiVersion: pullfix/v1\n"+allowApps))).Digest()
	if base != same {
		t.Errorf("a comment changed the digest: %s and %s", base, same)
	}
	for _, change := range [][2]string{
		{"app-*", "app-2*"}, {"mode: enforce", "mode: observe"}, {"name: apps", "name: apps2"}, {"serves every app", "serves"},
	} {
		other := must(Parse("a.yaml", []byte(strings.Replace(header+allowApps, change[0], change[1], 1)))).Digest()
		if other == base {
			t.Errorf("%q in place of %q did not change the digest", change[1], change[0])
		}
	}
}

// generate makes a policy of n rules whose sides differ in the way named.
func generate(n int, differ string) []*rule {
	rules := make([]*rule, n)
	for i := range rules {
		from, to := "projects/app-*", "projects/shared/locations/*/repositories/apps"
		switch differ {
		case "from":
			from = fmt.Sprintf("projects/app-%d", i)
		case "from prefix":
			from = fmt.Sprintf("projects/app-%d-*", i)
		case "to":
			to = fmt.Sprintf("projects/shared/locations/*/repositories/apps-%d", i)
		}
		rules[i] = &rule{
			action: []action{allow, deny, ignore}[i%3], name: fmt.Sprint("r", i), line: i, mode: Enforce,
			from: []pattern{must(parseFrom(from))}, to: []pattern{must(parseTo(to))},
			members: []member{{class: iam.CloudRunAgents}},
		}
	}
	return rules
}

func BenchmarkDecide(b *testing.B) {
	for _, differ := range []string{"from", "from prefix", "to"} {
		for _, n := range []int{10, 1_000, 100_000} {
			rules := generate(n, differ)
			p := compile("rules.yaml", Enforce, defaultLimits, rules)
			requests := make([]Request, 64)
			for i := range requests {
				k := rand.IntN(n)
				requests[i] = failing()
				requests[i].From = must(iam.ParseProject(fmt.Sprintf("app-%d-x", k)))
				if differ == "from" {
					requests[i].From = must(iam.ParseProject(fmt.Sprintf("app-%d", k)))
				}
				if differ == "to" {
					requests[i].To = must(iam.ParseResource(fmt.Sprintf("projects/shared/locations/us/repositories/apps-%d", k)))
				}
			}
			b.Run(fmt.Sprintf("rules=%d/differ=%s/indexed", n, strings.ReplaceAll(differ, " ", "-")), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					p.Decide(requests[i%len(requests)])
				}
			})
			if n > 1_000 && differ != "from" {
				continue
			}
			b.Run(fmt.Sprintf("rules=%d/differ=%s/one-by-one", n, strings.ReplaceAll(differ, " ", "-")), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					decideByReading(Enforce, rules, requests[i%len(requests)])
				}
			})
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p := compile("rules.yaml", Enforce, defaultLimits, generate(1_000, "from"))
	q := failing()
	q.From = must(iam.ParseProject("app-999"))
	if p.Decide(q).Rule() != "r999" {
		t.Fatalf("got rule %q, want r999", p.Decide(q).Rule())
	}
	if n := testing.AllocsPerRun(100, func() { p.Decide(q) }); n != 0 {
		t.Errorf("a decision allocates %v times, want 0", n)
	}
}

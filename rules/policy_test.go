package rules

import (
	"strings"
	"testing"

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

const byClassOrName = `
allow:
  - name: by-class
    kinds: [run-image]
    from: [projects/app-*]
    to: [projects/shared/**]
    members: [service-account]
    unverified: allow
  - name: by-name
    kinds: [run-image]
    from: [projects/app-*]
    to: [projects/shared/**]
    members: ["serviceAccount:ci@pipelines.iam.gserviceaccount.com", "serviceAccount:ci@app-one.iam.gserviceaccount.com"]
    mode: observe
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
		{
			"an account of another project: the rule that names it", header + byClassOrName,
			change(func(q *Request) { q.Member = must(iam.ParseEmail("ci@pipelines.iam.gserviceaccount.com")) }), Grant, "by-name",
		},
		{
			"an account of the project: the rule that does the most", header + byClassOrName,
			change(func(q *Request) { q.Member = must(iam.ParseEmail("ci@app-one.iam.gserviceaccount.com")) }), Grant, "by-class",
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

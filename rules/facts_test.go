package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
)

func above(names ...string) Ancestry {
	a := Ancestry{Known: true}
	for _, name := range names {
		a.Parents = append(a.Parents, must(iam.ParseParent(name)))
	}
	return a
}

func TestFacts(t *testing.T) {
	folder := strings.Replace(allowApps, "projects/app-*", "folders/222", 1)
	numbered := strings.Replace(allowApps, "projects/shared/", "projects/900/", 1)
	for _, test := range []struct {
		name   string
		policy string
		change func(*Request)
		want   Verdict
		needs  Facts
	}{
		{"a folder holds the project", header + folder, func(q *Request) { q.Above = above("folders/222", "organizations/1") }, Grant, Facts{Above: true}},
		{"another folder does", header + folder, func(q *Request) { q.Above = above("folders/2222", "organizations/1") }, Alert, Facts{Above: true}},
		{"nothing holds it", header + folder, func(q *Request) { q.Above = above() }, Alert, Facts{Above: true}},
		{"what holds it is unknown to an allow", header + folder, func(*Request) {}, Alert, Facts{Above: true}},
		{"what holds it is unknown to an ignore", header + "ignore: [{name: i, from: [folders/222]}]", func(*Request) {}, Alert, Facts{Above: true}},
		{"what holds it is unknown to a deny", header + allowApps + "deny: [{name: d, from: [folders/333]}]", func(*Request) {}, Alert, Facts{Above: true}},
		{"a deny of another folder", header + allowApps + "deny: [{name: d, from: [folders/333]}]", func(q *Request) { q.Above = above("folders/222") }, Grant, Facts{Above: true}},
		{"a deny of the organisation", header + allowApps + "deny: [{name: d, from: [organizations/1]}]", func(q *Request) { q.Above = above("folders/222", "organizations/1") }, Alert, Facts{Above: true}},
		{"a folder or a project", header + strings.Replace(allowApps, "[projects/app-*]", "[folders/222, projects/app-*]", 1), func(*Request) {}, Grant, Facts{Above: true}},

		{"a repository by its project's number", header + numbered, func(q *Request) { q.ToNumber = must(iam.ParseProject("900")) }, Grant, Facts{ToNumber: true}},
		{"of another number", header + numbered, func(q *Request) { q.ToNumber = must(iam.ParseProject("9001")) }, Alert, Facts{ToNumber: true}},
		{"of a number that is unknown to an allow", header + numbered, func(*Request) {}, Alert, Facts{ToNumber: true}},
		{"of a number that is unknown to a deny", header + allowApps + "deny: [{name: d, to: [projects/901/**]}]", func(*Request) {}, Alert, Facts{ToNumber: true}},
		{"a deny of another number", header + allowApps + "deny: [{name: d, to: [projects/901/**]}]", func(q *Request) { q.ToNumber = must(iam.ParseProject("900")) }, Grant, Facts{ToNumber: true}},
		{"a deny of the number", header + allowApps + "deny: [{name: d, to: [projects/900/**]}]", func(q *Request) { q.ToNumber = must(iam.ParseProject("900")) }, Alert, Facts{ToNumber: true}},
		{"the entry has the number alone", header + numbered, func(q *Request) {
			q.To = must(iam.ParseResource("projects/900/locations/us/repositories/apps"))
		}, Grant, Facts{ToNumber: true}},
		{"the entry has the number alone, and a deny an id", header + numbered + "deny: [{name: d, to: [projects/vault/**]}]", func(q *Request) {
			q.To = must(iam.ParseResource("projects/900/locations/us/repositories/apps"))
		}, Alert, Facts{ToNumber: true}},
		{"the deploying project by its number", header + strings.Replace(allowApps, "projects/app-*", "projects/111", 1), func(*Request) {}, Grant, Facts{FromNumber: true}},
		{"nothing is asked for", header + allowApps, func(q *Request) { q.FromNumber = iam.Project{} }, Grant, Facts{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := must(Parse("rules.yaml", []byte(test.policy)))
			if p.Needs() != test.needs {
				t.Errorf("got needs %+v, want %+v", p.Needs(), test.needs)
			}
			q := failing()
			test.change(&q)
			if d := p.Decide(q); d.Verdict != test.want {
				t.Errorf("got %s, want %s\nreason: %s", d.Verdict, test.want, d.Reason())
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	const common = `
  - {name: other, kinds: [run-image], from: [projects/web-*], to: [projects/shared/**], members: [cloud-run-agent]}
`
	for _, test := range []struct {
		name, policy string
		want         []string
	}{
		{"nothing to warn of", header + allowApps + common + "deny: [{name: vault, to: [projects/vault/**]}]", nil},
		{"a channel that is not there", header + channels + strings.Replace(allowApps, "members:", "notify: [slack, email, onwatch]\n    members:", 1), []string{`9:5: allow rule "apps": it names channel "onwatch", and there is none of that name: did you mean "on-watch"?`}},
		{"nobody wants alerts", header + "notify: [{name: a, type: slack-webhook, target: env:A, verdicts: [grant]}]", []string{"3:49: no channel wants alerts, so that they are only logged"}},
		{"a deny of everything", header + allowApps + "deny: [{name: stop}]", []string{`5:5: allow rule "apps": it can never match, because deny rule "stop" on line 11`}},
		{"a deny of a wider name", header + allowApps + "deny: [{name: shared, to: [projects/s*/**], kinds: [run-image, act-as]}]", []string{`allow rule "apps": it can never match`}},
		{"a deny of other members", header + allowApps + "deny: [{name: people, members: [user]}]", nil},
		{"a deny of a wider class", header + allowApps + "deny: [{name: all, members: [service-account]}]", []string{`allow rule "apps": it can never match`}},
		{"a deny of some of the projects", header + allowApps + "deny: [{name: some, from: [projects/app-1*]}]", nil},
		{"a deny of one segment", header + strings.Replace(allowApps, "projects/shared/locations/*/repositories/apps", "projects/shared/**", 1) + "deny: [{name: some, to: [projects/shared/locations/*/repositories/*]}]", nil},
		{"the same twice", header + allowApps + strings.NewReplacer("other", "more", "web-", "app-", "projects/shared/**", "projects/shared/locations/*/repositories/apps").Replace(common), []string{`12:5: allow rule "more": it says what rule "apps" on line 5 says`}},
		{"a whole organisation", header + strings.Replace(allowApps, "projects/app-*", "organizations/1", 1), []string{`allow rule "apps": it lets in every project of organizations/1`}},
		{"a test of no rule", header + allowApps + "tests: [{name: t, event: e.json, expect: {verdict: grant, rule: app}}]", []string{`11:42: test "t": it expects rule "app", and there is none of that name: did you mean "apps"?`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := must(Parse("rules.yaml", []byte(test.policy)))
			var got []string
			for _, w := range p.Warnings() {
				got = append(got, strings.Split(w.Error(), "\n")[0])
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want …%s…", got[i], want)
				}
			}
		})
	}
}

func TestExplain(t *testing.T) {
	p := must(Parse("rules.yaml", []byte(header+allowApps+`
  - {name: builds, kinds: [artifact-download], from: [projects/other], to: [projects/shared/**], members: [service-account]}
deny:
  - {name: vault, to: [projects/vault/**]}
`)))
	q := failing()
	q.To = must(iam.ParseResource("projects/shared/locations/us/repositories/tools"))
	want := []Trial{
		{Action: "allow", Rule: "apps", Line: 5, Misses: []Miss{
			{Field: "to", Want: []string{"projects/shared/locations/*/repositories/apps"}, Got: q.To.String()},
		}},
		{Action: "deny", Rule: "vault", Line: 14, Misses: []Miss{{Field: "to", Want: []string{"projects/vault/**"}, Got: q.To.String()}}},
		{Action: "allow", Rule: "builds", Line: 12, Misses: []Miss{
			{Field: "kinds", Want: []string{"artifact-download"}, Got: "run-image"},
			{Field: "from", Want: []string{"projects/other"}, Got: "projects/app-one"},
		}},
	}
	if diff := cmp.Diff(want, p.Explain(q)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	decided := p.Explain(failing())[0]
	if want := (Trial{Action: "allow", Rule: "apps", Line: 5, Final: true}); cmp.Diff(want, decided) != "" {
		t.Errorf("the rule that decides: got %+v, want %+v first", decided, want)
	}
}

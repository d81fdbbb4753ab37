package ruling

import (
	"testing"
	"time"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// denied is a finding that the policy of the test allows to be mended.
func denied() parse.Finding {
	return parse.Finding{
		Kind: iam.ArtifactDownload, Access: iam.Access{
			Principal:  must(iam.ParsePrincipal("serviceAccount:build@app-one.iam.gserviceaccount.com")),
			Permission: iam.DownloadArtifacts,
			Resource:   must(iam.ParseResource("projects/shared/locations/us/repositories/py")),
		},
	}
}

const policy = `
apiVersion: pullfix/v1
mode: enforce
allow:
  - {name: builds, kinds: [artifact-download], from: [projects/app-*], to: [projects/shared/**], members: [service-account]}
`

func TestRuling(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*parse.Finding)
		text    bool // the entry is of no audit log
		dated   time.Time
		self    string
		verdict rules.Verdict
		cause   remediate.Cause
	}{
		{name: "a build of an app", dated: noon, verdict: rules.Grant},
		{name: "a build of another project", dated: noon, change: func(f *parse.Finding) {
			f.Access.Principal = must(iam.ParsePrincipal("serviceAccount:build@other.iam.gserviceaccount.com"))
		}},
		{name: "the entry names the project that deploys", dated: noon, change: func(f *parse.Finding) {
			f.Project = must(iam.ParseProject("other"))
		}},
		{name: "a person", dated: noon, cause: remediate.Member, change: func(f *parse.Finding) {
			f.Access.Principal = must(iam.ParsePrincipal("user:ann@example.com"))
		}},
		{name: "pullfix itself", dated: noon, self: "serviceAccount:build@app-one.iam.gserviceaccount.com", cause: remediate.Self},
		{name: "a forged entry", dated: noon, cause: "spoof", change: func(f *parse.Finding) { f.Cause, f.Doubt = parse.CauseSpoof, "it is forged" }},
		{name: "a text", text: true, dated: noon, cause: NotAudit},
		{name: "no date", cause: Undated},
		{name: "a date ahead", dated: noon.Add(ClockSkew + time.Second), cause: Undated},
		{name: "a date a little ahead", dated: noon.Add(ClockSkew), verdict: rules.Grant},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := denied()
			if test.change != nil {
				test.change(&f)
			}
			var self iam.Principal
			if err := self.UnmarshalText([]byte(test.self)); err != nil {
				t.Fatal(err)
			}
			r := New(f, self)
			r.Decide(must(rules.Parse("rules.yaml", []byte(policy))), FactsOf(f))
			r.Doubt(!test.text, test.dated, noon)
			if r.Verdict() != test.verdict || r.Obstacle.Cause != test.cause {
				t.Errorf("got %s and cause %q (%s), want %s and %q", r.Verdict(), r.Obstacle.Cause, r.Obstacle.Why, test.verdict, test.cause)
			}
			if granted := r.Grant != (remediate.Grant{}); granted && (test.cause == remediate.Member || test.cause == remediate.Self) {
				t.Errorf("the ruling holds a grant of %s", r.Grant.Binding())
			}
		})
	}
}

func TestFactsOf(t *testing.T) {
	id, number := must(iam.ParseProject("app-one")), must(iam.ParseProject("111"))
	for _, test := range []struct {
		name   string
		change func(*parse.Finding)
		want   remediate.Names
	}{
		{"the caller's account", func(*parse.Finding) {}, remediate.Names{ID: id}},
		{"a default account", func(f *parse.Finding) {
			f.Access.Principal = must(iam.ParsePrincipal("serviceAccount:111-compute@developer.gserviceaccount.com"))
		}, remediate.Names{Number: number}},
		{"the deploying project", func(f *parse.Finding) { f.Project = must(iam.ParseProject("other")) }, remediate.Names{ID: must(iam.ParseProject("other"))}},
		{"with its number", func(f *parse.Finding) { f.Project, f.Number = id, number }, remediate.Names{ID: id, Number: number}},
		{"by its number alone", func(f *parse.Finding) { f.Project = number }, remediate.Names{Number: number}},
		{"nobody", func(f *parse.Finding) { f.Access.Principal = iam.Principal{} }, remediate.Names{}},
	} {
		f := denied()
		test.change(&f)
		if got := FactsOf(f).From; got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestKnownNames(t *testing.T) {
	project := func(s string) iam.Project { return must(iam.ParseProject(s)) }
	known := Known{Projects: []remediate.Names{
		{ID: project("app-one"), Number: project("111")},
		{ID: project("shared"), Number: project("900")},
	}}
	for _, test := range []struct{ from, to, wantFrom, wantNumber, wantTo, wantToNumber string }{
		{"app-one", "projects/shared/secrets/s", "app-one", "111", "projects/shared/secrets/s", "900"},
		{"111", "projects/900/secrets/s", "app-one", "111", "projects/shared/secrets/s", "900"},
		{"app-two", "projects/other/secrets/s", "app-two", "", "projects/other/secrets/s", ""},
		{"222", "projects/222/secrets/s", "", "222", "projects/222/secrets/s", "222"},
	} {
		f := parse.Finding{Kind: iam.SecretAccess, Project: project(test.from)}
		f.Access.Resource = must(iam.ParseResource(test.to))
		f, facts := known.Of(f)
		if got := facts.From; got.ID.String() != test.wantFrom || got.Number.String() != test.wantNumber {
			t.Errorf("from %s: got %q and %q, want %q and %q", test.from, got.ID, got.Number, test.wantFrom, test.wantNumber)
		}
		if f.Access.Resource.String() != test.wantTo || facts.ToNumber.String() != test.wantToNumber {
			t.Errorf("to %s: got %s, number %q, want %s, %q", test.to, f.Access.Resource, facts.ToNumber, test.wantTo, test.wantToNumber)
		}
	}
}

package docs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
)

// sections are the headings of a page about a kind, in order. Where no role
// helps, some of the three ways may be missing.
var sections = []string{
	"What it looks like", "Why it happens", "How to tell it from its look-alikes", "The least fix", "What pullfix does about it",
}

var ways = []string{"gcloud", "Terraform", "Console"}

// mostLines keeps a page short enough to be read at night.
const mostLines = 90

// example is who lacks what where in the story that all the pages tell.
type example struct{ permission, resource, principal string }

const (
	repository = "projects/shared-images/locations/us-central1/repositories/apps"
	service    = "projects/app-one/locations/us-central1/services/web"
	runAgent   = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	identity   = "serviceAccount:web@app-one.iam.gserviceaccount.com"
	deployer   = "serviceAccount:deployer@app-one.iam.gserviceaccount.com"
	builder    = "serviceAccount:builder@app-one.iam.gserviceaccount.com"
)

// examples are, for each kind that a binding mends, the bindings on its page.
var examples = map[iam.Kind][]example{
	iam.RunImage:         {{"artifactregistry.repositories.downloadArtifacts", repository, runAgent}},
	iam.CallerImage:      {{"artifactregistry.repositories.downloadArtifacts", repository, deployer}},
	iam.ArtifactDownload: {{"artifactregistry.repositories.downloadArtifacts", repository, builder}},
	iam.ArtifactUpload:   {{"artifactregistry.repositories.uploadArtifacts", repository, builder}},
	iam.UpstreamSecret: {{
		"secretmanager.versions.access", "projects/shared-images/secrets/hub-token",
		"serviceAccount:service-900000000001@gcp-sa-artifactregistry.iam.gserviceaccount.com",
	}},
	iam.SecretAccess: {{"secretmanager.versions.access", "projects/app-one/secrets/db-password", identity}},
	iam.Invoker:      {{"run.routes.invoke", service, "serviceAccount:trigger@app-one.iam.gserviceaccount.com"}},
	iam.ActAsAccount: {{"iam.serviceAccounts.actAs", "projects/app-one/serviceAccounts/web@app-one.iam.gserviceaccount.com", deployer}},
	iam.RunPermission: {
		{"run.services.update", service, deployer},
		{"run.services.create", "projects/app-one", deployer},
	},
}

// others are bindings on pages of kinds that have no plan.
var others = map[iam.Kind][]iam.Binding{
	iam.AgentToken: {{
		Resource: must(iam.ParseResource("projects/app-one")), Role: must(iam.ParseRole("roles/run.serviceAgent")), Member: must(iam.ParsePrincipal(runAgent)),
	}},
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// plans returns what pullfix would say about the examples of a kind.
func plans(kind iam.Kind) []remediate.Plan {
	var all []remediate.Plan
	for _, e := range examples[kind] {
		all = append(all, remediate.NewPlan(kind, iam.Access{
			Permission: must(iam.ParsePermission(e.permission)), Resource: must(iam.ParseResource(e.resource)), Principal: must(iam.ParsePrincipal(e.principal)),
		}))
	}
	for _, b := range others[kind] {
		all = append(all, remediate.Plan{Kind: kind, Binding: b})
	}
	return all
}

const index = "errors/README.md"

// kindPages returns the pages about kinds.
func kindPages(t *testing.T) map[iam.Kind]*page {
	t.Helper()
	found := map[iam.Kind]*page{}
	for _, p := range pages(t) {
		if kind, err := iam.ParseKind(word(p)); err == nil {
			found[kind] = p
		}
	}
	return found
}

// word returns the name of a page in the folder of the kinds, else "".
func word(p *page) string {
	name, ok := strings.CutPrefix(p.path, "errors/")
	if !ok || p.path == index {
		return ""
	}
	return strings.TrimSuffix(name, ".md")
}

func TestEveryKindHasAPage(t *testing.T) {
	found := kindPages(t)
	for _, word := range iam.KindNames() {
		if found[must(iam.ParseKind(word))] == nil {
			t.Errorf("errors/%s.md is missing", word)
		}
	}
	for _, p := range pages(t) {
		if _, err := iam.ParseKind(word(p)); err != nil && word(p) != "" {
			t.Errorf("%s: a page without a kind: %v", p.path, err)
		}
	}
}

func TestPagesHaveTheSameSections(t *testing.T) {
	for kind, p := range kindPages(t) {
		var title string
		var got, gotWays []string
		for _, h := range p.headings {
			switch h.level {
			case 1:
				title = h.text
			case 2:
				got = append(got, h.text)
			case 3:
				gotWays = append(gotWays, h.text)
			}
		}
		if diff := cmp.Diff(sections, got); diff != "" {
			t.Errorf("%s: sections -want +got\n%s", p.path, diff)
		}
		if want := "`" + kind.String() + "`"; !strings.HasPrefix(title, want) {
			t.Errorf("%s: the title is %q, want it to begin with %s", p.path, title, want)
		}
		mended := len(examples[kind]) > 0
		if some := within(gotWays, ways); !some || mended && len(gotWays) != len(ways) {
			t.Errorf("%s: ways to mend it: got %q, want %q", p.path, gotWays, ways)
		}
		if n := len(p.lines); n > mostLines {
			t.Errorf("%s has %d lines, want at most %d", p.path, n, mostLines)
		}
		if len(p.lines) < 4 || !oneSentence(p.lines[2]) || p.lines[3] != "" {
			t.Errorf("%s:3: want a summary of one sentence under the title", p.path)
		}
	}
}

func oneSentence(s string) bool {
	return strings.HasSuffix(s, ".") && strings.Count(s+" ", ". ") == 1
}

// within reports whether some are of all, in its order.
func within(some, all []string) bool {
	for _, s := range all {
		if len(some) > 0 && some[0] == s {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// TestLookAlikesAreLinked wants every page to lead on to pages that it could be
// mistaken for.
func TestLookAlikesAreLinked(t *testing.T) {
	for _, p := range kindPages(t) {
		if !slices.ContainsFunc(p.links(), func(l line) bool {
			return strings.HasSuffix(l.text, ".md") && !strings.Contains(l.text, "/")
		}) {
			t.Errorf("%s leads to no look-alike", p.path)
		}
	}
}

// TestBindings wants on each page, in fences of their own, the commands and
// blocks that pullfix prints for the names of the examples, and no others.
func TestBindings(t *testing.T) {
	for kind, p := range kindPages(t) {
		if role := remediate.NewPlan(kind, iam.Access{}).Binding.Role; role.IsZero() != (len(examples[kind]) == 0) {
			t.Errorf("%s: its least role is %q: give it an example here, or take it away", kind, role)
		}
		var commands []string
		for _, plan := range plans(kind) {
			gcloud, terraform := plan.Commands()
			commands = append(commands, gcloud)
			wantFence(t, p, "sh", gcloud)
			wantFence(t, p, "hcl", terraform)
		}
		for _, f := range p.fenced("sh") {
			if strings.Contains(f.text, "add-iam-policy-binding") && !slices.Contains(commands, f.text) {
				t.Errorf("%s:%d: pullfix prints no such command:\n%s", p.path, f.number, f.text)
			}
		}
	}
}

func wantFence(t *testing.T, p *page, lang, text string) {
	t.Helper()
	if text == "" {
		t.Errorf("%s: pullfix prints no %s for an example", p.path, lang)
	}
	if !slices.ContainsFunc(p.fenced(lang), func(f fence) bool { return f.text == text }) {
		t.Errorf("%s: want this in a fence marked %s:\n%s", p.path, lang, text)
	}
}

// TestAlertsCanBeLookedUp wants each page to quote the sentence with which
// pullfix explains the kind.
func TestAlertsCanBeLookedUp(t *testing.T) {
	for kind, p := range kindPages(t) {
		if reason := remediate.NewPlan(kind, iam.Access{}).Reason; !strings.Contains(p.words(), reason) {
			t.Errorf("%s does not quote %q", p.path, reason)
		}
	}
}

// TestMessagesAreRead wants pullfix to read every message on a page as what
// the page is about. Where the words are those of another kind, its word stands
// behind the language of the fence.
func TestMessagesAreRead(t *testing.T) {
	for kind, p := range kindPages(t) {
		read := 0
		for _, f := range p.fences {
			if f.section != sections[0] {
				continue
			}
			want := kind.String()
			if f.info != "" {
				want = f.info
			}
			findings, err := parse.Any([]byte(f.text))
			if err != nil {
				t.Errorf("%s:%d: %v", p.path, f.number, err)
			}
			if len(findings) == 0 {
				t.Errorf("%s:%d: pullfix recognises nothing in it, want %s", p.path, f.number, want)
			}
			for _, got := range findings {
				if got.Kind.String() != want {
					t.Errorf("%s:%d: pullfix reads it as %s, want %s", p.path, f.number, got.Kind, want)
				}
			}
			read++
		}
		if read == 0 {
			t.Errorf("%s shows no message", p.path)
		}
	}
}

// TestIndex wants a row for every kind, that names its least role.
func TestIndex(t *testing.T) {
	rows := map[string]string{}
	for _, p := range pages(t) {
		if p.path != index {
			continue
		}
		for _, l := range p.prose {
			if word, cells, ok := strings.Cut(strings.TrimPrefix(l.text, "| ["), "]("); ok && strings.HasPrefix(l.text, "| [") {
				rows[strings.Trim(word, "`")] = cells
			}
		}
	}
	for _, word := range iam.KindNames() {
		role := remediate.NewPlan(must(iam.ParseKind(word)), iam.Access{}).Binding.Role
		row, ok := rows[word]
		delete(rows, word)
		switch {
		case !ok || !strings.HasPrefix(row, word+".md)"):
			t.Errorf("%s: want a row that leads to %s.md", index, word)
		case strings.Contains(row, "`roles/") == role.IsZero() || !strings.Contains(row, role.String()):
			t.Errorf("%s: %s: want the role %q in its row, got %s", index, word, role, row)
		}
	}
	for word := range rows {
		t.Errorf("%s: a row for %q, which is no kind", index, word)
	}
}

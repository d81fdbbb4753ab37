package docs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/channels"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

const rulesPage = "rules.md"

// policyPages show policies, and what commands print about them.
var policyPages = []string{rulesPage, alertsPage}

// What may stand behind the name of a policy file that is shown.
const (
	wrong    = "wrong"    // has errors
	warned   = "warned"   // has warnings
	workflow = "workflow" // is no policy, but one of GitHub Actions
)

// shown is a policy on a page: a whole file with a name, or rules and limits
// that go into one.
type shown struct {
	fence
	page string
	name string // of the file, "" for a part of one
	mark string
}

func policiesShown(t *testing.T, page string) []shown {
	t.Helper()
	var all []shown
	for _, f := range pageOf(t, page).fenced("yaml") {
		if f.info == workflow {
			continue
		}
		s := shown{fence: f, page: page}
		s.name, s.mark, _ = strings.Cut(f.info, " ")
		all = append(all, s)
	}
	return all
}

// file returns the whole file.
func (s shown) file() string {
	if s.name != "" {
		return s.text + "\n"
	}
	return "apiVersion: pullfix/v1\nmode: enforce\n" + s.text + "\n"
}

func (s shown) at() string { return fmt.Sprintf("%s:%d", s.page, s.number) }

func (s shown) parse() (*rules.Policy, error) {
	name := s.name
	if name == "" {
		name = s.at()
	}
	policy, err := rules.Parse(name, []byte(s.file()))
	if err == nil {
		err = channels.Check(policy)
	}
	return policy, err
}

// TestPoliciesAreRead wants every policy on the pages to be valid, its channels
// and templates too, and without warnings where it is not there to show some.
func TestPoliciesAreRead(t *testing.T) {
	for _, page := range policyPages {
		for _, s := range policiesShown(t, page) {
			policy, err := s.parse()
			var problems rules.Problems
			switch {
			case s.mark == wrong && !errors.As(err, &problems):
				t.Errorf("%s: it is there to show errors, and has none", s.at())
			case s.mark == wrong:
			case err != nil:
				t.Errorf("%s: %v", s.at(), err)
			case (len(policy.Warnings()) > 0) != (s.mark == warned):
				t.Errorf("%s: warnings: got %q, marked %q", s.at(), policy.Warnings(), s.mark)
			}
		}
	}
}

// decided is a row of the page: an entry, and what the policy above it decides.
type decided struct {
	number              int
	event, words, named string
}

var decidedRow = regexp.MustCompile("^\\| \\[[^\\]]+\\]\\((testdata/[a-z0-9-]+\\.json)\\) \\| ([a-z, ]+) \\| (?:`([a-z0-9-]+)`|none) \\|$")

func rowsDecided(t *testing.T) []decided {
	t.Helper()
	var all []decided
	for _, l := range pageOf(t, rulesPage).prose {
		if m := decidedRow.FindStringSubmatch(l.text); m != nil {
			all = append(all, decided{l.number, m[1], m[2], m[3]})
		} else if strings.Contains(l.text, "](testdata/") {
			t.Errorf("%s:%d: want | [what happens](testdata/….json) | what is decided | `rule` or none |, got %s", rulesPage, l.number, l.text)
		}
	}
	return all
}

// TestDecisions holds that the policies decide what the page says.
func TestDecisions(t *testing.T) {
	world, all := readWorld(t), policiesShown(t, rulesPage)
	decides := make([]map[string]bool, len(all))
	for _, row := range rowsDecided(t) {
		i := -1
		for i+1 < len(all) && all[i+1].number < row.number {
			i++
		}
		policy, err := all[i].parse()
		if err != nil {
			t.Errorf("%s:%d: %v", rulesPage, row.number, err)
			continue
		}
		got := world.decide(t, policy, row.event)
		if got.words != row.words || got.named != row.named {
			t.Errorf("%s:%d: %s: decided %s by %q, the page says %s by %q", rulesPage, row.number, row.event, got.words, got.named, row.words, row.named)
		}
		if decides[i] == nil {
			decides[i] = map[string]bool{}
		}
		decides[i][got.named] = true
	}
	for i, s := range all {
		if s.section != "Recipes" {
			continue
		}
		policy, err := s.parse()
		if err != nil {
			t.Fatal(err)
		}
		for _, trial := range policy.Explain(rules.Request{}) {
			if !decides[i][trial.Rule] {
				t.Errorf("%s:%d: no event below it is decided by %q", rulesPage, s.number, trial.Rule)
			}
		}
	}
}

// TestReasons compares the reasons that the page quotes with those of the
// policies that it shows.
func TestReasons(t *testing.T) {
	world, words := readWorld(t), pageOf(t, rulesPage).words()
	for _, of := range []struct{ policy, event string }{
		{"first.yaml", "testdata/app-one-deploys.json"},
		{"before.yaml", "testdata/app-two-deploys.json"},
	} {
		all := policiesShown(t, rulesPage)
		i := slices.IndexFunc(all, func(s shown) bool { return s.name == of.policy })
		if i < 0 {
			t.Fatalf("%s: no %s", rulesPage, of.policy)
		}
		all[i].name = "rules.yaml"
		if reason := world.rule(t, must(all[i].parse()), of.event).Decision.Reason(); !strings.Contains(words, reason) {
			t.Errorf("%s does not quote %q", rulesPage, reason)
		}
	}
}

// TestEventsAreUsed wants every entry in the folder to be on the page.
func TestEventsAreUsed(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no events: %v", err)
	}
	rows := rowsDecided(t)
	for _, path := range paths {
		if !slices.ContainsFunc(rows, func(r decided) bool { return r.event == filepath.ToSlash(path) }) {
			t.Errorf("%s is not on the page", path)
		}
	}
}

// world is what the page says of its projects.
type world []known

type known struct {
	id, number iam.Project
	parents    []iam.Parent
}

var worldRow = regexp.MustCompile("^\\| `([a-z0-9-]+)` \\| ([0-9]+) \\| ([`a-z0-9/, ]+) \\|$")

func readWorld(t *testing.T) world {
	t.Helper()
	var w world
	for _, l := range pageOf(t, rulesPage).prose {
		m := worldRow.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		k := known{id: must(iam.ParseProject(m[1])), number: must(iam.ParseProject(m[2]))}
		for name := range strings.SplitSeq(m[3], ", ") {
			k.parents = append(k.parents, must(iam.ParseParent(strings.Trim(name, "`"))))
		}
		w = append(w, k)
	}
	if len(w) == 0 {
		t.Fatalf("%s: no projects", rulesPage)
	}
	return w
}

// find looks a project up by its id or number, as the function does in Resource
// Manager.
func (w world) find(p iam.Project) known {
	for _, k := range w {
		if !p.IsZero() && (k.id == p || k.number == p) {
			return k
		}
	}
	if p.IsNumber() {
		return known{number: p}
	}
	return known{id: p}
}

// decide says what is decided about an entry, as the page does.
func (w world) decide(t *testing.T, policy *rules.Policy, path string) decided {
	t.Helper()
	r := w.rule(t, policy, path)
	if r.Obstacle.Cause != remediate.WouldHelp {
		t.Errorf("%s: something speaks against a grant in the entry itself: %s", path, r.Obstacle.Why)
	}
	d := decided{event: path, words: r.Verdict().String(), named: r.Decision.Rule()}
	if r.Verdict() == rules.Grant && r.Decision.Mode == rules.Observe {
		d.words += ", observed"
	}
	return d
}

// rule decides about an entry as the function does before it looks at live
// state.
func (w world) rule(t *testing.T, policy *rules.Policy, path string) ruling.Ruling {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	event, err := parse.Entry(data)
	if err != nil || len(event.Findings) != 1 {
		t.Fatalf("%s: got %d findings, error %v; want one", path, len(event.Findings), err)
	}
	finding := event.Findings[0]
	facts := ruling.FactsOf(finding)
	from, to := facts.From.ID, w.find(finding.Access.Resource.Project())
	if from.IsZero() {
		from = facts.From.Number
	}
	home := w.find(from)
	facts.From = remediate.Names{ID: home.id, Number: home.number}
	facts.ToNumber = to.number
	facts.Above = rules.Ancestry{Known: home.parents != nil, Parents: home.parents}
	finding.Project, finding.Access.Resource = home.id, finding.Access.Resource.Of(to.id)

	r := ruling.New(finding, iam.Principal{})
	r.Decide(policy, facts)
	r.Doubt(event.Audit, event.At, event.At)
	return r
}

// cells returns, by the word in their first one, the cells of the rows of the
// table under a heading.
func cells(t *testing.T, page, title string) map[string][]string {
	t.Helper()
	p := pageOf(t, page)
	i := slices.IndexFunc(p.headings, func(h heading) bool { return h.text == title })
	if i < 0 {
		t.Fatalf("%s: no heading %q", page, title)
	}
	rows := map[string][]string{}
	for _, l := range p.prose {
		if l.number < p.headings[i].number || i+1 < len(p.headings) && l.number > p.headings[i+1].number {
			continue
		}
		if row, ok := strings.CutPrefix(l.text, "| `"); ok {
			all := strings.Split(strings.TrimSuffix(row, " |"), " | ")
			rows[strings.TrimSuffix(all[0], "`")] = all[1:]
		}
	}
	return rows
}

var (
	wanted  = regexp.MustCompile(`key "zzz": want (.+)`)
	missing = regexp.MustCompile(`: (\w+) is missing`)
)

// keysOf returns the keys that the reader knows of a mapping, by whether they
// must be there. The text is a file in which one of them is "zzz".
func keysOf(t *testing.T, text string) map[string]bool {
	t.Helper()
	_, err := rules.Parse("zzz", []byte(text))
	var problems rules.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("%q: got %v, want problems", text, err)
	}
	keys := map[string]bool{}
	for _, p := range problems {
		if m := wanted.FindStringSubmatch(p.What); m != nil {
			for word := range strings.SplitSeq(strings.ReplaceAll(m[1], " or ", ", "), ", ") {
				keys[word] = keys[word] || false
			}
		}
		if m := missing.FindStringSubmatch(p.What); m != nil {
			keys[m[1]] = true
		}
	}
	return keys
}

// TestKeys compares the tables of keys with those that the reader knows.
func TestKeys(t *testing.T) {
	must := map[bool]string{true: "must be there", false: "may be"}
	got := cells(t, rulesPage, "A rule")
	for column, action := range []string{"allow", "deny", "ignore"} {
		keys := keysOf(t, "apiVersion: pullfix/v1\n"+action+": [{zzz: 1}]")
		for key, row := range got {
			want := "no"
			if required, known := keys[key]; known {
				want = must[required]
			}
			if row[column] != want {
				t.Errorf("%s: %s in %s: the page says %q, the reader %q", rulesPage, key, action, row[column], want)
			}
			delete(keys, key)
		}
		for key := range keys {
			t.Errorf("%s: %s: want a row for the key %q", rulesPage, action, key)
		}
	}
	yes := map[bool]string{true: "yes", false: "no"}
	want, top := map[string]string{}, map[string]string{}
	for key, required := range keysOf(t, "zzz: 1") {
		want[key] = yes[required]
	}
	for key, row := range cells(t, rulesPage, "The file") {
		top[key] = row[0]
	}
	if diff := cmp.Diff(want, top); diff != "" {
		t.Errorf("%s: keys of the file: -reader +page\n%s", rulesPage, diff)
	}
}

// TestClasses wants a row for every class of members.
func TestClasses(t *testing.T) {
	rows := cells(t, rulesPage, "`members`")
	for _, class := range iam.ClassNames() {
		if rows[class] == nil {
			t.Errorf("%s: want a row for the class %q", rulesPage, class)
		}
		delete(rows, class)
	}
	if len(rows) > 0 {
		t.Errorf("%s: rows for %q, which are no classes", rulesPage, rows)
	}
}

// TestForms reads what the page says a "from" and a "to" may be.
func TestForms(t *testing.T) {
	for _, key := range []string{"from", "to"} {
		tried := 0
		for form := range cells(t, rulesPage, "`"+key+"`") {
			if !strings.Contains(form, "/") {
				continue // a kind
			}
			tried++
			if _, err := rules.Parse("zzz", fmt.Appendf(nil, "apiVersion: pullfix/v1\ndeny: [{name: d, %s: [%q]}]", key, form)); err != nil {
				t.Errorf("%s: %s: %v", rulesPage, key, err)
			}
		}
		if tried == 0 {
			t.Errorf("%s: no forms of %s", rulesPage, key)
		}
	}
}

// TestKindsOfAllow wants the page to name the kinds that an allow takes.
func TestKindsOfAllow(t *testing.T) {
	words := pageOf(t, rulesPage).words()
	_, list, _ := strings.Cut(words, "An `allow` takes only those that a grant mends: ")
	list, _, _ = strings.Cut(list, ".")
	for _, word := range iam.KindNames() {
		if listed := strings.Contains(list, "`"+word+"`"); listed != remediate.Grants(must(iam.ParseKind(word))) {
			t.Errorf("%s: an allow of %s: listed %t", rulesPage, word, listed)
		}
	}
}

// TestDefaultLimits wants the limits on the page to be those of a file without
// any.
func TestDefaultLimits(t *testing.T) {
	for _, s := range policiesShown(t, rulesPage) {
		if s.section != "Limits" {
			continue
		}
		got, want := must(s.parse()).Limits(), must(rules.Parse("zzz", []byte("apiVersion: pullfix/v1"))).Limits()
		if got != want {
			t.Errorf("%s:%d: got %+v, the defaults are %+v", rulesPage, s.number, got, want)
		}
		return
	}
	t.Errorf("%s: no limits", rulesPage)
}

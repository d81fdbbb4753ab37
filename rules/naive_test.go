package rules

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

// What follows decides by the words of the design, on texts, and shares nothing
// with the code that it checks.

// meaning is what a side of a rule has to do with a request.
type meaning int

const (
	fails meaning = iota
	unknown
	meets
)

// nameMatches compares whole segments; "**" at the end is any tail.
func nameMatches(pattern, name string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(name, "/")
	if last := len(want) - 1; want[last] == "**" {
		if len(got) < last {
			return false
		}
		want, got = want[:last], got[:last]
	}
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !segmentMatches(want[i], got[i]) {
			return false
		}
	}
	return true
}

// segmentMatches fills a table: whether the first i bytes of the glob match the
// first j of the text.
func segmentMatches(glob, text string) bool {
	table := make([][]bool, len(glob)+1)
	for i := range table {
		table[i] = make([]bool, len(text)+1)
		for j := range table[i] {
			switch {
			case i == 0:
				table[i][j] = j == 0
			case glob[i-1] == '*':
				table[i][j] = table[i-1][j] || j > 0 && table[i][j-1]
			default:
				table[i][j] = j > 0 && table[i-1][j-1] && glob[i-1] == text[j-1]
			}
		}
	}
	return table[len(glob)][len(text)]
}

var isNumeric = regexp.MustCompile(`^[1-9][0-9]*$`).MatchString

// projectOf is the second segment of a name.
func projectOf(name string) string { return append(strings.Split(name, "/"), "")[1] }

func compare(known, matches bool) meaning {
	switch {
	case !known:
		return unknown
	case matches:
		return meets
	default:
		return fails
	}
}

// naively is a request in texts, where "" is unknown.
type naively struct {
	kind, id, number, to, toNumber, member, role string
	above                                        []string
	aboveKnown                                   bool
}

func naive(q Request) naively {
	n := naively{
		kind: q.Kind.String(), id: q.From.String(), number: q.FromNumber.String(), to: q.To.String(), toNumber: q.ToNumber.String(),
		member: q.Member.String(), role: q.Role.String(), above: texts(q.Above.Parents), aboveKnown: q.Above.Known,
	}
	if isNumeric(n.id) {
		n.id, n.number = "", n.id
	}
	if isNumeric(projectOf(n.to)) {
		n.toNumber = projectOf(n.to)
	}
	return n
}

func (q naively) from(pattern string) meaning {
	switch {
	case !strings.HasPrefix(pattern, "projects/"):
		held := slices.Contains(q.above, pattern)
		return compare(q.aboveKnown || held, held)
	case isNumeric(projectOf(pattern)):
		return compare(q.number != "", pattern == "projects/"+q.number)
	default:
		return compare(q.id != "", nameMatches(pattern, "projects/"+q.id))
	}
}

func (q naively) target(pattern string) meaning {
	if !isNumeric(projectOf(pattern)) {
		return compare(q.to != "" && !isNumeric(projectOf(q.to)), nameMatches(pattern, q.to))
	}
	segments := strings.Split(q.to, "/")
	if q.to != "" {
		segments[1] = q.toNumber
	}
	return compare(q.to != "" && q.toNumber != "", nameMatches(pattern, strings.Join(segments, "/")))
}

func (q naively) who(member string) meaning {
	return compare(q.member != "", member == q.member || slices.Contains(classesOf[q.member], member))
}

// matches reports whether the rule speaks of the request: each side that it has
// meets it by one entry. What is not known meets a deny of something that could
// be granted.
func (s spec) matches(q naively) bool {
	side := func(entries []string, of func(string) meaning) bool {
		return len(entries) == 0 || slices.ContainsFunc(entries, func(entry string) bool {
			m := of(entry)
			return m == meets || m == unknown && s.Action == "deny" && q.role != ""
		})
	}
	kind := func(k string) meaning { return compare(true, k == q.kind) }
	role := len(s.Roles) == 0 && (s.Action != "allow" || q.role != iam.ArtifactWriter.String()) || slices.Contains(s.Roles, q.role)
	return role && (s.Action != "allow" || q.role != "") &&
		side(s.Kinds, kind) && side(s.From, q.from) && side(s.To, q.target) && side(s.Members, q.who)
}

// atHome reports whether the member may be an account of the project that
// deploys.
func (q naively) atHome() bool {
	switch home := homes[q.member]; {
	case home == "":
		return false
	case isNumeric(home):
		return q.number == "" || home == q.number
	default:
		return q.id == "" || home == q.id
	}
}

// decideNaively tries rule by rule. Of several that match the one decides that
// does the most, and then the one whose name is first.
func decideNaively(mode string, specs []spec, request Request) (Verdict, string, Mode) {
	best, q := map[string]*spec{}, naive(request)
	power := func(s *spec) int {
		n := 0
		if s.Action == "allow" && s.Mode != "observe" {
			n += 2
		}
		if s.Action == "allow" && slices.Contains(s.Members, request.Member.String()) && !q.atHome() {
			n += 4
		}
		if s.Unverified != "" {
			n++
		}
		return n
	}
	for i := range specs {
		s, b := &specs[i], best[specs[i].Action]
		if s.matches(q) && (b == nil || power(s) > power(b) || power(s) == power(b) && s.Name < b.Name) {
			best[s.Action] = s
		}
	}
	switch {
	case best["deny"] != nil:
		return Alert, best["deny"].Name, Observe
	case best["allow"] != nil:
		if mode == "enforce" && best["allow"].Mode != "observe" {
			return Grant, best["allow"].Name, Enforce
		}
		return Grant, best["allow"].Name, Observe
	case best["ignore"] != nil:
		return Ignore, best["ignore"].Name, Observe
	default:
		return Alert, "", Observe
	}
}

func TestDecisionIsTheNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs, q := drawSpecs(t), either(t)
		mode := rapid.SampledFrom(modeNames[:]).Draw(t, "file")
		verdict, name, effect := decideNaively(mode, specs, q)
		d := compiled(t, mode, specs).Decide(q)
		if d.Verdict != verdict || d.Rule() != name || d.Mode != effect {
			t.Fatalf("got %s %q %s, want %s %q %s\n%+v", d.Verdict, d.Rule(), d.Mode, verdict, name, effect, q)
		}
	})
}

// TestExplainIsNaiveToo holds that a rule has no misses where it matches.
func TestExplainIsNaiveToo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs, q := drawSpecs(t), either(t)
		byName := map[string]spec{}
		for _, s := range specs {
			byName[s.Name] = s
		}
		p := compiled(t, "enforce", specs)
		decided := p.Decide(q).Rule()
		for i, trial := range p.Explain(q) {
			if got, want := len(trial.Misses) == 0, byName[trial.Rule].matches(naive(q)); got != want {
				t.Fatalf("%s %s matches is %t, want %t: %+v\n%+v", trial.Action, trial.Rule, got, want, trial.Misses, q)
			}
			if trial.Final != (trial.Rule == decided) || trial.Final && i > 0 {
				t.Fatalf("rule %q decides, got at %d: %+v", decided, i, trial)
			}
		}
	})
}

func TestPatternsMatchNaively(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SampledFrom(someTo).Draw(t, "known")
		if rapid.Bool().Draw(t, "any") {
			glob := rapid.StringMatching(`\*?([ab-]{1,2}\*){0,3}[ab-]`)
			pattern = "projects/r*/secrets/" + glob.Draw(t, "glob") + rapid.SampledFrom([]string{"", "/**"}).Draw(t, "tail")
		}
		name := expand(t, pattern)
		if rapid.Bool().Draw(t, "otherwise") {
			name = "projects/r/secrets/" + rapid.StringMatching(`[ab-]{1,6}`).Draw(t, "name")
		}
		if got, want := must(parseTo(pattern)).matches(name), nameMatches(pattern, name); got != want {
			t.Fatalf("pattern %s, name %s: got %t, want %t", pattern, name, got, want)
		}
	})
}

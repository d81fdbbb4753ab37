package rules

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// expand makes a name that the pattern matches.
func expand(t *rapid.T, pattern string) string {
	tail, found := strings.CutSuffix(pattern, "**")
	if found {
		pattern = strings.TrimSuffix(tail, "/")
		if more := rapid.StringMatching(`(/[ar-]{1,2}){0,2}`).Draw(t, "tail"); pattern != "" || more == "" {
			pattern += more
		} else {
			pattern = more[1:]
		}
	}
	var name strings.Builder
	for _, c := range []byte(pattern) {
		if c == '*' {
			name.WriteString(rapid.StringMatching(`[ar-]{0,3}`).Draw(t, "star"))
		} else {
			name.WriteByte(c)
		}
	}
	return name.String()
}

// drawPattern draws one that is likely to cover another.
func drawPattern(t *rapid.T, what string) string {
	segment := rapid.StringMatching(`\*?([ar]\*?){1,2}|\*`)
	p := "projects/" + segment.Draw(t, what)
	switch rapid.IntRange(0, 4).Draw(t, what) {
	case 0:
		p += "/secrets/" + segment.Draw(t, what)
	case 1:
		p += "/locations/" + segment.Draw(t, what) + "/repositories/" + segment.Draw(t, what)
	case 2:
		p += "/locations/" + segment.Draw(t, what) + "/**"
	case 3:
		return rapid.SampledFrom(someTo).Draw(t, what)
	}
	return p + rapid.SampledFrom([]string{"", "/**"}).Draw(t, what)
}

func TestAPatternCoversWhatItSays(t *testing.T) {
	covered := 0
	rapid.Check(t, func(t *rapid.T) {
		wide, narrow := drawPattern(t, "wide"), drawPattern(t, "narrow")
		p, q := mustTo(t, wide), mustTo(t, narrow)
		if !p.covers(q) {
			return
		}
		covered++
		name := expand(t, narrow)
		if !nameMatches(narrow, name) {
			t.Fatalf("the test made %q of %s", name, narrow)
		}
		if !nameMatches(wide, name) {
			t.Fatalf("%s covers %s, and does not match %q", wide, narrow, name)
		}
	})
	if covered == 0 {
		t.Error("no pattern covered another")
	}
}

func mustTo(t *rapid.T, s string) pattern {
	p, err := parseTo(strings.TrimSuffix(s, "/**/**"))
	if err != nil {
		t.Skip(err)
	}
	return p
}

func TestEveryPatternCoversItself(t *testing.T) {
	for _, s := range someTo {
		if p := must(parseTo(s)); !p.covers(p) {
			t.Errorf("%s does not cover itself", s)
		}
	}
}

// TestAnAllowThatIsSaidNeverToMatchNeverDoes holds what a warning says.
func TestAnAllowThatIsSaidNeverToMatchNeverDoes(t *testing.T) {
	warned := 0
	rapid.Check(t, func(t *rapid.T) {
		specs := drawSpecs(t)
		if places := allows(specs); len(places) > 0 {
			specs = append(specs, widened(t, specs[places[0]], len(specs)))
		}
		p, q := compiled(t, "enforce", specs), drawGranted(t)
		d := p.Decide(q)
		for _, w := range p.Warnings() {
			if strings.Contains(w.What, "it can never match") {
				warned++
				if d.Verdict == Grant && strings.HasPrefix(w.What, "allow rule \""+d.Rule()+"\"") {
					t.Fatalf("%s: and it grants %+v", w.What, q)
				}
			}
		}
	})
	if warned == 0 {
		t.Error("no rule was warned of")
	}
}

// widened is a deny that is likely to cover a rule, or nearly so.
func widened(t *rapid.T, s spec, n int) spec {
	d := spec{Action: "deny", Name: "r" + string(rune('a'+n))}
	for _, side := range []struct {
		to         *[]string
		from, some []string
	}{{&d.Kinds, s.Kinds, someKinds}, {&d.From, s.From, someFrom}, {&d.To, s.To, someTo}, {&d.Members, s.Members, someMembers}} {
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0, 1:
			*side.to = slices.Clone(side.from)
		case 2:
			*side.to = slices.Concat(side.from[1:], drawSome(t, "other", 1, side.some))
		}
	}
	return d
}

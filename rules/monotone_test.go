package rules

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// powers of a decision: what it lets happen, of which a narrower policy must
// have no more. A foreign member gets nothing by a class.
func powers(d Decision, foreign bool) int {
	switch {
	case d.Verdict != Grant || foreign && !d.Named():
		return 0
	case d.Mode == Observe:
		return 1
	case !d.Unverified():
		return 2
	default:
		return 3
	}
}

func TestOrderMeansNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs, q := drawSpecs(t), either(t)
		one, other := compiled(t, "enforce", specs), compiled(t, "enforce", rapid.Permutation(specs).Draw(t, "shuffled"))
		if a, b := one.Decide(q), other.Decide(q); a.Verdict != b.Verdict || a.Rule() != b.Rule() || a.Mode != b.Mode {
			t.Fatalf("got %s by %q, then %s by %q", a.Verdict, a.Rule(), b.Verdict, b.Rule())
		}
		if one.Digest() != other.Digest() {
			t.Fatalf("digests differ: %s and %s", one.Digest(), other.Digest())
		}
	})
}

// TestNarrowerPoliciesGrantNoMore also holds that what is only observed is never
// enforced because of a rule that is no allow.
func TestNarrowerPoliciesGrantNoMore(t *testing.T) {
	for name, narrower := range map[string]func(*rapid.T, []spec) []spec{
		"with a deny more":      func(t *rapid.T, specs []spec) []spec { return append(specs, drawSpecOf(t, len(specs), "deny")) },
		"with an ignore more":   func(t *rapid.T, specs []spec) []spec { return append(specs, drawSpecOf(t, len(specs), "ignore")) },
		"without an allow":      withoutAllow,
		"with a narrower allow": withNarrowerAllow,
		"with a shorter allow":  withShorterAllow,
		"with an allow that observes": func(t *rapid.T, specs []spec) []spec {
			return changeAllow(t, specs, func(s *spec) { s.Mode = "observe" })
		},
		"with an allow that checks": func(t *rapid.T, specs []spec) []spec {
			return changeAllow(t, specs, func(s *spec) { s.Unverified = "" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				specs, q := drawSpecs(t), either(t)
				before := compiled(t, "enforce", specs).Decide(q)
				after := compiled(t, "enforce", narrower(t, slices.Clone(specs))).Decide(q)
				q = q.normal()
				if less, more := powers(before, q.foreign()), powers(after, q.foreign()); more > less {
					t.Fatalf("powers grew from %d by %q to %d by %q: %+v", less, before.Rule(), more, after.Rule(), q)
				}
			})
		})
	}
}

func TestAFileThatObservesEnforcesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs, q := drawSpecs(t), either(t)
		d, o := compiled(t, "observe", specs).Decide(q), compiled(t, "enforce", specs).Observing().Decide(q)
		if d.Mode != Observe || o.Mode != Observe || d.Verdict != o.Verdict || d.Rule() != o.Rule() {
			t.Fatalf("got %s %s by %q, then %s %s by %q", d.Verdict, d.Mode, d.Rule(), o.Verdict, o.Mode, o.Rule())
		}
	})
}

// allows are the places of the rules that allow something.
func allows(specs []spec) (places []int) {
	for i, s := range specs {
		if s.Action == "allow" {
			places = append(places, i)
		}
	}
	return places
}

func changeAllow(t *rapid.T, specs []spec, change func(*spec)) []spec {
	if places := allows(specs); len(places) > 0 {
		change(&specs[rapid.SampledFrom(places).Draw(t, "allow")])
	}
	return specs
}

func withoutAllow(t *rapid.T, specs []spec) []spec {
	places := allows(specs)
	if len(places) == 0 {
		return specs
	}
	i := rapid.SampledFrom(places).Draw(t, "allow")
	return slices.Delete(specs, i, i+1)
}

// withNarrowerAllow puts a pattern in the place of one that covers it.
func withNarrowerAllow(t *rapid.T, specs []spec) []spec {
	return changeAllow(t, specs, func(s *spec) {
		s.From, s.To = slices.Clone(s.From), slices.Clone(s.To)
		narrowOne(t, s.From, someFrom, parseSource, func(a, b source) bool { return a.above == b.above && a.projects.covers(b.projects) })
		narrowOne(t, s.To, someTo, parseTo, pattern.covers)
	})
}

func narrowOne[T any](t *rapid.T, patterns, others []string, parse func(string) (T, error), covers func(T, T) bool) {
	i := rapid.IntRange(0, len(patterns)-1).Draw(t, "pattern")
	var narrower []string
	for _, other := range others {
		if covers(must(parse(patterns[i])), must(parse(other))) {
			narrower = append(narrower, other)
		}
	}
	if len(narrower) > 0 {
		patterns[i] = rapid.SampledFrom(narrower).Draw(t, "narrower")
	}
}

// withShorterAllow takes an entry out of a list that has more.
func withShorterAllow(t *rapid.T, specs []spec) []spec {
	return changeAllow(t, specs, func(s *spec) {
		for _, list := range []*[]string{&s.Kinds, &s.From, &s.To, &s.Members} {
			if len(*list) > 1 && rapid.Bool().Draw(t, "shorter") {
				*list = (*list)[1:]
			}
		}
	})
}

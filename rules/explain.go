package rules

import (
	"cmp"
	"slices"
)

// Trial is how one rule of a policy fares with a request.
type Trial struct {
	Action string // allow, deny or ignore
	Rule   string
	Line   int
	Misses []Miss // the fields on which it fails; none where it matches
	Final  bool   // it decides
}

// Miss is a field of a rule that a request does not meet.
type Miss struct {
	Field string   // kinds, from, to, members or roles
	Want  []string // what the rule names
	Got   string   // what the request has; "" where that is not known
}

// Explain tries every rule on a request, those that match first, and then those
// that fail on the fewest fields.
func (p *Policy) Explain(q Request) []Trial {
	q = q.normal()
	decided := p.Decide(q).rule
	trials := make([]Trial, len(p.rules))
	for i, r := range p.rules {
		trials[i] = Trial{Action: r.action.String(), Rule: r.name, Line: r.line, Misses: r.misses(&q), Final: r == decided}
	}
	slices.SortStableFunc(trials, func(a, b Trial) int {
		if a.Final != b.Final {
			return cmp.Compare(boolean(b.Final), boolean(a.Final))
		}
		return cmp.Or(cmp.Compare(len(a.Misses), len(b.Misses)), cmp.Compare(a.Line, b.Line))
	})
	return trials
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// misses asks each side of the rule by itself.
func (r *rule) misses(q *Request) []Miss {
	var misses []Miss
	miss := func(met bool, field string, got string, want []string) {
		if !met {
			misses = append(misses, Miss{Field: field, Want: want, Got: got})
		}
	}
	miss(r.kinds.has(q.Kind), "kinds", q.Kind.String(), r.kinds.words())
	miss(r.matchesFrom(q), "from", q.source(), r.sources())
	miss(r.matchesTo(q), "to", q.To.String(), texts(r.to))
	miss(r.matchesMember(q), "members", q.Member.String(), texts(r.members))
	miss(r.matchesRole(q.Role), "roles", q.Role.String(), texts(r.mayGrant()))
	return misses
}

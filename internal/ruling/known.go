package ruling

import (
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// Known is what is known besides what an entry says.
type Known struct {
	Projects []remediate.Names // each with both names
	Above    rules.Ancestry    // what holds the project that deploys
}

// Of returns a finding as rules are to see it, which name projects by their id,
// and the facts about it.
func (k Known) Of(f parse.Finding) (parse.Finding, Facts) {
	facts := FactsOf(f)
	facts.Above = k.Above
	facts.From = k.names(facts.From)
	if !facts.From.ID.IsZero() {
		f.Project = facts.From.ID
	}
	to := f.Access.Resource.Project()
	named := k.names(remediate.Names{Number: to})
	if !to.IsNumber() {
		named = k.names(remediate.Names{ID: to})
	}
	facts.ToNumber = named.Number
	f.Access.Resource = f.Access.Resource.Of(named.ID)
	return f, facts
}

// names adds the name that is missing.
func (k Known) names(n remediate.Names) remediate.Names {
	for _, known := range k.Projects {
		if n.Number.IsZero() && known.Has(n.ID) || n.ID.IsZero() && known.Has(n.Number) {
			return known
		}
	}
	return n
}

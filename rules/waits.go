package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// Wait is a kind of failure that an allow is about, and where: in whatever
// projects the pattern covers.
type Wait struct {
	Kind    iam.Kind
	Project string // an id or a number, with "*" where it is left open
}

// Waits returns what the allows wait for, in whichever mode, by kind and
// project. A kind is only looked for where a pattern names what it is about.
func (p *Policy) Waits() []Wait {
	var all []Wait
	for _, r := range p.rules {
		if r.action == allow {
			all = append(all, r.waits()...)
		}
	}
	slices.SortFunc(all, func(a, b Wait) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Project, b.Project)) })
	return slices.Compact(all)
}

func (r *rule) waits() []Wait {
	var all []Wait
	for _, t := range targetTypes {
		for _, to := range r.to {
			narrowed, ok := to.within(t.form)
			if !ok {
				continue
			}
			project, _, _ := strings.Cut(strings.TrimPrefix(narrowed.text, "projects/"), "/")
			for _, kind := range t.kinds {
				if r.kinds.has(kind) {
					all = append(all, Wait{kind, project})
				}
			}
		}
	}
	return all
}

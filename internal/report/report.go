// Package report sums up the compliance record of a period for people.
// Records come in, one after the other, in any number; a [Report] goes out,
// with counts, a timeline, and lists of what was changed, what was not, and what
// nobody was told. It needs the same memory for any number of records: lists
// hold the latest entries, and say how many there were.
//
// An act has several records, and counts once, by how it ended.
package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/pullfix/pullfix/audit"
)

// Report is what the records of a period say.
type Report struct {
	Source      string    // where the records are from
	From, To    time.Time // the period that was asked for: From is in, To is out; zero is no bound
	First, Last time.Time // of the records that were read
	Records     int       // that were read
	Repeated    int       // of them, that are the same as one shortly before
	Unreadable  int       // entries that are no record
	Untraced    int       // acts that were begun while too many others were: of these only the end counts
	Counts      Counts
	Timeline    Timeline
	Rules       []RuleUse
	OtherRules  Counts // of rules for which there is no room in Rules

	Grants     List // members that were added
	NotGranted List // grants that were refused, failed or have no end
	Undos      List // grants that were undone, or not
	Budget     List // budgets that were used up, or re-armed
	Untold     List // alerts that a channel did not take
}

// List is a list of the latest entries, in order of time.
type List struct {
	Total   int // entries that there were
	Entries []Entry
}

// Cut reports how many entries are not in the list.
func (l List) Cut() int { return l.Total - len(l.Entries) }

// Entry is one act or decision.
type Entry struct {
	Ending Ending
	Undone bool         // a grant that was undone later
	Record audit.Record // the last one of it, its long texts cut
}

// Counts are how often each ending came.
type Counts [endings]int

// RuleUse is what came of what one rule of one policy decided.
type RuleUse struct {
	Rule, PolicyDigest string
	Counts             Counts
}

// UsedByRules returns the endings that rules have led to.
func (r *Report) UsedByRules() []Ending {
	return slices.DeleteFunc(Endings(), func(e Ending) bool {
		return r.OtherRules[e] == 0 && !slices.ContainsFunc(r.Rules, func(u RuleUse) bool { return u.Counts[e] > 0 })
	})
}

// mostRules bounds the rules that are told apart.
const mostRules = 500

type ruleKey struct{ rule, digest string }

// rules counts by rule and policy.
type rules struct {
	uses  map[ruleKey]*RuleUse
	other Counts
}

func (u *rules) count(r *audit.Record, e Ending) {
	use := u.uses[ruleKey{r.Rule, r.PolicyDigest}]
	switch {
	case use != nil:
		use.Counts[e]++
	case len(u.uses) == mostRules:
		u.other[e]++
	default:
		use = &RuleUse{Rule: shortened(r.Rule), PolicyDigest: shortened(r.PolicyDigest)}
		use.Counts[e]++
		u.uses[ruleKey{use.Rule, use.PolicyDigest}] = use
	}
}

func (u *rules) list() []RuleUse {
	list := make([]RuleUse, 0, len(u.uses))
	for _, use := range u.uses {
		list = append(list, *use)
	}
	slices.SortFunc(list, func(a, b RuleUse) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.PolicyDigest, b.PolicyDigest))
	})
	return list
}

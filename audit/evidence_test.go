package audit

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestVerifyFindsWhatAPlainSearchFinds holds Verify against a search through all
// pairs of a record and a change.
func TestVerifyFindsWhatAPlainSearchFinds(t *testing.T) {
	found := map[MismatchKind]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := plainSearch{}
		for n, act := range rapid.SliceOfN(rapid.Custom(drawAct), 0, 8).Draw(t, "acts") {
			for _, r := range act {
				r.Event = fmt.Sprint("event-", n)
			}
			s.records = append(s.records, act...)
		}
		s.changes = rapid.SliceOfN(rapid.Custom(s.drawChange), 0, 12).Draw(t, "changes")
		for n, c := range s.changes {
			c.ID = fmt.Sprint("change-", n)
		}
		s.VerifyOptions = VerifyOptions{
			Account: rapid.SampledFrom([]string{"", pullfix}).Draw(t, "account"),
			Window:  rapid.SampledFrom([]time.Duration{time.Hour, 5 * time.Hour}).Draw(t, "window"),
			Grace:   rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "grace"),
			Since:   rapid.SampledFrom([]time.Time{{}, record().At.Add(2 * time.Hour)}).Draw(t, "since"),
			Now:     rapid.SampledFrom([]time.Time{{}, record().At.Add(6 * time.Hour)}).Draw(t, "now"),
		}
		s.Changes = each(s.changes)
		report, err := Verify(context.Background(), each(s.records), s.VerifyOptions)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, m := range report.Mismatches {
			switch found[m.Kind]++; {
			case m.Kind == MismatchNoResult:
			case strings.HasSuffix(m.Why, " all the same"):
				change := regexp.MustCompile("change-[0-9]+").FindString(m.Why)
				found["denied"]++
				got[fmt.Sprintf("denied %s", change)]++
			default:
				got[fmt.Sprintf("%s %s", m.Kind, m.ID)]++
			}
		}
		if diff := cmp.Diff(s.find(), got); diff != "" {
			t.Fatalf("-a plain search +Verify\n%s", diff)
		}
	})
	if found[MismatchContradicted] == found["denied"] || found["denied"] == 0 || found[MismatchNoIntent] == 0 {
		t.Errorf("found %v: want some of each kind", found)
	}
}

func each[T any](all []*T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

var (
	someMembers = []string{"user:ann@example.com", "user:Ann@example.com", "user:bob@example.com"}
	someRoles   = []string{"roles/viewer", "roles/editor"}
	somePlaces  = []string{"projects/shared/secrets/a", "projects/shared/secrets/A"}
	someEtags   = []string{"", "", "AA==", "AQ==", "Ag=="}
)

func drawTime(t *rapid.T) time.Time {
	return record().At.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "hours")) * time.Hour)
}

func drawDelta(t *rapid.T) BindingDelta {
	return BindingDelta{
		Removed: rapid.Bool().Draw(t, "removed"),
		Role:    rapid.SampledFrom(someRoles).Draw(t, "role"),
		Member:  rapid.SampledFrom(someMembers).Draw(t, "member"),
	}
}

// drawAct draws the records of one act, in the order in which they are written:
// an intent, perhaps, and up to two that say what came of it.
func drawAct(t *rapid.T) (act []*Record) {
	r, d := record(), drawDelta(t)
	r.At, r.Role, r.Principal, r.Resource = drawTime(t), d.Role, d.Member, rapid.SampledFrom(somePlaces).Draw(t, "resource")
	done := OutcomeApplied
	if d.Removed {
		r.Cause, done = CauseUndo, OutcomeUndone
	}
	r.Phase, r.Outcome = PhaseIntent, ""
	if rapid.IntRange(0, 3).Draw(t, "intent") > 0 {
		act = append(act, &r)
	}
	for range rapid.IntRange(0, 2).Draw(t, "ends") {
		end := r
		end.EtagBefore, end.EtagAfter = rapid.SampledFrom(someEtags).Draw(t, "before"), rapid.SampledFrom(someEtags).Draw(t, "after")
		end.Phase, end.Outcome = PhaseResult, rapid.SampledFrom([]string{done, done, OutcomeRefused, OutcomeFailed, OutcomeAlreadyHeld}).Draw(t, "outcome")
		if rapid.IntRange(0, 5).Draw(t, "decision") == 0 {
			end.Phase, end.Outcome = PhaseDecision, ""
		}
		act = append(act, &end)
	}
	return act
}

// plainSearch says what Verify is to find.
type plainSearch struct {
	VerifyOptions
	records []*Record
	changes []*PolicyChange
}

func (s *plainSearch) drawChange(t *rapid.T) *PolicyChange {
	c := &PolicyChange{
		At: drawTime(t), Account: rapid.SampledFrom([]string{pullfix, "Pullfix@ops.iam.gserviceaccount.com", "ann@example.com"}).Draw(t, "by"),
		Resource:   rapid.SampledFrom(somePlaces).Draw(t, "resource"),
		EtagBefore: rapid.SampledFrom(someEtags).Draw(t, "before"), EtagAfter: rapid.SampledFrom(someEtags).Draw(t, "after"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "says") {
	case 0:
	case 1:
		c.Bindings = rapid.SliceOfN(rapid.Custom(drawDelta), 0, 3).Draw(t, "policy")
		if c.Bindings == nil {
			c.Bindings = []BindingDelta{}
		}
	default:
		c.Deltas = rapid.SliceOfN(rapid.Custom(drawDelta), 1, 3).Draw(t, "deltas")
	}
	if len(s.records) > 0 && rapid.Bool().Draw(t, "reason") {
		c.Reason = rapid.SampledFrom(s.records).Draw(t, "named").RequestReason()
	}
	return c
}

// find counts what does not match: results by their id, changes by theirs.
func (s *plainSearch) find() map[string]int {
	found := map[string]int{}
	for _, r := range s.records {
		bearsOut := func(c *PolicyChange) bool {
			return (s.own(c) || r.undo()) && (s.near(r, c) || s.names(r, c)) && s.made(r, c) && sameEtags(r, c)
		}
		if r.made() && s.judged(r.At) && !slices.ContainsFunc(s.changes, bearsOut) {
			found[fmt.Sprintf("%s %s", MismatchContradicted, r.ID())]++
		}
	}
	for _, c := range s.changes {
		if !s.own(c) || !s.judged(c.At) {
			continue
		}
		for _, part := range parts(c) {
			speaks := func(r *Record) bool {
				return r.Phase == PhaseIntent && s.made(r, part) && (s.near(r, part) || s.names(r, part))
			}
			denied := func(r *Record) bool { return speaks(r) && s.left(r) }
			switch {
			case slices.ContainsFunc(s.records, func(r *Record) bool { return speaks(r) && !s.left(r) }):
			case slices.ContainsFunc(s.records, denied):
				found["denied "+c.ID]++
			default:
				found[fmt.Sprintf("%s %s", MismatchNoIntent, c.ID)]++
			}
		}
	}
	return found
}

// parts are what a change did, one by one.
func parts(c *PolicyChange) (parts []*PolicyChange) {
	if c.Deltas == nil {
		return []*PolicyChange{c}
	}
	for _, d := range c.Deltas {
		part := *c
		part.Deltas = []BindingDelta{d}
		parts = append(parts, &part)
	}
	return parts
}

// left reports whether the act of an intent has ended, and never by making it.
func (s *plainSearch) left(intent *Record) bool {
	of := func(r *Record) bool { return r.Event == intent.Event && r.Phase != PhaseIntent }
	return !slices.ContainsFunc(s.records, func(r *Record) bool { return of(r) && r.made() }) &&
		slices.ContainsFunc(s.records, func(r *Record) bool { return of(r) && r.Outcome != OutcomeFailed })
}

// names reports whether a change says that it was made for a record.
func (s *plainSearch) names(r *Record, c *PolicyChange) bool {
	return strings.Contains(c.Reason, r.Key())
}

func (s *plainSearch) own(c *PolicyChange) bool {
	return s.Account == "" || strings.EqualFold(s.Account, c.Account)
}

// near reports whether a change was made when the act of a record could be.
func (s *plainSearch) near(r *Record, c *PolicyChange) bool {
	return !c.At.Before(r.At.Add(-s.Grace)) && (r.undo() || !c.At.After(r.At.Add(s.Window+s.Grace)))
}

// made reports whether a change can have made the step of a record.
func (s *plainSearch) made(r *Record, c *PolicyChange) bool {
	same := func(d BindingDelta) bool { return d.Role == r.Role && strings.EqualFold(d.Member, r.Principal) }
	switch {
	case c.Resource != r.Resource:
		return false
	case c.Deltas != nil:
		return slices.ContainsFunc(c.Deltas, func(d BindingDelta) bool { return same(d) && d.Removed == r.undo() })
	case c.Bindings != nil:
		return slices.ContainsFunc(c.Bindings, same) != r.undo()
	default:
		return true
	}
}

// sameEtags compares what is known on both sides.
func sameEtags(r *Record, c *PolicyChange) bool {
	before, after := r.EtagBefore != "" && c.EtagBefore != "", r.EtagAfter != "" && c.EtagAfter != ""
	return !before && !after || before && r.EtagBefore == c.EtagBefore || after && r.EtagAfter == c.EtagAfter
}

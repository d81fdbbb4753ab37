package report

import (
	"strings"

	"github.com/pullfix/pullfix/audit"
)

// Ending is what came of an act or a decision.
type Ending int

// The endings, in the order in which they are shown. The zero Ending is what
// somebody was to look at.
const (
	Alerted    Ending = iota // nothing was changed, and people were to be told
	Granted                  // the member was added
	Refused                  // a grant that a rule allows was refused for good
	Failed                   // the last try failed for now, and no result after it is recorded
	Unfinished               // the grant, or its undoing, was begun, and how it ended is not recorded
	Observed                 // the grant would have been made in enforce mode
	Held                     // the member had the role already
	Ignored                  // a rule, or the age of the entry, says to do nothing
	Undone                   // a grant was taken away again by a person
	NotUndone                // a person wanted that, and it was refused or failed
	Untold                   // a channel refused an alert for good
	Tripped                  // the budget of grants was used up: everything is only observed
	Paused                   // a person stopped all grants: everything is only observed
	Rearmed                  // a person lifted that
	endings
)

// naming is what an ending is called.
type naming struct {
	word             string // stable, for programs
	title            string
	verdict, outcome string // of the records that it is told from
	meaning          string
}

var namings = [endings]naming{
	Alerted:    {"alert", "Alerts", "alert", "", "nothing was changed, and people were to be told"},
	Granted:    {"granted", "Granted", "grant", "applied", "the member was added"},
	Refused:    {"refused", "Refused", "alert", "refused", "a rule allows it, and a check, a limit or Google Cloud refused it for good"},
	Failed:     {"failed", "Failed", "grant", "failed", "the last try failed for now, and no result after it is recorded"},
	Unfinished: {"unfinished", "Unfinished", "grant", "", "it was begun, and how it ended is not recorded"},
	Observed:   {"observed", "Observed", "grant", "observed", "it would have been granted in enforce mode"},
	Held:       {"already-held", "Already held", "grant", "already-held", "the member had the role already"},
	Ignored:    {"ignored", "Ignored", "ignore", "", "a rule, or the age of the entry, says to do nothing"},
	Undone:     {"undone", "Undone", "grant", "undone", "a person took a grant away again"},
	NotUndone:  {"not-undone", "Not undone", "grant", "refused", "a person wanted to undo a grant, and that was refused or failed"},
	Untold:     {"untold", "Not delivered", "", "", "a channel refused an alert for good"},
	Tripped:    {"budget-used-up", "Budget used up", "alert", "", "from then on grants are only observed"},
	Paused:     {"paused", "Paused", "alert", "", "a person stopped all grants: from then on they are only observed"},
	Rearmed:    {"re-armed", "Re-armed", "alert", "", "a person let pullfix grant again"},
}

// Endings returns every ending, in the order in which they are shown.
func Endings() []Ending {
	return []Ending{Granted, Undone, NotUndone, Refused, Failed, Unfinished, Observed, Held, Alerted, Ignored, Untold, Tripped, Paused, Rearmed}
}

// String returns the word of an ending.
func (e Ending) String() string { return namings[e].word }

// Title is what people call it.
func (e Ending) Title() string { return namings[e].title }

// Verdict is the verdict of the records that it is told from.
func (e Ending) Verdict() string { return namings[e].verdict }

// Outcome is the outcome of these records.
func (e Ending) Outcome() string { return namings[e].outcome }

// Meaning is what it means, in a part of a sentence.
func (e Ending) Meaning() string { return namings[e].meaning }

// decides reports whether a rule, or that there is none, has led to it.
func (e Ending) decides() bool { return e < Untold }

// MarshalText returns the word of an ending.
func (e Ending) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// The causes and the event by which the records about the budget are told.
const (
	causeBudget  = "budget"
	causePaused  = "paused"
	causeRearmed = "rearmed"
	tripEvent    = "trip-"
)

// endingOf reads what a record says by itself.
func endingOf(r *audit.Record) Ending {
	switch {
	case r.Phase == audit.PhaseNotice:
		return Untold
	case r.Phase == audit.PhaseIntent:
		return Unfinished
	case isUndo(r):
		return undoEnding(r)
	case r.Kind == "" && r.Cause == causeRearmed:
		return Rearmed
	case r.Kind == "" && r.Cause == causePaused:
		return Paused
	case r.Kind == "" && r.Cause == causeBudget && strings.HasPrefix(r.Event, tripEvent):
		return Tripped
	}
	if e, ok := byOutcome[r.Outcome]; ok {
		return e
	}
	if r.Verdict == "ignore" {
		return Ignored
	}
	return Alerted
}

var byOutcome = map[string]Ending{
	audit.OutcomeApplied: Granted, audit.OutcomeAlreadyHeld: Held, audit.OutcomeObserved: Observed,
	audit.OutcomeRefused: Refused, audit.OutcomeFailed: Failed,
}

func undoEnding(r *audit.Record) Ending {
	if r.Outcome == audit.OutcomeUndone {
		return Undone
	}
	return NotUndone
}

func isUndo(r *audit.Record) bool {
	return r.Cause == audit.CauseUndo || r.Outcome == audit.OutcomeUndone
}

package main

import (
	"errors"
	"fmt"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/remediate"
)

// trail is what is recorded about one finding of an event, in order: how the
// function decided and what it did, and what was done to undo that.
type trail []audit.Record

// trails tells the findings of an event apart.
func trails(records []audit.Record) []trail {
	var all []trail
	at := map[string]int{}
	for _, r := range records {
		n, known := at[r.Key()]
		if !known {
			n = len(all)
			at[r.Key()], all = n, append(all, nil)
		}
		all[n] = append(all[n], r)
	}
	return all
}

// last returns the last record that is as is asked for.
func (t trail) last(is func(audit.Record) bool) (last audit.Record, found bool) {
	for _, r := range t {
		if is(r) {
			last, found = r, true
		}
	}
	return last, found
}

// applied returns the result of the grant that added the member.
func (t trail) applied() (audit.Record, bool) {
	return t.last(func(r audit.Record) bool { return r.Phase == audit.PhaseResult && r.Outcome == audit.OutcomeApplied })
}

// undone returns the result of the undo that took it away.
func (t trail) undone() (audit.Record, bool) {
	return t.last(func(r audit.Record) bool { return r.Outcome == audit.OutcomeUndone })
}

// begun returns the intent of an undo that may have been cut off after it had
// changed the policy. One that was refused has not.
func (t trail) begun() (audit.Record, bool) {
	refused := func(r audit.Record) bool {
		return r.Cause == audit.CauseUndo && r.Outcome == audit.OutcomeRefused
	}
	if _, ended := t.last(refused); ended {
		return audit.Record{}, false
	}
	return t.last(func(r audit.Record) bool { return r.Cause == audit.CauseUndo && r.Phase == audit.PhaseIntent })
}

// open reports whether there is a grant to be undone.
func (t trail) open() bool {
	_, applied := t.applied()
	_, undone := t.undone()
	return applied && !undone
}

// closed says why there is none.
func (t trail) closed() string {
	if r, ok := t.undone(); ok {
		return fmt.Sprintf("it was undone already: the record with the id %q says %q", r.ID(), r.Reason)
	}
	r := t.furthest()
	switch {
	case r.Outcome == audit.OutcomeAlreadyHeld:
		return "the member held the role before: it is not pullfix's to take away"
	case r.Outcome == audit.OutcomeFailed:
		return fmt.Sprintf("the grant failed for now (%q), and the event comes again: wait for its result", r.Error)
	case r.Phase == audit.PhaseIntent:
		return "the grant was begun, and how it ended is not recorded: the event comes again and records it, wait for that"
	case r.Outcome == audit.OutcomeObserved:
		return fmt.Sprintf("nothing was changed: the grant was only observed (%q)", r.Reason)
	case r.Outcome == audit.OutcomeRefused:
		return fmt.Sprintf("nothing was changed: the grant was refused (%q)", r.Reason)
	default:
		return fmt.Sprintf("nothing was changed: the verdict was %q (%q)", r.Verdict, r.Reason)
	}
}

// furthest returns the record that says how far the grant got. Where the
// decision and the intent of one event bear the same time, Cloud Logging lists
// them in any order.
func (t trail) furthest() audit.Record {
	var furthest audit.Record
	for _, phase := range []string{audit.PhaseDecision, audit.PhaseIntent, audit.PhaseResult} {
		if r, ok := t.last(func(r audit.Record) bool { return r.Phase == phase }); ok {
			furthest = r
		}
	}
	return furthest
}

// subject names the finding, as foreign text.
func (t trail) subject() string {
	return fmt.Sprintf("%q for %q on %q", t[0].Role, t[0].Principal, t[0].Resource)
}

// removal returns what would take the member away, or an error where pullfix
// could not have added it: anybody may have written the record.
func removal(of audit.Record) (remediate.Removal, error) {
	resource, err := iam.ParseResource(of.Resource)
	if err != nil {
		return remediate.Removal{}, err
	}
	role, err := iam.ParseRole(of.Role)
	if err != nil {
		return remediate.Removal{}, err
	}
	member, err := iam.ParsePrincipal(of.Principal)
	if err != nil {
		return remediate.Removal{}, err
	}
	away, err := remediate.NewRemoval(iam.Binding{Resource: resource, Role: role, Member: member})
	if limit := (*remediate.RefusedError)(nil); errors.As(err, &limit) {
		return remediate.Removal{}, errors.New(limit.Why)
	}
	return away, err
}

package audit

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// contradicted finds the results that no change bears out.
func (e *evidence) contradicted(add func(Mismatch)) {
	near, borne := make([]bool, len(e.made)), e.named
	e.near.mark(near)
	for _, t := range []*tally{&e.any, &e.before, &e.after} {
		t.mark(borne)
	}
	var left []uint32
	for n, ok := range borne {
		if !ok && e.judged(e.made[n].at.time()) {
			left = append(left, uint32(n))
		}
	}
	slices.SortFunc(left, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(e.made[a].line, e.made[b].line), cmp.Compare(e.made[a].at, e.made[b].at), cmp.Compare(a, b))
	})
	for _, n := range left {
		r := &e.made[n]
		add(Mismatch{Kind: MismatchContradicted, Line: r.line, Event: e.said(r).event, ID: hex.EncodeToString(r.id[:]), At: r.at.time(), Why: e.contradiction(n, near[n])})
	}
}

// contradiction says why the changes do not show what a record says was done.
func (e *evidence) contradiction(n uint32, near bool) string {
	r := &e.made[n]
	s := e.steps.all[r.step]
	resource, role, member := e.steps.resources.text(s.resource), e.steps.roles.text(s.role), e.steps.members.text(s.member)
	says, done := e.said(r), "added to"
	when := fmt.Sprintf("within %s of %s", e.Window, r.at.time().Format(time.RFC3339))
	if s.removed {
		done, when = "removed from", "after "+r.at.time().Format(time.RFC3339)
	}
	if !near {
		return fmt.Sprintf("the record says %q, and no policy change shows that %q was %s %q on %q %s", says.outcome, member, done, role, resource, when)
	}
	claim := fmt.Sprintf("the record says %q with the etags %q and %q", says.outcome, says.before, says.after)
	if other, known := e.strangerNear(n); known {
		return fmt.Sprintf("%s, and the policy change %q of %q has %q and %q", claim, other.id, resource, other.before, other.after)
	}
	return fmt.Sprintf("%s, and of the policy changes that show that %q was %s %q on %q %s none has one of them", claim, member, done, role, resource, when)
}

// strangerNear is the last one that was seen. The results of a step lie by time.
func (e *evidence) strangerNear(n uint32) (stranger, bool) {
	for _, other := range slices.Backward(e.strangers) {
		if other.results.from <= n && n < other.results.to {
			return other, true
		}
	}
	return stranger{}, false
}

package audit

import (
	"fmt"
	"slices"
	"time"
)

// contradicts says why the changes do not show what a record says was done, or
// "".
func (h *history) contradicts(r *Record) string {
	s := stepOf(r)
	var other *pastChange
	for c := range h.near(r, s) {
		switch {
		case !s.removed && !c.own:
		case sameEtags(r, c.PolicyChange):
			return ""
		default:
			other = c
		}
	}
	done, late := "added to", fmt.Sprintf("within %s of %s", h.Window, r.At.Format(time.RFC3339))
	if s.removed {
		done, late = "removed from", "after "+r.At.Format(time.RFC3339)
	}
	if other == nil {
		return fmt.Sprintf("the record says %q, and no policy change shows that %q was %s %q on %q %s", r.Outcome, r.Principal, done, r.Role, r.Resource, late)
	}
	return fmt.Sprintf("the record says %q with the etags %q and %q, and the policy change %q of %q has %q and %q",
		r.Outcome, r.EtagBefore, r.EtagAfter, other.ID, other.Resource, other.EtagBefore, other.EtagAfter)
}

// sameEtags compares what is known on both sides. One of two is enough: after a
// write whose answer was lost, the record has the etag of the policy as it was
// found later.
func sameEtags(r *Record, c *PolicyChange) bool {
	before, after := r.EtagBefore != "" && c.EtagBefore != "", r.EtagAfter != "" && c.EtagAfter != ""
	return !before && !after || before && r.EtagBefore == c.EtagBefore || after && r.EtagAfter == c.EtagAfter
}

// unintended finds the changes of pullfix's account that nothing was recorded
// before.
func (h *history) unintended(judged func(time.Time) bool, add func(Mismatch)) {
	h.settle()
	for _, c := range h.changes {
		if !c.own || !judged(c.At) {
			continue
		}
		m := Mismatch{Kind: MismatchNoIntent, ID: c.ID, At: c.At}
		if c.Deltas == nil && !c.intended[0] {
			m.Why = fmt.Sprintf("%q changed the policy of %q, and no act on it was recorded before", c.Account, c.Resource)
			add(m)
		}
		for n, d := range c.Deltas {
			if !c.intended[n] {
				m.Why = fmt.Sprintf("%q %s on %q, and that was not recorded before", c.Account, d, c.Resource)
				add(m)
			}
		}
	}
}

// settle tells every change which of its steps were recorded before it: at its
// time, or by the key that its reason names.
func (h *history) settle() {
	for s, line := range h.steps {
		covered := 0
		for n, c := range line.changes {
			if covered += line.covered[n]; covered > 0 || h.knew(c, s) {
				c.intend(s)
			}
		}
	}
}

func (h *history) knew(c *pastChange, s step) bool {
	return slices.ContainsFunc(reasonKeys(c.Reason), func(key [16]byte) bool { return h.named[namedStep{key, s}].intended })
}

package check

import (
	"slices"

	"github.com/pullfix/pullfix/torture/world"
)

func (t *trial) allowed() {
	for _, w := range t.Writes {
		if !w.Ours {
			continue
		}
		for _, m := range w.Added {
			b := world.Binding{Resource: w.Resource, Role: m.Role, Member: m.Name}
			t.wants(t.granted[b] && m.Condition == "", "%s was added to %s of %s, and no event may lead to that (write %d)", m.Name, m.Role, w.Resource, w.At)
		}
		t.wants(len(w.Removed) == 0, "pullfix removed %v from the policy of %s (write %d)", w.Removed, w.Resource, w.At)
	}
	for _, r := range t.Records {
		if r.Phase == intent {
			t.wants(t.mayBegin(r), "event %s: an act is on record that it may not lead to: %s for %s on %s", r.Event, r.Role, r.Principal, r.Resource)
		}
	}
}

// mayBegin reports whether an event may lead to what is intended.
func (t *trial) mayBegin(r Record) bool {
	e := t.events[r.Event]
	return e != nil && slices.ContainsFunc(e.Findings, func(f world.Finding) bool {
		return f.Binding == r.binding() && (f.End == world.Granted || f.End == world.Refused)
	})
}

func (t *trial) intentFirst() {
	for b, adds := range t.adds {
		for _, w := range adds {
			first := slices.ContainsFunc(t.intents[b], func(r Record) bool { return r.At < w.At && (w.More || slices.Contains(w.For, r.Event)) })
			t.wants(first, "%s was added to %s of %s (write %d, for %v), and no intent was on record by then", b.Member, b.Role, b.Resource, w.At, w.For)
		}
	}
}

func (t *trial) truthful() {
	for b, records := range t.applied {
		adds := t.adds[b]
		claims := 0
		for _, r := range records {
			switch {
			case slices.ContainsFunc(adds, before(r)) && claims < len(adds):
				claims++
			case t.mistaken(b, r):
				t.excused++
			case claims > 0:
				t.breaks("events %s and %s: both have %s for %s on %s on record as granted, and the policy was changed once", records[0].Event,
					r.Event, b.Role, b.Member, b.Resource)
			default:
				t.breaks("event %s: %s for %s on %s is on record as granted (record %d, cause %q), and pullfix has not changed the policy so before "+
					"(its writes %v, those of others %v)", r.Event, b.Role, b.Member, b.Resource, r.At, r.Cause, dates(adds), dates(t.others[b]))
			}
			t.examined++
		}
	}
	for b, adds := range t.adds {
		t.wants(len(t.applied[b]) >= len(adds), "%s was added to %s of %s %d times (write %d), and %d grants of it are on record", b.Member, b.Role,
			b.Resource, len(adds), adds[0].At, len(t.applied[b]))
	}
}

func dates(writes []Write) []int64 {
	all := make([]int64, len(writes))
	for n, w := range writes {
		all[n] = w.At
	}
	return all
}

func before(r Record) func(Write) bool { return func(w Write) bool { return w.At < r.At } }

// mistaken reports whether somebody else made the change that a record has of an
// act that was cut off: pullfix cannot tell, and says so (docs/checks.md#recovered).
func (t *trial) mistaken(b world.Binding, r Record) bool {
	return r.Cause == recovered && slices.ContainsFunc(t.others[b], before(r))
}

func (t *trial) budgetKept() {
	made, recorded := 0, 0
	for _, adds := range t.adds {
		made += len(adds)
	}
	for _, records := range t.applied {
		recorded += len(records)
	}
	t.wants(made <= t.Budget, "%d grants were made, want at most %d", made, t.Budget)
	t.wants(!t.tripped || recorded >= t.Budget, "the budget was taken for used up after %d grants, want %d", recorded, t.Budget)
}

// othersKept also wants that a policy is at last what all writes made of it.
func (t *trial) othersKept() {
	for h, there := range t.Theirs {
		t.wants(t.After[h.Resource][h.Member] == there, "%s in %s of %s: somebody else left it there: %t, and it is there: %t", h.Name, h.Role,
			h.Resource, there, t.After[h.Resource][h.Member])
	}
	for _, w := range t.Blind {
		t.breaks("the policy of %s was overwritten, whatever it was (write %d)", w.Resource, w.At)
	}
	want := map[string]Policy{}
	for resource, p := range t.Before {
		want[resource] = Policy{}
		for m := range p {
			want[resource][m] = true
		}
	}
	for _, w := range t.Writes {
		if want[w.Resource] == nil {
			want[w.Resource] = Policy{}
		}
		for _, m := range w.Added {
			want[w.Resource][m] = true
		}
		for _, m := range w.Removed {
			delete(want[w.Resource], m)
		}
	}
	for resource, p := range t.After {
		for m := range want[resource] {
			t.wants(p[m], "%s in %s of %s was there, and nobody took it away", m.Name, m.Role, resource)
		}
		for m := range p {
			t.wants(want[resource][m], "%s in %s of %s is there, and nobody added it", m.Name, m.Role, resource)
		}
	}
}

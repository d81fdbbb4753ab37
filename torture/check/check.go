package check

import (
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/torture/world"
)

// Result is what is known of an invariant.
type Result struct {
	Name     string // in a word or two
	Says     string // what must be true
	Examined int    // how many things it was held against
	Excused  int    // of them, those that are not so, as the documentation says they may be
	Broken   []string
}

// invariant holds a history against what must be true.
type invariant struct {
	name, says string
	holds      func(*trial)
}

// invariants are in the order in which they are shown.
var invariants = []invariant{
	{"allowed", "nothing is granted that the rules do not allow, and nothing else of a policy changes", (*trial).allowed},
	{"intent-first", "the intent of every grant, by an event that the write names, is on record before the policy changes", (*trial).intentFirst},
	{"nothing-lost", "every event is done with, and ends on record as it must", (*trial).nothingLost},
	{"others-kept", "what other writers changed stays as they left it", (*trial).othersKept},
	{"told-once", "no channel is told twice about one event, or again of a problem that it knows", (*trial).toldOnce},
	{"grants-told", "every grant is told, or pullfix says that it does not know", (*trial).grantsTold},
	{"alerts-told", "every channel has its alerts, up to the most that it gets", (*trial).alertsTold},
	{"truthful", "what is on record as granted was granted, each change by one event, and every change is on record", (*trial).truthful},
	{"budget-kept", "no more is granted than the budget has, and no less before it is used up", (*trial).budgetKept},
	{"one-line", "a record is shown once, however often it is written", (*trial).oneLine},
	{"alive", "no instance ends by itself", (*trial).alive},
}

// All holds the history against every invariant.
func All(h *History) []Result {
	facts := gather(h)
	results := make([]Result, len(invariants))
	for n, i := range invariants {
		t := &trial{History: h, facts: facts}
		i.holds(t)
		results[n] = Result{i.name, i.says, t.examined, t.excused, t.broken}
	}
	return results
}

// AllHold reports whether nothing is broken.
func AllHold(results []Result) bool {
	for _, r := range results {
		if len(r.Broken) > 0 {
			return false
		}
	}
	return true
}

// facts are indexes of a history.
type facts struct {
	events  map[string]*world.Event   // by every name that records have for them
	granted map[world.Binding]bool    // what some event is to lead to
	records map[string][]Record       // by event, each as often as it was written
	adds    map[world.Binding][]Write // by pullfix
	others  map[world.Binding][]Write // by somebody else
	intents map[world.Binding][]Record
	applied map[world.Binding][]Record // each once, as it was written first
	tripped bool                       // the budget was used up
}

func gather(h *History) *facts {
	f := &facts{
		events: map[string]*world.Event{}, granted: map[world.Binding]bool{}, records: map[string][]Record{},
		adds: map[world.Binding][]Write{}, others: map[world.Binding][]Write{}, intents: map[world.Binding][]Record{}, applied: map[world.Binding][]Record{},
	}
	for n := range h.Events {
		e := &h.Events[n]
		for _, name := range e.Names() {
			f.events[name] = e
		}
		for _, finding := range e.Findings {
			if finding.End == world.Granted {
				f.granted[finding.Binding] = true
			}
		}
	}
	for _, w := range h.Writes {
		for _, m := range w.Added {
			b, of := world.Binding{Resource: w.Resource, Role: m.Role, Member: m.Name}, f.others
			if w.Ours {
				of = f.adds
			}
			of[b] = append(of[b], w)
		}
	}
	f.read(h.Records)
	return f
}

func (f *facts) read(records []Record) {
	ids := map[string]bool{}
	for _, r := range records {
		f.records[r.Event] = append(f.records[r.Event], r)
		switch {
		case isTrip(r.Event):
			f.tripped = true
		case r.Phase == intent:
			f.intents[r.binding()] = append(f.intents[r.binding()], r)
		case r.Outcome == applied && r.Phase != notice && !ids[r.ID]:
			ids[r.ID] = true
			f.applied[r.binding()] = append(f.applied[r.binding()], r)
		}
	}
}

// isTrip reports whether a record is not about an event but about the budget.
func isTrip(event string) bool { return strings.HasPrefix(event, "trip-") }

// trial is one invariant under examination.
type trial struct {
	*History
	*facts
	examined int
	excused  int
	broken   []string
}

func (t *trial) breaks(format string, args ...any) {
	t.broken = append(t.broken, fmt.Sprintf(format, args...))
}

// wants examines one thing.
func (t *trial) wants(ok bool, format string, args ...any) {
	t.examined++
	if !ok {
		t.breaks(format, args...)
	}
}

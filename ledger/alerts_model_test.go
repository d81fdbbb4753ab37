package ledger

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// alertsModel remembers every event of the problem.
type alertsModel struct {
	*machine
	problem model
	claims  map[string]*model // by event: the problem as it was before
	told    map[string]bool
	untold  map[string]bool
}

// model is a problem.
type model struct {
	*life
	event     string // claimed last
	at, until time.Time
	confirmed bool
	reported  map[string]bool // the untold events that a telling spoke of
}

// life is what a problem is known by from when it was first claimed until it is
// forgotten.
type life struct {
	untold, claimed map[string]bool // by event
	thread          string
}

func (m *alertsModel) known() bool { return m.now.Before(m.problem.until) }

func (m *alertsModel) claim() {
	event := m.event()
	var got Claim
	failed := false
	m.through(func(l *Ledger) (err error) {
		got, err = l.Claim(m.Context(), "p", event, m.now, every)
		failed = failed || err != nil
		return err
	})
	if want := m.expect(event); got != want {
		m.Fatalf("claim of %s at %s: got %+v, want %+v", event, m.now, got, want)
	}
	if failed && got.Due && m.recall(event).Untold { // the first claim was saved, and released
		m.untold[event] = true
	}
}

func (m *alertsModel) recall(event string) (past Past) {
	m.through(func(l *Ledger) (err error) {
		past, err = l.Recall(m.Context(), event, m.now)
		return err
	})
	return past
}

func (m *alertsModel) past() {
	event := m.event()
	if past := m.recall(event); past.Untold != m.untold[event] {
		m.Fatalf("event %s: got %+v, want untold %t", event, past, m.untold[event])
	}
}

func (m *alertsModel) expect(event string) Claim {
	if _, claimed := m.claims[event]; claimed || m.told[event] {
		return Claim{Unsure: claimed}
	}
	p, age := &m.problem, m.now.Sub(m.problem.at)
	if m.known() && p.event != "" && age < every && (p.confirmed || age < sendTime) {
		p.untold[event] = true
		delete(m.untold, event)
		return Claim{}
	}
	if !m.known() {
		*p = model{life: &life{untold: map[string]bool{}, claimed: map[string]bool{}}, until: m.now.Add(2 * every)}
	}
	missed := 0
	for other := range p.untold {
		if other != event && !p.reported[other] {
			missed++
		}
	}
	before := *p
	m.claims[event] = &before
	p.claimed[event] = true
	*p = model{life: p.life, event: event, at: m.now, until: m.now.Add(2 * every), reported: maps.Clone(p.untold)}
	return Claim{Due: true, Missed: missed, Count: p.count(), Thread: p.thread}
}

// count counts each event once, however it came to be one of the problem.
func (l *life) count() int {
	all := maps.Clone(l.untold)
	maps.Copy(all, l.claimed)
	return len(all)
}

// settle calls for a claim that nothing was heard of. It reports whether its
// problem is known still, and whether it is the last claim of it.
func (m *alertsModel) settle(how func(l *Ledger, event string) error) (event string, known, last bool) {
	if len(m.claims) == 0 {
		m.Skip("no claim")
	}
	event = rapid.SampledFrom(slices.Sorted(maps.Keys(m.claims))).Draw(m.T, "claim")
	m.through(func(l *Ledger) error { return how(l, event) })
	known = m.known() && m.problem.life == m.claims[event].life
	return event, known, known && m.problem.event == event
}

func (m *alertsModel) tell() {
	thread := rapid.SampledFrom([]string{"", "one", "another"}).Draw(m.T, "thread")
	event, known, last := m.settle(func(l *Ledger, event string) error { return l.Told(m.Context(), "p", event, thread, m.now) })
	m.told[event], m.untold[event] = true, false
	m.problem.confirmed = m.problem.confirmed || last
	if known && thread != "" {
		m.problem.thread = thread
	}
	delete(m.claims, event)
}

func (m *alertsModel) release() {
	m.takeBack(m.settle(func(l *Ledger, event string) error { return l.Release(m.Context(), "p", event, m.now) }))
}

func (m *alertsModel) withhold() {
	event, known, last := m.settle(func(l *Ledger, event string) error { return l.Withhold(m.Context(), "p", event, m.now) })
	m.takeBack(event, known, last)
	m.untold[event] = false
	if m.known() {
		m.problem.untold[event] = true
	}
}

func (m *alertsModel) takeBack(event string, known, last bool) {
	m.untold[event] = true
	if known {
		delete(m.problem.claimed, event)
	}
	if last {
		m.problem = *m.claims[event]
	}
	delete(m.claims, event)
}

func TestAlertsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &alertsModel{machine: newMachine(t), claims: map[string]*model{}, told: map[string]bool{}, untold: map[string]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"claim":    func(*rapid.T) { m.claim() },
			"another":  func(*rapid.T) { m.claim() },
			"told":     func(*rapid.T) { m.tell() },
			"release":  func(*rapid.T) { m.release() },
			"withhold": func(*rapid.T) { m.withhold() },
			"recall":   func(*rapid.T) { m.past() },
			"soon":     func(*rapid.T) { m.advance(5 * time.Minute) },
			"later":    func(*rapid.T) { m.advance(5 * time.Hour) },
		})
	})
}

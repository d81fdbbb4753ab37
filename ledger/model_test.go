package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// budgetModel remembers every grant.
type budgetModel struct {
	*machine
	prepared map[string]Past
	grants   map[string]modelGrant // of this epoch, by event
	begun    map[string]bool
	counted  map[string]time.Time            // of those that were begun: when the budget began to count them
	made     map[string]bool                 // of those that were begun
	acts     map[string]map[string]time.Time // of those that were begun: until when a delivery may act
	ended    map[string]string
	since    map[string]time.Time // of those that were begun: when the first one looked
	bindings map[string]Grant
	changing map[string]map[string]time.Time // until when an event may change a binding, by the binding
	trip     Trip
	epoch    int
}

type modelGrant struct{ begun, made time.Time } // the zero time is that it is open

// count counts grants that are open, and that were made or are taken for it. A
// bucket is less exact: an open grant may be taken for made later, and every one
// be forgotten later, by some seconds.
func (m *budgetModel) count(now time.Time, taken, forgotten time.Duration) (open, made int) {
	for _, g := range m.grants {
		age := now.Sub(g.begun)
		switch {
		case !g.made.IsZero():
			if now.Sub(g.made) < budgetPeriod+forgotten {
				made++
			}
		case age < openTime+taken:
			open++
		case age < openTime+budgetPeriod+forgotten:
			made++
		}
	}
	return open, made
}

// delivery is one of three of an event. Some events may lead to the same binding.
func (m *budgetModel) delivery(event string) Delivery {
	id, binding := fmt.Sprint(rapid.IntRange(0, 2).Draw(m.T, "delivery")), "binding "+event[:1]
	return Delivery{id, binding, m.now, m.now.Add(actTime)}
}

// begins notes what a delivery may do.
func (m *budgetModel) begins(event string, by Delivery) {
	m.acts[event][by.ID] = by.Until
	if m.changing[by.Binding] == nil {
		m.changing[by.Binding] = map[string]time.Time{}
	}
	if by.Until.After(m.changing[by.Binding][event]) {
		m.changing[by.Binding][event] = by.Until
	}
}

// others reports whether other deliveries may be at work on an event.
func (m *budgetModel) others(event string, by Delivery) bool {
	for id, until := range m.acts[event] {
		if id != by.ID && until.After(by.Since) {
			return true
		}
	}
	return false
}

// skewed is the time by the clock of an instance.
func (m *budgetModel) skewed() time.Time {
	return m.now.Add(time.Duration(rapid.IntRange(-120, 120).Draw(m.T, "clock")) * time.Second)
}

// prepare reads ahead what a later call may find to be old.
func (m *budgetModel) prepare() {
	event := m.event()
	m.through(func(l *Ledger) error {
		past, err := l.Prepare(m.Context(), event, m.delivery(event), m.now)
		if err == nil {
			m.wantPast(event, past)
		}
		m.prepared[event] = past
		return err
	})
}

func (m *budgetModel) begin(perHour int) {
	event, now := m.event(), m.skewed()
	by := m.delivery(event)
	var start Start
	var busy bool
	m.through(func(l *Ledger) (err error) {
		start, err = l.Begin(m.Context(), event, by, m.prepared[event], now, perHour)
		if busy = isBusy(err); busy {
			return nil
		}
		if err != nil {
			m.withdrawn(event, by)
		}
		return err
	})
	if m.lapsed(event, by, now) && !busy && m.ended[event] == "" {
		m.giveBack(event)
	}
	lapsed := m.lapsed(event, by, now)
	if busy && (m.begun[event] && !lapsed || !m.trip.IsZero()) {
		m.Fatalf("event %s was sent away, want its grant, or the trip", event)
	}
	switch trip := start.Trip; {
	case m.ended[event] != "":
		m.same(start, Start{Ended: m.ended[event]})
	case m.begun[event] && !lapsed:
		m.same(start, Start{})
		if _, known := m.acts[event][by.ID]; !known {
			m.begins(event, by)
		}
	case !m.trip.IsZero():
		m.same(start, Start{Trip: m.trip})
	case busy:
		open, made := m.count(now, 0, bucketLength)
		_, certain := m.count(now, bucketLength, 0)
		if open+made < perHour || certain >= perHour {
			m.Fatalf("sent away with %d open and %d made of %d", open, made, perHour)
		}
	case trip.IsZero():
		m.begun[event], m.counted[event], m.grants[event] = true, now, modelGrant{begun: now}
		m.acts[event], m.since[event] = map[string]time.Time{}, by.Since
		m.begins(event, by)
		if open, made := m.count(now, 0, 0); open+made > perHour {
			m.Fatalf("%d open and %d made in the hour before %s, want at most %d", open, made, now, perHour)
		}
	default:
		m.same(start, Start{Trip: Trip{At: now, Epoch: m.epoch}})
		if _, made := m.count(now, 0, bucketLength); made < perHour {
			m.Fatalf("tripped after %d grants of %d", made, perHour)
		}
		m.trip = trip
	}
}

// lapsed reports whether the budget does not count the grant of an event any more,
// and nobody is at work on that.
func (m *budgetModel) lapsed(event string, by Delivery, now time.Time) bool {
	return m.begun[event] && !now.Before(bucketOf(m.counted[event]).Add(bucketLength+openLife)) && !m.others(event, by)
}

// withdrawn is a beginning that failed: it may have given back what a delivery took
// that can do nothing any more.
func (m *budgetModel) withdrawn(event string, by Delivery) {
	past, err := New(m.store.Store).Recall(m.Context(), event, m.now)
	switch {
	case err != nil:
		m.Fatal(err)
	case past.Begun || !m.begun[event]:
	case m.made[event] || m.others(event, by):
		m.Fatalf("event %s: its grant was given back, want it kept", event)
	default:
		m.giveBack(event)
		delete(m.changing[by.Binding], event)
	}
}

func (m *budgetModel) same(got, want any) {
	if got != want {
		m.Fatalf("got %+v, want %+v", got, want)
	}
}

func (m *budgetModel) abandon() {
	event := m.event()
	by := m.delivery(event)
	m.through(func(l *Ledger) error { return l.Abandon(m.Context(), event, by, m.now) })
	if _, begun := m.acts[event][by.ID]; !begun {
		return
	}
	delete(m.acts[event], by.ID)
	if !m.others(event, by) {
		m.giveBack(event)
		delete(m.changing[by.Binding], event)
	}
}

func (m *budgetModel) giveBack(event string) {
	delete(m.begun, event)
	delete(m.acts, event)
	delete(m.since, event)
	delete(m.grants, event)
}

func (m *budgetModel) end(made Made) {
	event, how, now := m.event(), fmt.Sprint("how ", rapid.IntRange(0, 3).Draw(m.T, "how")), m.skewed()
	by := m.delivery(event)
	got, waits, taken := "", false, false
	m.through(func(l *Ledger) (err error) {
		got, err = l.End(m.Context(), event, by, how, made, now)
		waits, taken = err != nil && strings.Contains(err.Error(), "another delivery"), errors.Is(err, ErrTaken)
		if waits || taken {
			return nil
		}
		return err
	})
	wantsWait, wantsTaken := false, false
	switch {
	case m.made[event], made == Nothing && m.ended[event] != "":
		m.same(got, m.ended[event])
	case made == Nothing && m.others(event, by):
		wantsWait = true
		delete(m.acts[event], by.ID)
	case made == Nothing:
		m.giveBack(event)
		m.settle(event, by, how)
		m.same(got, how)
	case made == Found && m.changed(event, by):
		wantsWait = true
	case made == Found && m.granted(event, by, now):
		wantsTaken = true
	default:
		m.make(event, by.Binding, now)
		m.settle(event, by, how)
		m.same(got, how)
	}
	if waits != wantsWait || taken != wantsTaken {
		m.Fatalf("event %s: got that it waits: %t, and is taken: %t, want %t and %t", event, waits, taken, wantsWait, wantsTaken)
	}
}

func (m *budgetModel) settle(event string, by Delivery, how string) {
	m.ended[event] = how
	delete(m.changing[by.Binding], event)
	delete(m.prepared, event) // a trip is true of an event that has ended, too
}

// changed reports whether another event may change the binding.
func (m *budgetModel) changed(event string, by Delivery) bool {
	for other, until := range m.changing[by.Binding] {
		if other != event && until.After(by.Since) {
			return true
		}
	}
	return false
}

// granted reports whether another event has made the grant since this one was
// begun.
func (m *budgetModel) granted(event string, by Delivery, now time.Time) bool {
	last := m.bindings[by.Binding]
	looked, known := m.since[event]
	return last.Event != "" && last.Event != event && now.Before(last.At.Add(grantMemory)) && (!known || last.At.After(looked.Add(-nearClocks)))
}

// make is the end with a grant.
func (m *budgetModel) make(event, binding string, now time.Time) {
	grant, counted := m.grants[event]
	if counted || !m.begun[event] { // and not of another epoch
		grant.made = now
		m.grants[event] = grant
	}
	if now.Sub(grant.begun) > openTime { // it counts, room or not, and who has read ahead does not know
		clear(m.prepared)
	}
	m.begun[event], m.made[event] = true, true
	delete(m.acts, event)
	if !m.bindings[binding].At.After(now) {
		m.bindings[binding] = Grant{At: now, Event: event}
	}
}

func (m *budgetModel) pause() {
	var trip Trip
	m.through(func(l *Ledger) (err error) {
		trip, err = l.Pause(m.Context(), "a migration", m.now)
		return err
	})
	if m.trip.IsZero() {
		m.trip = Trip{At: m.now, Epoch: m.epoch, Paused: "a migration"}
	}
	m.same(trip, m.trip)
}

func (m *budgetModel) rearm() {
	trip, failed := Trip{}, false
	m.through(func(l *Ledger) (err error) {
		trip, err = l.Rearm(m.Context(), m.now)
		failed = failed || err != nil
		return err
	})
	if !failed || !trip.IsZero() { // whoever calls again may find it done
		m.same(trip, m.trip)
	}
	if !m.trip.IsZero() {
		m.epoch++
		m.trip, m.grants = Trip{}, map[string]modelGrant{}
	}
}

func (m *budgetModel) recall() {
	event := m.event()
	m.through(func(l *Ledger) error {
		past, err := l.Recall(m.Context(), event, m.now)
		if err == nil {
			m.wantPast(event, past)
		}
		return err
	})
}

func (m *budgetModel) wantPast(event string, past Past) {
	if past.Begun != m.begun[event] || past.Ended != m.ended[event] || past.Untold {
		m.Fatalf("event %s: got %+v, want begun %t, ended %q", event, past, m.begun[event], m.ended[event])
	}
	if by := m.delivery(event); past.Joined(by) != m.others(event, by) {
		m.Fatalf("event %s: got that others are at work: %t, want %t", event, past.Joined(by), m.others(event, by))
	}
}

func (m *budgetModel) remembered() {
	for binding, want := range m.bindings {
		if !m.now.Before(want.At.Add(grantMemory)) {
			want = Grant{}
		}
		m.through(func(l *Ledger) error {
			got, err := l.Remembered(m.Context(), binding, m.now)
			if err == nil && got != want {
				m.Fatalf("%s: got %+v, want %+v", binding, got, want)
			}
			return err
		})
	}
}

func TestBudgetModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &budgetModel{
			machine: newMachine(t), prepared: map[string]Past{}, grants: map[string]modelGrant{}, begun: map[string]bool{},
			acts: map[string]map[string]time.Time{}, made: map[string]bool{}, ended: map[string]string{}, bindings: map[string]Grant{},
			counted: map[string]time.Time{}, since: map[string]time.Time{}, changing: map[string]map[string]time.Time{},
		}
		perHour := rapid.IntRange(0, 12).Draw(t, "per hour")
		t.Repeat(map[string]func(*rapid.T){
			"prepare": func(*rapid.T) { m.prepare() },
			"begin":   func(*rapid.T) { m.begin(perHour) },
			"again":   func(*rapid.T) { m.begin(perHour) },
			"abandon": func(*rapid.T) { m.abandon() },
			"granted": func(*rapid.T) { m.end(Granted) },
			"found":   func(*rapid.T) { m.end(Found) },
			"nothing": func(*rapid.T) { m.end(Nothing) },
			"recall":  func(*rapid.T) { m.recall(); m.remembered() },
			"pause":   func(*rapid.T) { m.pause() },
			"rearm":   func(*rapid.T) { m.rearm() },
			"soon":    func(*rapid.T) { m.advance(2 * time.Minute) },
			"later":   func(*rapid.T) { m.advance(30 * time.Minute) },
			"policy": func(t *rapid.T) {
				perHour = rapid.IntRange(0, 12).Draw(t, "per hour")
				clear(m.prepared) // a policy is read when a process starts
			},
		})
	})
}

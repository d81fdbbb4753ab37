package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

// trouble is a store that fails at most once in an operation, when it is told
// to, before a call is carried out or after.
type trouble struct {
	Store
	left  int // calls until it fails
	after bool
	err   error
}

func (s *trouble) fail(after bool) error {
	if s.left != 0 || s.after != after {
		return nil
	}
	s.left--
	return s.err
}

func (s *trouble) Load(ctx context.Context, names []string) ([]Document, error) {
	s.left--
	if err := s.fail(false); err != nil {
		return nil, err
	}
	docs, err := s.Store.Load(ctx, names)
	if err == nil {
		err = s.fail(true)
	}
	return docs, err
}

func (s *trouble) Save(ctx context.Context, docs []Document, now time.Time) error {
	s.left--
	if err := s.fail(false); err != nil {
		return err
	}
	if err := s.Store.Save(ctx, docs, now); err != nil {
		return err
	}
	return s.fail(true)
}

// machine has three instances on a store that makes trouble, and a clock.
type machine struct {
	*rapid.T
	store     *trouble
	instances []*Ledger
	now       time.Time
}

func newMachine(t *rapid.T) *machine {
	m := &machine{T: t, store: &trouble{Store: NewMemory()}, now: noon}
	for k := range 3 {
		l := impatient(m.store)
		l.shard = k
		m.instances = append(m.instances, l)
	}
	return m
}

func (m *machine) instance() *Ledger {
	return m.instances[rapid.IntRange(0, len(m.instances)-1).Draw(m.T, "instance")]
}

func (m *machine) event() string { return fmt.Sprint(rapid.IntRange(0, 15).Draw(m.T, "event")) }

func (m *machine) advance(most time.Duration) {
	m.now = m.now.Add(time.Duration(rapid.Int64Range(0, int64(most/time.Second)).Draw(m.T, "seconds")) * time.Second)
}

// through makes an operation, again if it fails: the event comes again.
func (m *machine) through(op func(l *Ledger) error) {
	m.store.left = rapid.IntRange(0, 8).Draw(m.T, "calls until a fault")
	m.store.after = rapid.Bool().Draw(m.T, "carried out")
	m.store.err = status.Error(rapid.SampledFrom([]codes.Code{codes.Aborted, codes.Internal}).Draw(m.T, "code"), "fault")
	if m.store.left > 4 {
		m.store.left = -1
	}
	err := op(m.instance())
	if err != nil {
		err = op(m.instance())
	}
	if err != nil {
		m.Fatal(err)
	}
}

// budgetModel remembers every grant.
type budgetModel struct {
	*machine
	prepared map[string]Past
	grants   map[string]time.Time // of this epoch, by event
	begun    map[string]bool
	trip     Trip
	epoch    int
}

func (m *budgetModel) within(period time.Duration, now time.Time) int {
	n := 0
	for _, at := range m.grants {
		if at.After(now.Add(-period)) {
			n++
		}
	}
	return n
}

// prepare reads ahead what a later call may find to be old.
func (m *budgetModel) prepare() {
	event := m.event()
	m.through(func(l *Ledger) error {
		past, err := l.Prepare(m.Context(), event, m.now)
		if err == nil && past.Begun != m.begun[event] {
			m.Fatalf("event %s: prepared as begun %t, want %t", event, past.Begun, m.begun[event])
		}
		m.prepared[event] = past
		return err
	})
}

func (m *budgetModel) begin(perHour int) {
	event := m.event()
	now := m.now.Add(time.Duration(rapid.IntRange(-120, 120).Draw(m.T, "clock")) * time.Second)
	var trip Trip
	m.through(func(l *Ledger) (err error) {
		trip, err = l.Begin(m.Context(), event, m.prepared[event], now, perHour)
		return err
	})
	switch {
	case m.begun[event]:
		m.same(trip, Trip{})
	case !m.trip.IsZero():
		m.same(trip, m.trip)
	case trip.IsZero():
		m.begun[event], m.grants[event] = true, now
		if n := m.within(budgetPeriod, now); n > perHour {
			m.Fatalf("%d grants in the hour before %s, want at most %d", n, now, perHour)
		}
	default:
		m.same(trip, Trip{At: now, Epoch: m.epoch})
		if n := m.within(budgetPeriod+bucketLength, now); n < perHour {
			m.Fatalf("tripped after %d grants of %d", n, perHour)
		}
		m.trip = trip
	}
}

func (m *budgetModel) same(got, want Trip) {
	if got != want {
		m.Fatalf("got %+v, want %+v", got, want)
	}
}

func (m *budgetModel) abandon() {
	event := m.event()
	m.through(func(l *Ledger) error { return l.Abandon(m.Context(), event, m.now) })
	delete(m.begun, event)
	delete(m.grants, event)
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
		m.trip, m.grants = Trip{}, map[string]time.Time{}
	}
}

func (m *budgetModel) recall() {
	event := m.event()
	var past Past
	m.through(func(l *Ledger) (err error) {
		past, err = l.Recall(m.Context(), event, m.now)
		return err
	})
	if past.Begun != m.begun[event] {
		m.Fatalf("event %s: got begun %t, want %t", event, past.Begun, m.begun[event])
	}
}

func TestBudgetModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &budgetModel{machine: newMachine(t), grants: map[string]time.Time{}, begun: map[string]bool{}, prepared: map[string]Past{}}
		perHour := rapid.IntRange(0, 12).Draw(t, "per hour")
		t.Repeat(map[string]func(*rapid.T){
			"prepare": func(*rapid.T) { m.prepare() },
			"begin":   func(*rapid.T) { m.begin(perHour) },
			"again":   func(*rapid.T) { m.begin(perHour) },
			"abandon": func(*rapid.T) { m.abandon() },
			"recall":  func(*rapid.T) { m.recall() },
			"rearm":   func(*rapid.T) { m.rearm() },
			"advance": func(*rapid.T) { m.advance(30 * time.Minute) },
			"policy": func(t *rapid.T) {
				perHour = rapid.IntRange(0, 12).Draw(t, "per hour")
				clear(m.prepared) // a policy is read when a process starts
			},
		})
	})
}

// alertsModel remembers every event of the problem.
type alertsModel struct {
	*machine
	problem model
	claims  map[string]*model // by event: the problem as it was before
	told    map[string]bool
}

// model is a problem: untold are its events that came untold, reported those
// of them that a telling spoke of.
type model struct {
	event            string // claimed last
	at, until        time.Time
	confirmed        bool
	untold, reported map[string]bool
}

func (m *alertsModel) claim() {
	event := m.event()
	var got Claim
	m.through(func(l *Ledger) (err error) {
		got, err = l.Claim(m.Context(), "p", event, m.now, every)
		return err
	})
	if want := m.expect(event); got != want {
		m.Fatalf("claim of %s at %s: got %+v, want %+v", event, m.now, got, want)
	}
}

func (m *alertsModel) expect(event string) Claim {
	if _, claimed := m.claims[event]; claimed || m.told[event] {
		return Claim{Unsure: claimed}
	}
	p, age := &m.problem, m.now.Sub(m.problem.at)
	known := m.now.Before(p.until)
	if known && p.event != "" && age < every && (p.confirmed || age < sendTime) {
		p.untold[event] = true
		return Claim{}
	}
	if !known {
		*p = model{untold: map[string]bool{}, until: m.now.Add(2 * every)}
	}
	missed := 0
	for other := range p.untold {
		if other != event && !p.reported[other] {
			missed++
		}
	}
	before := *p
	m.claims[event] = &before
	*p = model{event: event, at: m.now, until: m.now.Add(2 * every), untold: p.untold, reported: maps.Clone(p.untold)}
	return Claim{Due: true, Missed: missed}
}

func (m *alertsModel) settle(told bool) {
	if len(m.claims) == 0 {
		m.Skip("no claim")
	}
	event := rapid.SampledFrom(slices.Sorted(maps.Keys(m.claims))).Draw(m.T, "claim")
	m.through(func(l *Ledger) error {
		if told {
			return l.Told(m.Context(), "p", event, m.now)
		}
		return l.Release(m.Context(), "p", event, m.now)
	})
	last := m.problem.event == event && m.now.Before(m.problem.until)
	switch {
	case told:
		m.told[event] = true
		m.problem.confirmed = m.problem.confirmed || last
	case last:
		untold := m.problem.untold // counted in between
		m.problem = *m.claims[event]
		m.problem.untold = untold
	}
	delete(m.claims, event)
}

func TestAlertsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &alertsModel{machine: newMachine(t), claims: map[string]*model{}, told: map[string]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"claim":   func(*rapid.T) { m.claim() },
			"another": func(*rapid.T) { m.claim() },
			"told":    func(*rapid.T) { m.settle(true) },
			"release": func(*rapid.T) { m.settle(false) },
			"soon":    func(*rapid.T) { m.advance(5 * time.Minute) },
			"later":   func(*rapid.T) { m.advance(5 * time.Hour) },
		})
	})
}

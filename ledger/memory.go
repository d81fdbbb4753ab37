// Package ledger remembers what must hold across events: how many grants were
// made in the last hour, which problems somebody was told about, and how each
// event ended. Keys and times come in, yes or no goes out.
//
// [Memory] keeps it for one process.
package ledger

import (
	"sync"
	"time"
)

// Memory is a ledger for one process. What it holds is bounded by what happens
// in the longest period that it is asked about. The zero value is ready for use.
type Memory struct {
	mu       sync.Mutex
	grants   expiring[struct{}] // by event
	problems expiring[told]     // by problem
	told     expiring[struct{}] // by event
	begun    expiring[string]   // what was begun, by event
	ended    expiring[string]   // how it ended, by event
}

// told says about which event of a problem somebody was told, and how many
// came since.
type told struct {
	event  string
	at     time.Time
	missed int
	before *told // until the telling is known to have worked
}

const (
	budgetPeriod = time.Hour
	// eventMemory is how long Pub/Sub keeps what is not acknowledged
	// (https://cloud.google.com/pubsub/docs/subscription-properties).
	eventMemory = 7 * 24 * time.Hour
)

// Spend takes one grant out of the budget of an hour, once for each event. It
// reports false when the budget is used up.
func (m *Memory) Spend(event string, now time.Time, perHour int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, spent := m.grants.get(event, now); spent {
		return true
	}
	m.grants.sweep(now)
	if len(m.grants.items) >= perHour {
		return false
	}
	m.grants.put(event, struct{}{}, now, budgetPeriod)
	return true
}

// Refund gives back what an event took out of the budget, when it came to
// nothing.
func (m *Memory) Refund(event string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.grants.items, event)
}

// Claim reports whether the caller must tell somebody about the problem now,
// and how many other events of it came untold since the last time. Nobody is
// told twice about one event. Whoever fails to tell must call [Memory.Release].
func (m *Memory) Claim(problem, event string, now time.Time, every time.Duration) (missed int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, done := m.told.get(event, now); done {
		return 0, false
	}
	last, known := m.problems.get(problem, now)
	if known && now.Sub(last.at) < every {
		last.missed++
		m.problems.put(problem, last, now, 2*every)
		return 0, false
	}
	next := told{event: event, at: now}
	if known {
		next.before = &last
	}
	m.problems.put(problem, next, now, 2*every)
	m.told.put(event, struct{}{}, now, eventMemory)
	return last.missed, true
}

// Release gives back a claim whose telling failed, so that the event is due
// again when it comes again.
func (m *Memory) Release(problem, event string, now time.Time, every time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last, known := m.problems.get(problem, now)
	if !known || last.event != event {
		return
	}
	delete(m.told.items, event)
	if last.before == nil {
		delete(m.problems.items, problem)
		return
	}
	m.problems.put(problem, *last.before, now, 2*every)
}

// Begin remembers that an act about an event was begun, in the caller's words.
func (m *Memory) Begin(event, with string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begun.put(event, with, now, eventMemory)
}

// Begun returns what the last Begin was told, and whether there was one.
func (m *Memory) Begun(event string, now time.Time) (with string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.begun.get(event, now)
}

// End remembers how the act about an event ended, in the caller's words.
func (m *Memory) End(event, end string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended.put(event, end, now, eventMemory)
}

// Ended returns what End was told, and whether it was.
func (m *Memory) Ended(event string, now time.Time) (end string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended.get(event, now)
}

// expiring is a map whose items go away with time.
type expiring[V any] struct {
	items map[string]item[V]
	limit int // of items, at which it is time to look for expired ones
}

type item[V any] struct {
	value V
	until time.Time
}

const leastLimit = 256

func (e *expiring[V]) get(key string, now time.Time) (V, bool) {
	i, ok := e.items[key]
	if !ok || !now.Before(i.until) {
		var none V
		return none, false
	}
	return i.value, true
}

func (e *expiring[V]) put(key string, value V, now time.Time, keep time.Duration) {
	if e.items == nil {
		e.items = map[string]item[V]{}
	}
	if len(e.items) >= max(e.limit, leastLimit) {
		e.sweep(now)
		e.limit = 2 * len(e.items)
	}
	e.items[key] = item[V]{value, now.Add(keep)}
}

func (e *expiring[V]) sweep(now time.Time) {
	for key, i := range e.items {
		if !now.Before(i.until) {
			delete(e.items, key)
		}
	}
}

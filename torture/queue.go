package main

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pullfix/pullfix/torture/world"
)

// message is one message of Pub/Sub.
type message struct {
	event     *world.Event
	copied    int
	id        string
	published time.Time
	tries     int
	done      bool
	dead      bool
	open      int // deliveries that are waiting or under way
}

// mostTries are those after which the deployment lays a message aside.
const mostTries = 50

// The pauses before a message is delivered again. They are shorter than those of
// the deployment, 10 s to 600 s, so that more happens. The longest ones are about
// as long as an act that was cut off keeps its event from ending, as there:
// otherwise one delivery after the other is killed before that time is over.
// Once everything was published hardly anybody is killed any more, and nothing is
// gained by waiting.
const (
	shortestPause = 20 * time.Millisecond
	longestPause  = 45 * time.Second
	lastPause     = 5 * time.Second
)

// queue stands in for Pub/Sub: it delivers every message until somebody is done
// with it, some more than once, and none in order.
type queue struct {
	seed uint64

	mu      sync.Mutex
	fresh   []*message // in the order in which they come first
	next    int        // of fresh
	limit   int        // of fresh: those from here on have to wait
	again   []waiting  // the one that is due first comes first
	open    int        // deliveries that are waiting or under way
	acked   int
	counts  counts
	stopped bool // nothing more is published
}

// counts are the deliveries.
type counts struct {
	deliveries, duplicates, refused, unanswered, abandoned int
}

// disorder is how far messages come from where they were published.
const (
	disorder     = 40
	farDisorder  = 2000
	copyInterval = time.Second
)

func newQueue(seed uint64, events []world.Event, now time.Time) *queue {
	q := &queue{seed: seed}
	type place struct {
		at int
		m  *message
	}
	var places []place
	order := chances(seed, "order", 0)
	for n := range events {
		for copied := range events[n].Copies {
			m := &message{event: &events[n], copied: copied, id: events[n].Message(copied), published: now.Add(time.Duration(copied) * copyInterval)}
			places = append(places, place{len(places) + jitter(order), m})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return a.at - b.at })
	for _, p := range places {
		q.fresh = append(q.fresh, p.m)
	}
	q.limit = len(q.fresh)
	return q
}

func jitter(r *rand.Rand) int {
	if r.IntN(50) == 0 {
		return r.IntN(farDisorder)
	}
	return r.IntN(disorder)
}

// delivery is one try at a message.
type delivery struct {
	*message
	try    int
	chance *rand.Rand // of this delivery
}

// take returns the next delivery, after a while where there is none yet; false
// when everything is done.
func (q *queue) take() (delivery, bool) {
	for {
		d, ok, wait := q.try()
		if ok || wait == 0 {
			return d, ok
		}
		time.Sleep(wait)
	}
}

const shortestWait = 5 * time.Millisecond

func (q *queue) try() (d delivery, ok bool, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var m *message
	switch {
	case len(q.again) > 0 && !q.again[0].due.After(time.Now()):
		m = q.again[0].message
		q.again = q.again[1:]
	case q.next < q.limit && !q.stopped:
		m = q.fresh[q.next]
		q.next++
		q.opened(m)
	case q.open == 0 && (q.stopped || q.next == len(q.fresh)):
		return d, false, 0
	default:
		return d, false, shortestWait
	}
	m.tries++
	q.counts.deliveries++
	d = delivery{m, m.tries, chances(q.seed, m.id, uint64(m.tries))}
	if d.chance.IntN(100) < 3 { // another delivery at the same time
		q.later(m, time.Duration(d.chance.Int64N(int64(20*time.Millisecond))))
		q.counts.duplicates++
	}
	return d, true, 0
}

// end says how a delivery went.
func (q *queue) end(d delivery, how result) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := d.message
	m.open--
	q.open--
	switch how {
	case acknowledged:
		if !m.done && !m.dead {
			m.done = true
			q.acked++
		}
		if d.chance.IntN(100) < 4 && m.tries < mostTries/2 { // at least once, Pub/Sub says
			q.later(m, time.Duration(d.chance.Int64N(int64(500*time.Millisecond))))
			q.counts.duplicates++
		}
		return
	case refusal:
		q.counts.refused++
	case hungUp:
		q.counts.abandoned++
	case unreached:
		q.counts.unanswered++
	}
	switch {
	case m.done || m.dead || m.open > 0: // the last delivery of several goes on
	case m.tries < mostTries:
		q.later(m, backoff(d, q.longest()))
	default:
		m.dead = true
	}
}

// result is how a delivery went.
type result uint8

const (
	acknowledged result = iota
	refusal             // the function says that it must come again
	hungUp              // nobody waited for the answer
	unreached           // there was no answer
)

// longest is the longest pause now.
func (q *queue) longest() time.Duration {
	if q.stopped || q.next == len(q.fresh) {
		return lastPause
	}
	return longestPause
}

func backoff(d delivery, longest time.Duration) time.Duration {
	pause := min(shortestPause<<min(d.try-1, mostTries/3), longest)
	return pause/2 + time.Duration(d.chance.Int64N(int64(pause)))
}

// later has a message delivered again.
func (q *queue) later(m *message, in time.Duration) {
	q.opened(m)
	due := time.Now().Add(in)
	n, _ := slices.BinarySearchFunc(q.again, due, func(w waiting, at time.Time) int { return w.due.Compare(at) })
	q.again = slices.Insert(q.again, n, waiting{m, due})
}

func (q *queue) opened(m *message) {
	m.open++
	q.open++
}

// dead are the messages that were never done with.
func (q *queue) dead() (ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.fresh[:q.next] {
		if !m.done {
			ids = append(ids, m.id)
		}
	}
	return ids
}

// published are the events of which a message was published.
func (q *queue) published() []world.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []world.Event
	seen := map[*world.Event]bool{}
	for _, m := range q.fresh[:q.next] {
		if !seen[m.event] {
			seen[m.event] = true
			all = append(all, *m.event)
		}
	}
	return all
}

// stop publishes nothing more.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
}

// allow lets so many messages be published.
func (q *queue) allow(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit = min(limit, len(q.fresh))
}

// progress returns how many messages are done, were published, and there are.
func (q *queue) progress() (acked, published, all int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.acked, q.next, len(q.fresh)
}

func (q *queue) deliveries() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts.deliveries
}

// waiting is a message that is to be delivered again.
type waiting struct {
	*message
	due time.Time
}

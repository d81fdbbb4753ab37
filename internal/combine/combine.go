// Package combine joins work on one thing. Values for a key come in from many
// goroutines at once; a run takes those that gathered while the run before it
// was at work, and every caller gets the answer to its own value.
package combine

import (
	"context"
	"slices"
	"sync"
)

// Group runs work for each key, one run at a time. No goroutine of its own does
// it: the caller that came first leads a run for those who wait with it, and
// hands over when its own value is answered. The zero value is ready for use.
type Group[K comparable, V, R any] struct {
	mu     sync.Mutex
	queues map[K]*queue[V, R]
}

// queue holds who waits for the run that is at work on a key.
type queue[V, R any] struct{ waiting []*waiter[V, R] }

type waiter[V, R any] struct {
	value  V
	lead   chan struct{} // closed when it is its turn to lead
	answer chan R
}

// Do hands the value to a run for the key and returns its answer. run gets the
// values that are taken together, oldest first, and returns an answer for each
// in the same order; it is called with the run of one of the callers, so it must
// not depend on which. Where the context ends first, the error is the
// context's, and taken says whether a run has the value by then.
func (g *Group[K, V, R]) Do(ctx context.Context, key K, value V, run func([]V) []R) (answer R, taken bool, err error) {
	w := &waiter[V, R]{value: value, lead: make(chan struct{}), answer: make(chan R, 1)}
	g.join(key, w)
	select {
	case <-w.lead:
		g.run(key, run)
		return <-w.answer, true, nil
	case answer = <-w.answer:
		return answer, true, nil
	case <-ctx.Done():
		return answer, !g.leave(key, w), ctx.Err()
	}
}

func (g *Group[K, V, R]) join(key K, w *waiter[V, R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	q, busy := g.queues[key]
	if !busy {
		if g.queues == nil {
			g.queues = map[K]*queue[V, R]{}
		}
		q = &queue[V, R]{}
		g.queues[key] = q
		close(w.lead)
	}
	q.waiting = append(q.waiting, w)
}

// run answers everybody who waits for the key now, and hands over to whoever
// has come meanwhile, also when the work panics.
func (g *Group[K, V, R]) run(key K, work func([]V) []R) {
	g.mu.Lock()
	q := g.queues[key]
	taken := q.waiting
	q.waiting = nil
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.handOver(key, q)
	}()
	values := make([]V, len(taken))
	for n, w := range taken {
		values[n] = w.value
	}
	for n, answer := range work(values) {
		taken[n].answer <- answer
	}
}

// handOver makes the first who waits the next to lead.
func (g *Group[K, V, R]) handOver(key K, q *queue[V, R]) {
	if len(q.waiting) == 0 {
		delete(g.queues, key)
		return
	}
	close(q.waiting[0].lead)
}

// leave takes a waiter out of the queue. It reports false where a run has it.
func (g *Group[K, V, R]) leave(key K, w *waiter[V, R]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.queues[key]
	if q == nil {
		return false
	}
	n := slices.Index(q.waiting, w)
	if n < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, n, n+1)
	select {
	case <-w.lead:
		g.handOver(key, q)
	default:
	}
	return true
}

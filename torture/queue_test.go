package main

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullfix/pullfix/torture/world"
)

const someEvents = 400

func someQueue(seed uint64) *queue {
	return newQueue(seed, world.New(someEvents).Events(seed, someEvents), time.Now())
}

// through takes every delivery, at several at once, and ends it as told.
func through(q *queue, how func(delivery) result) {
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for d, ok := q.take(); ok; d, ok = q.take() {
				time.Sleep(time.Millisecond)
				q.end(d, how(d))
			}
		})
	}
	all.Wait()
}

func TestQueueDeliversUntilDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := someQueue(1)
		through(q, func(d delivery) result { return result(d.chance.IntN(4)) })
		acked, published, all := q.progress()
		if acked != all || published != all || len(q.dead()) > 0 {
			t.Errorf("%d of %d messages are done, and %v are not", acked, all, q.dead())
		}
		if c := q.counts; c.duplicates == 0 || c.refused == 0 || c.abandoned == 0 || c.unanswered == 0 || c.deliveries <= all {
			t.Errorf("got deliveries %+v, want some of each", c)
		}
	})
}

func TestQueueLaysAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := someQueue(1)
		bad := q.fresh[7].id
		through(q, func(d delivery) result {
			if d.id == bad {
				return refusal
			}
			return acknowledged
		})
		if got := q.dead(); !slices.Equal(got, []string{bad}) || q.fresh[7].tries < mostTries {
			t.Errorf("got dead letters %v after %d deliveries, want %s after %d", got, q.fresh[7].tries, bad, mostTries)
		}
	})
}

// TestDuplicatesEnd wants that of several deliveries of a message only the last one
// has another after it: otherwise duplicates would use up its deliveries.
func TestDuplicatesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := someQueue(1)
		q.allow(1)
		first, _ := q.take()
		q.later(first.message, 0)
		second, _ := q.take()
		for n, d := range []delivery{first, second} {
			before := q.open
			q.end(d, refusal)
			if want := max(before-1, 1); q.open != want {
				t.Errorf("after the end of delivery %d of 2 there are %d open, want %d", n+1, q.open, want)
			}
		}
	})
}

// TestPausesGrow wants the pauses to become as long as they may be, so that an act
// that was cut off is over before a message has had all of its deliveries.
func TestPausesGrow(t *testing.T) {
	for try := range mostTries {
		d := delivery{try: try + 1, chance: chances(1, "pauses", uint64(try))}
		least, most := shortestPause/2, longestPause*3/2
		if try > mostTries/3 {
			least = longestPause / 2
		}
		if got := backoff(d, longestPause); got < least || got > most {
			t.Errorf("a pause of %s after %d deliveries, want %s to %s", got, d.try, least, most)
		}
	}
}

func TestQueueStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := someQueue(1)
		q.allow(20)
		time.AfterFunc(time.Second, q.stop)
		through(q, func(delivery) result { return acknowledged })
		if acked, published, _ := q.progress(); acked != 20 || published != 20 {
			t.Errorf("%d of %d messages are done, want 20 of 20", acked, published)
		}
		if got := len(q.published()); got == 0 || got > 20 {
			t.Errorf("%d events were published, want at most 20", got)
		}
	})
}

// TestQueueOrder wants the same order of a seed, and not that of the events.
func TestQueueOrder(t *testing.T) {
	ids := func(q *queue) (all []string) {
		for _, m := range q.fresh {
			all = append(all, m.id)
		}
		return all
	}
	a, b := ids(someQueue(1)), ids(someQueue(1))
	if !slices.Equal(a, b) {
		t.Error("one seed has two orders")
	}
	if slices.IsSorted(a) {
		t.Error("messages come in order")
	}
}

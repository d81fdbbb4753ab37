package ledger

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func threadIsKept(_ *testing.T, w *world) {
	all := w.instances(2)
	w.claim(all[0], "p", "a", 0, first)
	w.toldIn(all[0], "p", "a", "thread", 0)
	w.claim(all[1], "p", "b", 0, Claim{})
	w.claim(all[1], "p", "c", every, Claim{Due: true, Missed: 1, Count: 3, Thread: "thread"})
	w.told(all[1], "p", "c", every) // in the same
	for range 2 {
		w.claim(all[0], "p", "d", 2*every, Claim{Due: true, Count: 4, Thread: "thread"})
		w.release(all[0], "p", "d", 2*every)
	}
	w.claim(all[1], "p", "d", 2*every, Claim{Due: true, Count: 4, Thread: "thread"})
	w.toldIn(all[1], "p", "d", "another", 2*every) // the first one was deleted
	w.claim(all[0], "p", "e", 3*every, Claim{Due: true, Count: 5, Thread: "another"})
	w.told(all[0], "p", "e", 3*every)
	w.claim(all[0], "another problem", "f", 3*every, first)
	w.claim(all[1], "p", "g", 5*every, first) // all is forgotten
}

func lateTelling(_ *testing.T, w *world) {
	all := w.instances(2)
	w.claim(all[0], "p", "a", 0, first)
	w.claim(all[1], "p", "b", sendTime, Claim{Due: true, Count: 2})
	w.toldIn(all[1], "p", "b", "of b", sendTime)
	w.toldIn(all[0], "p", "a", "of a", sendTime)
	w.claim(all[1], "p", "c", sendTime+every, Claim{Due: true, Count: 3, Thread: "of a"})

	// Of a problem that was forgotten meanwhile nothing is noted.
	w.claim(all[0], "q", "d", 0, first)
	w.claim(all[1], "q", "e", 2*every, first)
	w.toldIn(all[0], "q", "d", "of d", 2*every)
	w.claim(all[1], "q", "f", 2*every+sendTime, Claim{Due: true, Count: 2})
}

func withheldIsMissed(_ *testing.T, w *world) {
	all := w.instances(3)
	w.claim(all[0], "p", "a", 0, first)
	w.claim(all[1], "p", "b", 0, Claim{})
	for range 2 {
		w.withhold(all[2], "p", "a", 0)
	}
	w.past(all[0], "a", noon, Past{}) // it is not one that comes again to be told of
	w.claim(all[0], "p", "c", 0, Claim{Due: true, Missed: 2, Count: 3})
	w.withhold(all[0], "p", "c", 0)
	w.claim(all[1], "p", "a", 0, Claim{Due: true, Missed: 2, Count: 3}) // if it does, it is counted once
	w.toldIn(all[1], "p", "a", "thread", 0)
	w.withhold(all[1], "p", "a", 0) // it was told
	w.claim(all[2], "p", "c", 0, Claim{})
	w.claim(all[2], "p", "d", every, Claim{Due: true, Count: 4, Thread: "thread"})
	w.release(all[2], "p", "d", every)
	w.claim(all[2], "p", "d", every, Claim{Due: true, Count: 4, Thread: "thread"})
	w.withhold(all[2], "p", "d", every)
	w.past(all[0], "d", noon.Add(every), Past{})
	w.claim(all[0], "summary", "d", every, first) // it may speak for another problem
	w.told(all[0], "summary", "d", every)
	w.claim(all[1], "p", "d", every, Claim{})
	w.claim(all[1], "p", "e", every, Claim{Due: true, Missed: 1, Count: 5, Thread: "thread"})
}

func withheldTooLate(_ *testing.T, w *world) {
	all := w.instances(2)
	w.claim(all[0], "p", "a", 0, first)
	w.claim(all[0], "p", "b", sendTime, Claim{Due: true, Count: 2})
	w.withhold(all[0], "p", "a", sendTime) // b is being told of
	w.claim(all[1], "p", "c", sendTime, Claim{})
	w.claim(all[1], "p", "d", sendTime, Claim{})
	w.withhold(all[1], "p", "b", sendTime)
	w.claim(all[1], "p", "d", sendTime+every, Claim{Due: true, Missed: 3, Count: 4})
	w.withhold(all[1], "p", "d", sendTime+4*every) // nothing is known of p
	w.claim(all[0], "p", "e", sendTime+4*every, first)
	for k := range shards {
		if doc := w.load(countName(named(ofProblem, "p"), k))[0]; doc.Data != nil && doc.Expires.IsZero() {
			w.Errorf("%s never expires", doc.Name)
		}
	}

	w.claim(all[0], "q", "f", 0, first)
	w.claim(all[1], "q", "g", 2*every, first)
	w.withhold(all[0], "q", "f", 2*every) // it is of q as it is known again
	w.claim(all[1], "q", "h", 2*every+sendTime, Claim{Due: true, Missed: 1, Count: 3})
}

// Each channel has a claim of its own. They do not wait for one another: two
// loads and two saves take as long for all as for one.
func TestChannelsShareNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, slow{NewMemory()})
		l, began := w.instance(), time.Now()
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				problem, event := fmt.Sprint("p, channel ", n), fmt.Sprint("a, channel ", n)
				w.claim(l, problem, event, 0, first)
				w.told(l, problem, event, 0)
			})
		}
		wg.Wait()
		w.want("time", time.Since(began), 4*time.Second)
	})
}

package ledger

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

var first = Claim{Due: true, Count: 1}

func eventIsRemembered(_ *testing.T, w *world) {
	all := w.instances(2)
	w.past(all[0], "a", noon, Past{})
	w.granted(all[0], "a", noon, 20)
	line := `{"outcome":"applied","reason":"<ä>"}` + "\n"
	for range 2 {
		w.on("binding").endsAs(all[0], "a", line, Granted, noon, line)
	}
	w.past(all[1], "a", noon.Add(eventMemory-time.Second), Past{Begun: true, Ended: line})
	w.past(all[1], "a", noon.Add(eventMemory), Past{})
}

func grantIsRemembered(_ *testing.T, w *world) {
	all := w.instances(2)
	w.remembered(all[1], "binding", noon, Grant{})
	for n, after := range []time.Duration{0, time.Minute, 0} { // the last one wins, in whatever order
		w.end(all[0], fmt.Sprint(n), "binding", noon.Add(after))
	}
	last := Grant{At: noon.Add(time.Minute), Event: "1"}
	w.end(all[0], "1", "binding", noon.Add(time.Hour)) // it comes again
	w.end(all[0], "none", "", noon.Add(time.Hour))
	w.remembered(all[1], "binding", noon.Add(time.Hour), last)
	w.remembered(all[1], "", noon.Add(time.Hour), Grant{})
	w.remembered(all[1], "binding", last.At.Add(grantMemory-time.Second), last)
	w.remembered(all[1], "binding", last.At.Add(grantMemory), Grant{})
}

// Two deliveries of an event may be at work at once, and only one can make the
// grant.
func endWithAGrantStands(_ *testing.T, w *world) {
	all := w.instances(2)
	made, other := Past{Begun: true, Ended: "applied"}, w.as("other")
	w.granted(all[0], "a", noon, 1)
	other.granted(all[1], "a", noon, 1)
	w.end(all[0], "a", "binding", noon)
	other.endsAs(all[1], "a", "refused", Nothing, noon, "applied")
	other.abandon(all[1], "a", noon)
	other.on("binding").endsAs(all[1], "a", "recovered", Granted, noon.Add(time.Minute), "applied")
	w.past(all[0], "a", noon, made)
	w.remembered(all[0], "binding", noon, Grant{At: noon, Event: "a"})
	w.tripped(all[1], "b", noon.Add(59*time.Minute), 1, Trip{At: noon.Add(59 * time.Minute)})
}

// Of two deliveries at once the one that has changed nothing does not speak for
// the other, until that one can change nothing any more.
func endWaits(_ *testing.T, w *world) {
	all, other := w.instances(2), w.as("other")
	w.granted(all[0], "a", noon, 1)
	for _, begins := range []bool{false, true} {
		if begins {
			other.granted(all[1], "a", noon, 1)
		}
		for range 2 {
			other.endsAs(all[1], "a", "refused", Nothing, noon.Add(actTime-time.Second), "")
		}
		w.past(all[0], "a", noon, Past{Begun: true})
	}
	w.busy(all[1], "b", noon, 1)
	other.endsAs(all[1], "a", "refused", Nothing, noon.Add(actTime), "refused")
	w.past(all[0], "a", noon, Past{Ended: "refused"})
	w.endsAs(all[0], "a", "held", Nothing, noon, "refused")
	w.granted(all[0], "b", noon, 1)

	// What the other one has said that it left is not waited for.
	other.granted(all[1], "b", noon, 1)
	w.abandon(all[0], "b", noon)
	other.end(all[1], "b", "", noon)
	w.granted(all[0], "c", noon, 1)
}

// Two events may lead to the same binding, and one of them be cut off. It does not
// claim what it finds while the other one may be the one that makes it, nor after
// that one has.
func foundIsOfOne(_ *testing.T, w *world) {
	all, w := w.instances(2), w.on("binding")
	w.granted(all[0], "a", noon, 20)
	w.granted(all[1], "b", noon, 20)
	w.endsAs(all[0], "a", "found", Found, noon.Add(actTime-time.Second), "")
	w.end(all[1], "b", "binding", noon)
	w.taken(all[0], "a", noon)
	w.past(all[0], "a", noon, Past{Begun: true})
	w.end(all[0], "a", "", noon)
	w.remembered(all[0], "binding", noon, Grant{At: noon, Event: "b"})

	// What another one made before it was begun, somebody has taken away.
	later := noon.Add(time.Minute)
	w.granted(all[0], "c", later, 20)
	w.endsAs(all[0], "c", "found", Found, later, "found")
	w.remembered(all[0], "binding", later, Grant{At: later, Event: "c"})

	// One that is cut off for good is not waited for.
	later = later.Add(time.Minute)
	w.granted(all[0], "d", later, 20)
	w.granted(all[1], "e", later, 20)
	w.endsAs(all[1], "e", "found", Found, later.Add(actTime), "found")
	w.taken(all[0], "d", later.Add(actTime))

	// One that has looked before another one made it, and is begun after that.
	looked := later.Add(time.Hour)
	w.granted(all[1], "f", looked.Add(5*time.Second), 20)
	w.end(all[1], "f", "binding", looked.Add(5*time.Second))
	_, err := all[0].Begin(w.Context(), "g", w.by(looked), Past{}, looked.Add(20*time.Second), 20)
	w.must(err)
	w.taken(all[0], "g", looked.Add(20*time.Second))
}

func claimIsDueOnce(_ *testing.T, w *world) {
	all := w.instances(3)
	w.claim(all[0], "p", "a", 0, first) // the first is told at once
	w.told(all[0], "p", "a", time.Second)
	w.claim(all[1], "p", "a", time.Second, Claim{}) // and not again when it comes again
	w.claim(all[1], "p", "b", time.Hour, Claim{})
	w.claim(all[2], "p", "b", time.Hour, Claim{}) // counted once
	w.claim(all[2], "p", "c", 2*time.Hour, Claim{})
	w.claim(all[0], "p", "d", every, Claim{Due: true, Missed: 2, Count: 4})
	w.told(all[0], "p", "d", every)
	w.claim(all[1], "p", "e", every+time.Hour, Claim{})
	w.claim(all[1], "p", "f", 2*every, Claim{Due: true, Missed: 1, Count: 6}) // since the last telling
	w.told(all[1], "p", "f", 2*every)
	w.claim(all[2], "p", "g", 3*every-time.Hour, Claim{})
	w.claim(all[2], "p", "g", 3*every, Claim{Due: true, Count: 7}) // it comes again and is no other event of its own
	w.told(all[2], "p", "g", 3*every)
	w.claim(all[1], "p", "h", 4*every-time.Hour, Claim{})
	w.claim(all[0], "p", "i", 10*every, first) // long forgotten
	w.claim(all[0], "another problem", "j", 10*every, first)
}

func releaseMakesDueAgain(_ *testing.T, w *world) {
	all := w.instances(2)
	w.claim(all[0], "p", "a", 0, first)
	w.claim(all[1], "p", "b", time.Second, Claim{})
	for range 2 {
		w.release(all[0], "p", "a", 2*time.Second)
	}
	w.claim(all[1], "p", "a", time.Minute, Claim{Due: true, Missed: 1, Count: 2})
	w.told(all[1], "p", "a", time.Minute)
	w.release(all[1], "p", "a", time.Minute) // it was told
	w.claim(all[1], "p", "a", time.Minute, Claim{})
	w.claim(all[1], "p", "c", time.Hour, Claim{})
	later := every + time.Minute
	for range 2 {
		w.claim(all[0], "p", "d", later, Claim{Due: true, Missed: 1, Count: 4})
		w.release(all[0], "p", "of another event", later)
		w.release(all[0], "another problem", "d", later)
		w.claim(all[1], "p", "d", later, Claim{Unsure: true})
		w.release(all[0], "p", "d", later)
	}
	w.claim(all[1], "p", "c", later, Claim{Due: true, Count: 3}) // the one that was counted is told
	w.told(all[1], "p", "c", later)
	w.claim(all[0], "p", "d", later, Claim{})
}

func untoldIsKnown(_ *testing.T, w *world) {
	all := w.instances(2)
	untold, told := Past{Untold: true}, Past{}
	w.claim(all[0], "p", "a", 0, first)
	w.past(all[1], "a", noon, Past{Unsure: true})
	for range 2 {
		w.release(all[0], "p", "a", 0)
		w.past(all[1], "a", noon, untold)
	}
	ahead, err := all[1].Prepare(w.Context(), "a", one(noon), noon)
	w.must(err)
	w.want("prepared", ahead, untold)
	w.claim(all[1], "p", "a", 0, first)
	w.past(all[0], "a", noon, Past{Untold: true, Unsure: true}) // not yet
	w.told(all[1], "p", "a", 0)
	w.release(all[0], "p", "a", 0)
	w.past(all[0], "a", noon, told)

	// Another event of the problem is told, and says that this one was missed.
	w.claim(all[0], "q", "b", 0, first)
	w.claim(all[1], "q", "c", 0, Claim{})
	w.release(all[0], "q", "b", 0)
	w.claim(all[1], "q", "c", 0, first)
	w.past(all[0], "b", noon, untold)
	w.claim(all[0], "q", "b", 0, Claim{})
	w.past(all[0], "b", noon, told)
	w.release(all[1], "q", "c", 0)
	w.past(all[0], "c", noon, untold)
	w.claim(all[0], "q", "b", 0, Claim{Due: true, Missed: 1, Count: 2})
	w.told(all[0], "q", "b", 0)
	w.claim(all[1], "q", "c", 0, Claim{})
	w.past(all[0], "c", noon, told) // it was counted before it was due
	w.end(all[0], "b", "", noon)
	w.past(all[0], "b", noon, Past{Ended: "refused"})
}

func neverConfirmed(_ *testing.T, w *world) {
	all := w.instances(3)
	w.claim(all[0], "p", "a", 0, first)
	w.claim(all[1], "p", "b", sendTime-time.Second, Claim{})
	w.claim(all[1], "p", "a", sendTime, Claim{Unsure: true})
	w.claim(all[1], "p", "c", sendTime, Claim{Due: true, Missed: 1, Count: 3})
	// The first instance was only slow. What it says is of its own event.
	w.release(all[0], "p", "a", sendTime+time.Second)
	w.claim(all[2], "p", "d", sendTime+time.Second, Claim{})
	w.told(all[1], "p", "c", sendTime+time.Second)
	w.claim(all[2], "p", "a", sendTime+time.Minute, Claim{}) // it is due again, when it is time
	w.claim(all[2], "p", "e", sendTime+every, Claim{Due: true, Missed: 2, Count: 5})
	w.release(all[2], "p", "e", sendTime+every)
	w.claim(all[2], "p", "a", sendTime+every, Claim{Due: true, Missed: 1, Count: 4})
}

func toldOnce(_ *testing.T, w *world) {
	all := w.instances(4)
	w.claim(all[0], "p", "a", 0, first)
	w.claim(all[1], "another problem", "a", 0, Claim{Unsure: true})
	w.told(all[0], "p", "a", 0)
	w.claim(all[1], "another problem", "a", 0, Claim{})

	// The same event in many deliveries at once.
	var mu sync.Mutex
	got := map[Claim]int{}
	w.atOnce(all, 5, func(l *Ledger, _ string, _ int) {
		c, err := l.Claim(w.Context(), "q", "b", noon, every)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			w.Error(err)
		}
		got[c]++
	})
	w.want("claims", got, map[Claim]int{first: 1, {Unsure: true}: 19})
}

// takeOver does each step of an event by another instance than the one before.
func takeOver(_ *testing.T, w *world) {
	next := 0
	another := func() *Ledger {
		next++
		l := New(w.store)
		l.shard = next % shards
		return l
	}
	for n := range 3 {
		event := fmt.Sprint("event-", n)
		w.granted(another(), event, noon, 3)
		w.past(another(), event, noon, Past{Begun: true})
		w.as("another").granted(another(), event, noon, 3)
		w.as("another").end(another(), event, "binding", noon)
		w.remembered(another(), "binding", noon, Grant{At: noon, Event: event})
		w.past(another(), event, noon, Past{Begun: true, Ended: "applied"})
		w.claim(another(), event, event, 0, first)
		w.claim(another(), event, event, 0, Claim{Unsure: true})
		w.release(another(), event, event, 0)
		w.claim(another(), event, event, 0, first)
		w.told(another(), event, event, 0)
		w.claim(another(), event, event, 0, Claim{})
	}
	w.tripped(another(), "event-3", noon, 3, Trip{At: noon})
}

func floodIsCounted(_ *testing.T, w *world) {
	const perInstance = 30
	all := w.instances(4)
	var mu sync.Mutex
	told := 0
	flood := func(prefix string, after time.Duration) {
		w.atOnce(all, perInstance, func(l *Ledger, event string, n int) {
			for range 1 + n%3 { // some are delivered more than once
				c, err := l.Claim(w.Context(), "p", prefix+event, noon.Add(after), every)
				if err == nil && c.Due {
					err = l.Told(w.Context(), "p", prefix+event, "", noon.Add(after))
					mu.Lock()
					told++
					mu.Unlock()
				}
				if err != nil {
					w.Error(err)
				}
			}
		})
	}
	flood("first-", 0)
	w.want("told", told, 1)
	flood("second-", time.Hour)
	w.want("told", told, 1)
	w.claim(all[0], "p", "last", every, Claim{Due: true, Missed: 2*4*perInstance - 1, Count: 2*4*perInstance + 1})
}

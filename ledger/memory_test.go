package ledger

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const every = 4 * time.Hour

func TestSpend(t *testing.T) {
	var m Memory
	for _, step := range []struct {
		after time.Duration
		event string
		want  bool
	}{
		{0, "a", true},
		{0, "b", true},
		{0, "c", false},
		{time.Minute, "a", true}, // the same event again costs nothing
		{59 * time.Minute, "c", false},
		{time.Hour, "c", true},
		{time.Hour, "d", true},
		{time.Hour, "e", false},
	} {
		if got := m.Spend(step.event, noon.Add(step.after), 2); got != step.want {
			t.Errorf("after %s, event %s: got %t, want %t", step.after, step.event, got, step.want)
		}
	}
	m.Refund("d")
	if !m.Spend("e", noon.Add(time.Hour), 2) {
		t.Error("what was given back cannot be spent")
	}
	if m.Spend("x", noon.Add(48*time.Hour), 0) {
		t.Error("a budget of none was spent")
	}
}

func TestClaim(t *testing.T) {
	var m Memory
	claim := func(event string, after time.Duration, wantMissed int, want bool) {
		t.Helper()
		if missed, ok := m.Claim("p", event, noon.Add(after), every); missed != wantMissed || ok != want {
			t.Errorf("after %s, event %s: got %d missed, %t; want %d, %t", after, event, missed, ok, wantMissed, want)
		}
	}
	claim("a", 0, 0, true)            // the first is told at once
	claim("a", time.Second, 0, false) // and not again when it comes again
	claim("b", time.Hour, 0, false)
	claim("c", 2*time.Hour, 0, false)
	claim("d", every, 2, true) // two came between
	claim("e", every+time.Hour, 0, false)
	claim("f", 10*every, 0, true) // long forgotten
	if _, ok := m.Claim("another problem", "g", noon, every); !ok {
		t.Error("another problem was taken for the same")
	}
	if _, ok := m.Claim("a third problem", "g", noon, every); ok {
		t.Error("somebody was told twice about one event")
	}
}

func TestReleaseMakesTheEventDueAgain(t *testing.T) {
	var m Memory
	if _, ok := m.Claim("p", "a", noon, every); !ok {
		t.Fatal("the first was not due")
	}
	m.Release("p", "a", noon, every)
	if _, ok := m.Claim("p", "a", noon, every); !ok {
		t.Error("an event that could not be told is not due again")
	}
	m.Claim("p", "b", noon.Add(time.Hour), every)
	later := noon.Add(every)
	if missed, ok := m.Claim("p", "c", later, every); !ok || missed != 1 {
		t.Errorf("got %d missed, %t; want 1, true", missed, ok)
	}
	m.Release("p", "c", later, every)
	if missed, ok := m.Claim("p", "c", later, every); !ok || missed != 1 {
		t.Errorf("after a release: got %d missed, %t; want 1, true", missed, ok)
	}
	m.Release("p", "of another event", later, every)
	if _, ok := m.Claim("p", "c", later, every); ok {
		t.Error("somebody else's release gave the claim back")
	}
}

func TestBeginAndEnd(t *testing.T) {
	var m Memory
	for name, of := range map[string]struct {
		set func(event, words string, now time.Time)
		get func(event string, now time.Time) (string, bool)
	}{"begin": {m.Begin, m.Begun}, "end": {m.End, m.Ended}} {
		if got, ok := of.get("a", noon); ok {
			t.Errorf("%s: got %q before it", name, got)
		}
		of.set("a", "words", noon)
		if got, ok := of.get("a", noon.Add(eventMemory-1)); !ok || got != "words" {
			t.Errorf("%s: got %q, %t, want words", name, got, ok)
		}
		if got, ok := of.get("a", noon.Add(eventMemory)); ok {
			t.Errorf("%s: got %q after its time", name, got)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m Memory
	now := noon
	for n := range 10_000 {
		now = now.Add(time.Hour)
		m.End(fmt.Sprint(n), "applied", now)
		m.Claim(fmt.Sprint(n), fmt.Sprint(n), now, every)
	}
	if n := len(m.ended.items); n > 2*leastLimit+2*24*7 {
		t.Errorf("%d endings are kept, of which at most %d can be asked for", n, 24*7)
	}
	if n := len(m.problems.items); n > 2*leastLimit {
		t.Errorf("%d problems are kept, of which at most 8 can be asked for", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	var m Memory
	var mu sync.Mutex
	spent, told := 0, 0
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			ok := m.Spend(fmt.Sprint(n), noon, 20)
			_, due := m.Claim("p", fmt.Sprint(n), noon, every)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				spent++
			}
			if due {
				told++
			}
		})
	}
	wg.Wait()
	if spent != 20 || told != 1 {
		t.Errorf("got %d grants and %d alerts, want 20 and 1", spent, told)
	}
}

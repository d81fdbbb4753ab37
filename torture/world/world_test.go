package world

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/pullfix/pullfix/emulator"
)

var received = time.Date(2026, 3, 4, 5, 10, 0, 0, time.UTC)

// TestSameSeedSameEvents also wants that another seed makes other ones.
func TestSameSeedSameEvents(t *testing.T) {
	const events = 500
	w := New(events)
	a, b, other := w.Events(1, events), w.Events(1, events), w.Events(2, events)
	if len(a) != events || len(other) != events {
		t.Fatalf("got %d and %d events, want %d", len(a), len(other), events)
	}
	differ := 0
	for n := range a {
		if !bytes.Equal(a[n].Entry(received), b[n].Entry(received)) || a[n].Copies != b[n].Copies {
			t.Errorf("event %d is not the same twice", n)
		}
		if !bytes.Equal(a[n].Entry(received), other[n].Entry(received)) {
			differ++
		}
	}
	if differ < events/2 {
		t.Errorf("%d events of another seed are other ones, want most of %d", differ, events)
	}
}

// TestEveryClassComes also holds the truth of each event to what it is made of.
func TestEveryClassComes(t *testing.T) {
	const events = 6_000
	came, ends, messages := map[string]int{}, map[End]int{}, map[string]bool{}
	for _, e := range New(events).Events(1, events) {
		came[e.Class]++
		for copied := range e.Copies {
			messages[e.Message(copied)] = true
		}
		text := e.Entry(received)
		if whole := json.Valid(text); whole != (e.ID != "") {
			t.Errorf("event %q (%s) is whole: %t:\n%s", e.ID, e.Class, whole, text)
		}
		if names := e.Names(); len(names) == 0 {
			t.Errorf("event %q (%s) has no name on record", e.ID, e.Class)
		}
		for _, f := range e.Findings {
			ends[f.End]++
			if asked := f.Member != ""; asked != (f.End == Granted || f.End == Refused) {
				t.Errorf("event %q (%s) ends %s, and asks for %+v", e.ID, e.Class, f.End, f.Binding)
			}
		}
	}
	for _, c := range classes {
		if came[c.name] == 0 {
			t.Errorf("no event is of the class %q", c.name)
		}
	}
	if came["storm"] < stormSize {
		t.Errorf("%d events are of a storm, want at least %d", came["storm"], stormSize)
	}
	for _, end := range []End{Alerted, Ignored, Refused, Granted} {
		if ends[end] == 0 {
			t.Errorf("no finding ends %s", end)
		}
	}
	if len(messages) <= events {
		t.Errorf("got %d messages of %d events, want more", len(messages), events)
	}
}

// TestSeed lets the local Google Cloud read its seed, and finds in it what other
// writers change.
func TestSeed(t *testing.T) {
	for _, events := range []int{1, 300, 3_000} {
		w := New(events)
		seed, err := emulator.ParseSeed("seed.yaml", w.Seed())
		if err != nil {
			t.Fatal(err)
		}
		policies := emulator.New(seed).Policies()
		for _, resource := range w.Busy() {
			if policies[resource] == nil {
				t.Errorf("%d events: there is no %s", events, resource)
			}
		}
	}
}

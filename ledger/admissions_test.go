package ledger

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

const window = time.Minute

func (w *world) admit(l *Ledger, event string, after time.Duration, most int, want bool) {
	w.Helper()
	got, err := l.Admit(w.Context(), "channel", event, noon.Add(after), most, window)
	w.must(err)
	w.want(fmt.Sprintf("admission of %s after %s", event, after), got, want)
}

func channelAdmits(_ *testing.T, w *world) {
	all := w.instances(2)
	w.admit(all[0], "a", 0, 0, false)
	w.admit(all[0], "a", 0, 3, true)
	w.admit(all[1], "b", 20*time.Second, 3, true)
	w.admit(all[0], "c", 40*time.Second, 3, true)
	w.admit(all[1], "d", 59*time.Second, 3, false)
	w.admit(all[1], "a", 59*time.Second, 3, true) // it comes again
	w.admit(all[1], "d", time.Minute, 3, true)
	w.admit(all[1], "a", time.Minute, 3, false)
	w.admit(all[0], "e", 80*time.Second, 2, false) // the policy has changed
	w.admit(all[0], "c", 80*time.Second, 2, true)
	w.admit(all[0], "e", 80*time.Second, 3, true)
	other, err := all[0].Admit(w.Context(), "another channel", "f", noon.Add(80*time.Second), 3, window)
	w.must(err)
	w.want("another channel", other, true)
	w.claim(all[0], "channel", "a", 0, first) // a problem may have the name of a channel
	w.admit(all[0], "g", time.Hour, 1, true)
}

func channelAdmitsOverInstances(_ *testing.T, w *world) {
	const most = 7
	all := w.instances(4)
	var mu sync.Mutex
	admitted := map[string]int{}
	for range 2 { // they come again
		w.atOnce(all, 20, func(l *Ledger, event string, n int) {
			ok, err := l.Admit(w.Context(), "channel", event, noon.Add(time.Duration(n)*time.Millisecond), most, window)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.Error(err)
			}
			if ok {
				admitted[event]++
			}
		})
	}
	w.want("events that were admitted", len(admitted), most)
	for event, n := range admitted {
		w.want("admissions of "+event, n, 2)
	}
}

// A flood is read by many at once, and they do not get into each other's way.
func TestWhatIsOnlyRead(t *testing.T) {
	store := &lossy{Store: NewMemory()}
	w := newWorld(t, store)
	l := w.instance()
	w.admit(l, "a", 0, 1, true)
	w.claim(l, "p", "a", 0, first)
	w.claim(l, "p", "b", 0, Claim{})
	for what, call := range map[string]func(){
		"an event that is refused":             func() { w.admit(l, "b", 0, 1, false) },
		"an event that was admitted":           func() { w.admit(l, "a", time.Second, 1, true) },
		"an event that was counted":            func() { w.claim(l, "p", "b", time.Second, Claim{}) },
		"an event that somebody is to tell of": func() { w.claim(l, "p", "a", time.Second, Claim{Unsure: true}) },
		"a claim that is of another problem":   func() { w.withhold(l, "q", "a", time.Second) },
	} {
		before := store.calls
		call()
		w.want("calls for "+what, store.calls-before, 1)
	}
}

// An answer that is lost does not admit another event.
func TestAdmissionWhoseAnswerIsLost(t *testing.T) {
	for _, code := range []codes.Code{codes.Aborted, codes.Internal} {
		store := &lossy{Store: NewMemory(), from: 1, times: 1, after: true, err: status.Error(code, "fault")}
		w := newWorld(t, store)
		l := impatient(store)
		if ok, err := l.Admit(t.Context(), "channel", "a", noon, 1, window); ok != (err == nil) {
			t.Errorf("%s: got %t, %v, want an admission or an error", code, ok, err)
		}
		w.admit(l, "b", 0, 1, false)
		w.admit(l, "a", 0, 1, true)
	}
}

// admissionsModel remembers every admission, by the true time.
type admissionsModel struct {
	*machine
	most     int
	skew     time.Duration // clocks may be wrong by
	admitted map[string]modelAdmission
}

// modelAdmission is when an event was admitted last. Where clocks differ that is
// not certain: asked at the end of its window, it may have been admitted anew.
type modelAdmission struct{ certain, possible time.Time }

// count counts the events that were admitted less than so long ago.
func (m *admissionsModel) count(age time.Duration, when func(modelAdmission) time.Time) (events int) {
	for _, a := range m.admitted {
		if m.now.Sub(when(a)) < age {
			events++
		}
	}
	return events
}

func certain(a modelAdmission) time.Time  { return a.certain }
func possible(a modelAdmission) time.Time { return a.possible }

func (m *admissionsModel) admit() {
	event, shortest, longest := m.event(), window-2*m.skew, window+2*m.skew
	clock := m.now.Add(time.Duration(rapid.Int64Range(int64(-m.skew), int64(m.skew)).Draw(m.T, "clock")))
	var got bool
	m.through(func(l *Ledger) (err error) {
		got, err = l.Admit(m.Context(), "channel", event, clock, m.most, window)
		return err
	})
	last := m.admitted[event]
	switch {
	case !got && m.now.Sub(last.certain) < shortest:
		m.Fatalf("event %s was refused, want that it stays admitted", event)
	case !got:
		if n := m.count(longest, possible); n < m.most {
			m.Fatalf("event %s was refused with %d admitted, want %d", event, n, m.most)
		}
	case m.now.Sub(last.possible) >= longest:
		m.admitted[event] = modelAdmission{m.now, m.now}
	case m.now.Sub(last.certain) >= shortest:
		m.admitted[event] = modelAdmission{last.certain, m.now}
	}
	if n := m.count(shortest, certain); n > m.most {
		m.Fatalf("%d events were admitted within %s, want at most %d", n, shortest, m.most)
	}
}

func TestAdmissionsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &admissionsModel{machine: newMachine(t), admitted: map[string]modelAdmission{}}
		m.most = rapid.IntRange(0, 5).Draw(t, "most")
		m.skew = rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(t, "skew")
		t.Repeat(map[string]func(*rapid.T){
			"admit":   func(*rapid.T) { m.admit() },
			"another": func(*rapid.T) { m.admit() },
			"soon":    func(*rapid.T) { m.advance(window / 4) },
			"later":   func(*rapid.T) { m.advance(window) },
		})
	})
}

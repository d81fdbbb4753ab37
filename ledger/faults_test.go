package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/retry"
)

// lossy is a store that fails some times from its n-th call on, before the call
// is carried out or after.
type lossy struct {
	Store
	mu    sync.Mutex
	calls int
	from  int
	times int
	after bool
	err   error
}

func (s *lossy) call(carryOut func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	spoilt := s.calls >= s.from && s.calls < s.from+s.times
	s.calls++
	if spoilt && !s.after {
		return s.err
	}
	if err := carryOut(); err != nil || !spoilt {
		return err
	}
	return s.err
}

func (s *lossy) Load(ctx context.Context, names []string) (docs []Document, err error) {
	err = s.call(func() error {
		docs, err = s.Store.Load(ctx, names)
		return err
	})
	return docs, err
}

func (s *lossy) Save(ctx context.Context, docs []Document, now time.Time) error {
	return s.call(func() error { return s.Store.Save(ctx, docs, now) })
}

// impatient returns a ledger that hardly waits between attempts.
func impatient(store Store) *Ledger {
	l := New(store)
	l.calls.Backoff = gax.Backoff{Initial: time.Microsecond, Max: time.Microsecond, Multiplier: 2}
	return l
}

// outage is a function in which a store fails, and events come again until they
// are done.
type outage struct {
	*testing.T
	ledger *Ledger
	writes map[string]bool // of policies
	sent   map[string]int
	unsure map[string]int
	missed int
	thread []string // those that may have been noted last
	trip   Trip

	abandoned bool // once
}

func newOutage(t *testing.T, store Store) *outage {
	return &outage{
		T: t, ledger: impatient(store), writes: map[string]bool{}, sent: map[string]int{}, unsure: map[string]int{}, thread: []string{""},
	}
}

// Those of the first write and the first message about an event.
var (
	errWriting = errors.New("nothing was written")
	errSending = errors.New("the channel is down")
)

// deliver handles an event as function.go does. Of every five one writes
// nothing, first for a reason that passes, and in the end for good. The first
// message about one fails.
func (o *outage) deliver(n, tries int) error {
	ctx, l := o.Context(), o.ledger
	event, now := fmt.Sprint("event-", n), noon.Add(time.Duration(n)*time.Minute)
	looks := now.Add(time.Duration(tries) * actTime) // the earlier tries are over by then
	by := Delivery{fmt.Sprint(tries), "binding of " + event, looks, looks.Add(actTime)}
	past, err := l.Recall(ctx, event, now)
	if err != nil {
		return err
	}
	if past.Ended == "" {
		if err := o.act(n, event, by, now); err != nil {
			return err
		}
	}
	return o.tell(n, event, now)
}

func (o *outage) act(n int, event string, by Delivery, now time.Time) error {
	ctx, l := o.Context(), o.ledger
	how, made := "refused", Nothing
	start, err := l.Begin(ctx, event, by, Past{}, now, 3)
	switch {
	case err != nil:
		return err
	case !start.Trip.IsZero():
		o.trip, how = start.Trip, "tripped"
	case n%5 == 1 && !o.abandoned:
		o.abandoned = true
		return errors.Join(errWriting, l.Abandon(ctx, event, by, now))
	case n%5 != 1:
		o.writes[event], how, made = true, "applied", Granted
	}
	_, err = l.End(ctx, event, by, how, made, now)
	return err
}

func (o *outage) tell(n int, event string, now time.Time) error {
	ctx, l := o.Context(), o.ledger
	c, err := l.Claim(ctx, "p", event, now, 2*time.Minute)
	if c.Unsure {
		o.unsure[event]++
	}
	if err != nil || !c.Due {
		return err
	}
	if n == 2 && o.sent["failed"] == 0 {
		o.sent["failed"]++
		return errors.Join(errSending, l.Release(ctx, "p", event, now))
	}
	if c.Count != n+1 || !slices.Contains(o.thread, c.Thread) {
		o.Errorf("%s: got number %d in thread %q, want number %d in one of %q", event, c.Count, c.Thread, n+1, o.thread)
	}
	o.sent[event]++
	o.missed += c.Missed
	if err := l.Told(ctx, "p", event, event, now); err != nil {
		o.thread = append(o.thread, event)
		return err
	}
	o.thread = []string{event}
	return nil
}

// run delivers six events, each until it is handled, and rearms the budget.
func (o *outage) run() {
	for n := range 6 {
		for tries := 0; ; tries++ {
			if err := o.deliver(n, tries); err == nil {
				break
			} else if tries > 5 {
				o.Fatalf("event %d: %v", n, err)
			}
		}
	}
	for range 3 {
		if _, err := o.ledger.Rearm(o.Context(), noon.Add(time.Hour)); err == nil {
			break
		}
	}
}

// check holds what must be so whatever failed, and whenever.
func (o *outage) check(store Store) {
	w := newWorld(o.T, store)
	d := newDocuments(w.load(budgetNames...))
	state, err := readLatch(d)
	w.must(err)
	w.want("epoch", state.Epoch, 1)
	w.want("lifted trip", state.Rearmed.Tripped, o.trip.At)
	w.want("trip", o.trip, Trip{At: noon.Add(4 * time.Minute)})
	c, err := readCounts(d, 0, noon.Add(10*time.Minute))
	w.must(err)
	made, open := c.sums()
	w.want("grants in the budget", made, 3)
	w.want("acts in progress", open, 0)
	w.want("events with a write", len(o.writes), 3)
	for n := range 6 {
		event := fmt.Sprint("event-", n)
		now := noon.Add(time.Duration(n) * time.Minute)
		d := newDocuments(w.load(named(ofEvent, event), named(ofGrant, "binding of "+event)))
		past, err := recalled(d, named(ofEvent, event), now)
		w.must(err)
		w.want(event+" begun", past.Begun, o.writes[event])
		if past.Untold && o.unsure[event] == 0 {
			w.Errorf("%s: got untold", event)
		}
		grant, _, err := read[Grant](d, named(ofGrant, "binding of "+event), now)
		w.must(err)
		if want := (Grant{At: now, Event: event}); o.writes[event] {
			w.want("grant of "+event, grant, want)
		} else {
			w.want("grant of "+event, grant, Grant{})
		}
		if o.sent[event] > 1 {
			w.Errorf("%s: told %d times", event, o.sent[event])
		}
		// Every second minute one is due.
		if n%2 == 0 && o.sent[event]+o.unsure[event] == 0 {
			w.Errorf("%s: not told, and nobody is unsure", event)
		}
	}
	if o.missed > 2 || (len(o.unsure) == 0 && o.missed != 2) {
		w.Errorf("got %d missed, want the two that came untold before another", o.missed)
	}
}

func TestAnswersLostAtEveryCall(t *testing.T) {
	for _, code := range []codes.Code{codes.Aborted, codes.DeadlineExceeded, codes.Unavailable} {
		for _, after := range []bool{false, true} {
			for from, reached := 0, true; reached; from++ {
				name := fmt.Sprintf("%s at call %d, carried out %t", code, from, after)
				ok := t.Run(name, func(t *testing.T) {
					memory := NewMemory()
					store := &lossy{Store: memory, from: from, times: 1, after: after, err: status.Error(code, "fault")}
					o := newOutage(t, store)
					o.run()
					o.check(memory)
					reached = store.calls > from
				})
				if !ok {
					return
				}
			}
		}
	}
}

// The official client calls again where an answer is lost, and meets its own
// commit: the answer to that is a conflict.
func TestAnswersLostOnTheWay(t *testing.T) {
	for after := range 40 {
		seed := fmt.Sprintf("faults: [{method: Commit, code: UNAVAILABLE, after: %d, times: 1, afterWrite: true}]", after)
		cloud, address := emulatortest.Start(t, seed)
		store := database(t, address, 1)
		o := newOutage(t, store)
		o.run()
		o.check(store)
		if len(o.unsure) > 0 {
			t.Errorf("commit %d: unsure of %v, want a retry that knows its own claim", after, o.unsure)
		}
		if cloud.Calls()["Commit"] <= after {
			return
		}
	}
	t.Error("the last commit was not reached")
}

func TestStoreIsDown(t *testing.T) {
	ctx, memory := t.Context(), NewMemory()
	store := &lossy{Store: memory, times: 1 << 30, err: status.Error(codes.PermissionDenied, "no")}
	l := impatient(store)
	for name, call := range map[string]func() error{
		"recall":     func() error { _, err := l.Recall(ctx, "a", noon); return err },
		"begin":      func() error { _, err := l.Begin(ctx, "a", one(noon), Past{}, noon, 20); return err },
		"abandon":    func() error { return l.Abandon(ctx, "a", one(noon), noon) },
		"end":        func() error { _, err := l.End(ctx, "a", one(noon).on("binding"), "applied", Granted, noon); return err },
		"tripped":    func() error { _, err := l.Tripped(ctx); return err },
		"rearm":      func() error { _, err := l.Rearm(ctx, noon); return err },
		"remembered": func() error { _, err := l.Remembered(ctx, "a", noon); return err },
		"claim":      func() error { _, err := l.Claim(ctx, "p", "a", noon, every); return err },
		"told":       func() error { return l.Told(ctx, "p", "a", "thread", noon) },
		"release":    func() error { return l.Release(ctx, "p", "a", noon) },
		"withhold":   func() error { return l.Withhold(ctx, "p", "a", noon) },
		"admit":      func() error { _, err := l.Admit(ctx, "c", "a", noon, 20, time.Minute); return err },
	} {
		if err := call(); !errors.As(err, new(*retry.Transient)) || status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: got %v, want the store's error, so that the event comes again", name, err)
		}
	}
	if len(memory.docs) != 0 {
		t.Errorf("got %v, want nothing", memory.docs)
	}
}

func TestDocumentThatCannotBeRead(t *testing.T) {
	w := newWorld(t, NewMemory())
	broken := named(ofEvent, "broken")
	w.must(w.store.Save(t.Context(), []Document{{Name: broken, Data: []byte("[]")}}, noon))
	l := w.instance()
	if _, err := l.Begin(t.Context(), "broken", one(noon), Past{}, noon, 20); err == nil || errors.As(err, new(*retry.Transient)) {
		t.Errorf("got %v, want an error of its own", err)
	}
	w.granted(l, "a", noon, 20)

	// Nothing is saved of a change that fails in part.
	binding := named(ofGrant, "binding")
	w.must(w.store.Save(t.Context(), []Document{{Name: binding, Data: []byte("[]")}}, noon))
	if _, err := l.End(t.Context(), "a", one(noon).on("binding"), "applied", Granted, noon); err == nil || errors.As(err, new(*retry.Transient)) {
		t.Errorf("got %v, want an error of its own", err)
	}
	w.past(l, "a", noon, Past{Begun: true})
	w.busy(l, "b", noon, 1)
}

// slow takes a second for each call.
type slow struct{ Store }

func (s slow) Load(ctx context.Context, names []string) ([]Document, error) {
	if err := gax.Sleep(ctx, time.Second); err != nil {
		return nil, err
	}
	return s.Store.Load(ctx, names)
}

func (s slow) Save(ctx context.Context, docs []Document, now time.Time) error {
	if err := gax.Sleep(ctx, time.Second); err != nil {
		return err
	}
	return s.Store.Save(ctx, docs, now)
}

// What b and c do is saved together, from two seconds on and for two.
func TestContextEnds(t *testing.T) {
	for _, order := range [][]string{{"b", "c"}, {"c", "b"}} {
		for _, after := range []time.Duration{0, time.Second / 2, 3 * time.Second / 2, 5 * time.Second / 2, 7 * time.Second / 2} {
			synctest.Test(t, func(t *testing.T) { contextEnds(t, order, after) })
		}
	}
}

func contextEnds(t *testing.T, order []string, after time.Duration) {
	w := newWorld(t, slow{NewMemory()})
	l := w.instance()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	var got Claim
	var err error
	calls := map[string]func(){
		"b": func() { got, err = l.Claim(ctx, "p", "b", noon.Add(every), every) },
		"c": func() { w.told(l, "p", "a", 0) },
	}
	var wg sync.WaitGroup
	wg.Go(func() { w.claim(l, "p", "a", 0, first) })
	for _, name := range order {
		synctest.Wait()
		wg.Go(calls[name])
	}
	wg.Wait()
	leads := order[0] == "b" && after > 2*time.Second // it works for others too, and waits for them
	if stopped := errors.Is(err, context.DeadlineExceeded); stopped == leads {
		t.Errorf("%v after %s: got %v, want the context's error: %t", order, after, err, !leads)
	}
	w.claim(l, "p", "a", every, Claim{}) // it was told
	again, err := l.Claim(t.Context(), "p", "b", noon.Add(every), every)
	w.must(err)
	want := Claim{Due: true, Count: 2}
	if leads {
		want = Claim{Unsure: true}
	}
	w.want(fmt.Sprintf("%v after %s: again, after %+v", order, after, got), again, want)
}

// A store that hangs is not waited for once for each hundred.
func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(hanging{})
		began := time.Now()
		var wg sync.WaitGroup
		for n := range 1000 {
			wg.Go(func() {
				if err := l.Abandon(t.Context(), fmt.Sprint(n), one(noon), noon); status.Code(err) != codes.DeadlineExceeded {
					t.Errorf("got %v, want that the deadline passed", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 2*sharing.Timeout {
			t.Errorf("took %s, want that of two runs at most", took)
		}
	})
}

// hanging never answers.
type hanging struct{ Store }

func (hanging) Load(ctx context.Context, _ []string) ([]Document, error) {
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

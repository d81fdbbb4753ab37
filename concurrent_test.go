package pullfix

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator"
)

// duel is one event that two instances have at the same time. Calls of the first
// one wait where a test wants them to.
type duel struct {
	*testing.T
	first, second *stage
	entry         []byte

	mu    sync.Mutex
	holds map[string]*hold // by method, the next call of it
	cut   chan struct{}    // closed in the end
}

// hold is a call that waits before it is carried out.
type hold struct {
	reached, goes chan struct{}
	err           error // of the call, in the place of what it would do
	dies          bool  // it is carried out, and its caller never hears of it
	landed        chan struct{}
}

func newDuel(t *testing.T) *duel {
	story, entry := load(t, "granted")
	story = withSeed(story, "")
	d := &duel{T: t, first: newStage(t, story), entry: entry, holds: map[string]*hold{}, cut: make(chan struct{})}
	d.second = d.first.another(t, story)
	d.first.cloud.Spoil(d.spoil)
	t.Cleanup(func() { close(d.cut) })
	return d
}

// next makes the next call of a method wait.
func (d *duel) next(method string, err error, dies bool) *hold {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := &hold{reached: make(chan struct{}), goes: make(chan struct{}), err: err, dies: dies, landed: make(chan struct{})}
	d.holds[method] = h
	return h
}

func (d *duel) spoil(_ context.Context, c emulator.Call) error {
	d.mu.Lock()
	h := d.holds[c.Method]
	switch {
	case h == nil, c.Done && !closed(h.goes):
		d.mu.Unlock()
		return nil
	case !c.Done && !closed(h.reached):
		close(h.reached)
		d.mu.Unlock()
		<-h.goes
		return h.err
	case c.Done && h.dies && !closed(h.landed):
		close(h.landed)
		d.mu.Unlock()
		<-d.cut
		return nil
	}
	d.mu.Unlock()
	return nil
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// deliver sends the event to an instance, and returns its answer when it comes.
func (d *duel) deliver(s *stage) <-chan int {
	answered := make(chan int, 1)
	headers, body, _ := wrap("1", "binary", d.entry)
	go func() {
		if status, err := s.request(d.T, headers, body); err == nil {
			answered <- status
		}
	}()
	return answered
}

func await[T any](d *duel, what string, c <-chan T) T {
	d.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		d.Fatalf("%s does not happen; logs:\n%s\n%s", what, d.first.log, d.second.log)
		panic("not reached")
	}
}

// answers wants the answer of a delivery.
func (d *duel) answers(c <-chan int, want int) {
	d.Helper()
	if got := await(d, "an answer", c); got != want {
		d.Fatalf("got status %d, want %d; logs:\n%s\n%s", got, want, d.first.log, d.second.log)
	}
}

// refusal is what only one of the two deliveries meets.
var refusal = grpcstatus.Error(codes.PermissionDenied, "no")

// TestTwoDeliveriesAtOnce delivers one event to two instances at the same time.
// The first one changes the policy and is then cut off, before it can note that;
// the second one answers for both, so Pub/Sub will not deliver the event again.
// What it records must be that the event led to the change, and somebody be told.
func TestTwoDeliveriesAtOnce(t *testing.T) {
	for _, test := range []struct {
		name   string
		until  string // the call of the second delivery that waits for the change
		answer error  // of that call; nil for the real one
	}{
		{"the second one finds the member before it begins", "GetIamPolicy", nil},
		{"the second one finds the member when it is about to write", "SetIamPolicy", nil},
		{"the second one may not write", "SetIamPolicy", refusal},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDuel(t)
			waits := d.next(test.until, test.answer, false)
			second := d.deliver(d.second)
			await(d, "the call of the second delivery", waits.reached)
			writes := d.next("SetIamPolicy", nil, true)
			d.deliver(d.first)
			await(d, "the write of the first delivery", writes.reached)
			close(writes.goes)
			await(d, "the change", writes.landed)
			close(waits.goes)
			d.answers(second, http.StatusNoContent)
			if got := d.second.records(t); strings.Count(got, "outcome: applied") != 1 || strings.Contains(got, "outcome: already-held") {
				t.Errorf("got records:\n%s\nwant one change, and that it was this event's", got)
			}
			if got := d.second.slack.told(); strings.Count(got, "Mended: ") != 1 {
				t.Errorf("got messages:\n%s\nwant one that it is mended", got)
			}
		})
	}
}

// TestOneDeliveryIsRefusedWhileAnotherActs has one delivery of an event about to
// write, and another one meet a refusal and change nothing. That one must not
// answer for both: the first one's write takes effect, and then it is cut off.
// The event has to come again, be recorded as what led to the change, and told.
func TestOneDeliveryIsRefusedWhileAnotherActs(t *testing.T) {
	for _, test := range []struct {
		name    string
		refused string // the call of the second delivery
		looked  bool   // the second one has asked the ledger before the first one began
		alerted int    // messages that nothing was granted
	}{
		{"its write", "SetIamPolicy", false, 0},
		{"its look at the policy", "GetIamPolicy", false, 0},
		{"its look at the policy, begun before", "GetIamPolicy", true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDuel(t)
			var second <-chan int
			var refused *hold
			if test.looked {
				refused = d.next(test.refused, refusal, false)
				second = d.deliver(d.second)
				await(d, "the look of the second delivery", refused.reached)
			}
			writes := d.next("SetIamPolicy", nil, true)
			d.deliver(d.first)
			await(d, "the write of the first delivery", writes.reached)
			if !test.looked {
				d.first.cloud.Spoil(d.refusing(test.refused))
				second = d.deliver(d.second)
			} else {
				close(refused.goes)
			}
			d.answers(second, http.StatusInternalServerError)
			d.first.cloud.Spoil(d.spoil)
			close(writes.goes)
			await(d, "the change", writes.landed)
			d.answers(d.deliver(d.second), http.StatusNoContent)
			if got := d.second.records(t); strings.Count(got, "outcome: applied") != 1 {
				t.Errorf("got records:\n%s\nwant the change", got)
			}
			told := d.second.slack.told()
			if alerted, mended := strings.Count(told, "Not granted: "), strings.Count(told, "Mended: "); alerted != test.alerted || mended != 1 {
				t.Errorf("got messages:\n%s\nwant %d that nothing was granted, and 1 that it is mended", told, test.alerted)
			}
		})
	}
}

// refusing refuses the calls of a method, whoever makes them.
func (d *duel) refusing(method string) func(context.Context, emulator.Call) error {
	return func(_ context.Context, c emulator.Call) error {
		if c.Method == method && !c.Done {
			return refusal
		}
		return nil
	}
}

// TestOneDeliveryEndsBeforeAnotherBegins has one delivery of an event look, and
// another one meet a refusal and be answered. The first one must not begin then:
// if it were cut off, the event would not come again.
func TestOneDeliveryEndsBeforeAnotherBegins(t *testing.T) {
	for _, refused := range []string{"SetIamPolicy", "GetIamPolicy"} {
		t.Run(refused, func(t *testing.T) {
			t.Parallel()
			d := newDuel(t)
			looks := d.next("GetIamPolicy", nil, false)
			first := d.deliver(d.first)
			await(d, "the look of the first delivery", looks.reached)
			d.first.cloud.Spoil(d.refusing(refused))
			d.answers(d.deliver(d.second), http.StatusNoContent)
			d.first.cloud.Spoil(nil)
			before := policyText(d.first.cloud)
			close(looks.goes)
			d.answers(first, http.StatusNoContent)
			if diff := cmp.Diff(before, policyText(d.first.cloud)); diff != "" {
				t.Errorf("the policies have changed (-before +after):\n%s", diff)
			}
			if got := d.first.records(t); strings.Contains(got, "outcome: applied") || strings.Count(got, "verdict: alert") != 1 {
				t.Errorf("got records:\n%s\nwant one that nothing was granted", got)
			}
			if got := d.first.slack.count() + d.second.slack.count(); got != 1 {
				t.Errorf("somebody was told %d times, want once", got)
			}
		})
	}
}

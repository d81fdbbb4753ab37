package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// channel is what the calls of a ledger are for: it gets a message about each
// problem, and a summary where those would be too many.
type channel struct {
	most      int
	mu        sync.Mutex
	sent      map[string]int // by event
	unsure    map[string]bool
	summaries []Claim
}

func newChannel(most int) *channel {
	return &channel{most: most, sent: map[string]int{}, unsure: map[string]bool{}}
}

func (c *channel) send(event string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[event]++
}

func (c *channel) claim(ctx context.Context, l *Ledger, problem, event string, now time.Time) (Claim, error) {
	claim, err := l.Claim(ctx, problem, event, now, every)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsure[event] = c.unsure[event] || claim.Unsure
	return claim, err
}

// alert is one delivery of an event.
func (c *channel) alert(ctx context.Context, l *Ledger, problem, event string, now time.Time) error {
	claim, err := c.claim(ctx, l, problem, event, now)
	if err != nil || !claim.Due {
		return err
	}
	admitted, err := l.Admit(ctx, "channel", event, now, c.most, window)
	switch {
	case err != nil:
		return errors.Join(err, l.Release(ctx, problem, event, now))
	case !admitted:
		return c.hold(ctx, l, problem, event, now)
	}
	c.send(event)
	return l.Told(ctx, problem, event, "", now)
}

func (c *channel) hold(ctx context.Context, l *Ledger, problem, event string, now time.Time) error {
	if err := l.Withhold(ctx, problem, event, now); err != nil {
		return err
	}
	claim, err := c.claim(ctx, l, "flood", event, now)
	if err != nil || !claim.Due {
		return err
	}
	c.mu.Lock()
	c.summaries = append(c.summaries, claim)
	c.mu.Unlock()
	c.send(event)
	return l.Told(ctx, "flood", event, "thread", now)
}

func floodIsSummarised(_ *testing.T, w *world) { w.flood(25) }

func TestFloodOfAThousand(t *testing.T) { newWorld(t, NewMemory()).flood(250) }

// flood is two floods of a minute each over four instances, of problems that
// differ.
func (w *world) flood(perInstance int) {
	const most = 20
	all := w.instances(4)
	c := newChannel(most)
	deliver := func(began time.Time) {
		w.atOnce(all, perInstance, func(l *Ledger, event string, n int) {
			event, now := event+began.String(), began.Add(time.Duration(n)*window/time.Duration(len(all)*perInstance))
			for range 1 + n%3 { // some are delivered more than once
				if err := c.alert(w.Context(), l, "problem of "+event, event, now); err != nil {
					w.Error(err)
				}
			}
		})
	}
	deliver(noon)
	w.want("messages", len(c.sent), most+1)
	w.want("summaries", c.summaries, []Claim{first})
	deliver(noon.Add(every + window))
	held := len(all)*perInstance - most // of each flood
	w.want("messages", len(c.sent), 2*(most+1))
	w.want("summaries", c.summaries, []Claim{first, {Due: true, Missed: held - 1, Count: held + 1, Thread: "thread"}})
	for event, n := range c.sent {
		w.want("messages about "+event, n, 1)
	}
}

// Of five problems two are told of. However a call fails, and whichever, each of
// the others is in a summary, or it is known that this is not certain.
func TestAnswersLostInAFlood(t *testing.T) {
	for _, code := range []codes.Code{codes.Aborted, codes.DeadlineExceeded, codes.Unavailable} {
		for _, after := range []bool{false, true} {
			for from, reached := 0, true; reached && !t.Failed(); from++ {
				t.Run(fmt.Sprintf("%s at call %d, carried out %t", code, from, after), func(t *testing.T) {
					w := newWorld(t, NewMemory())
					store := &lossy{Store: w.store, from: from, times: 1, after: after, err: status.Error(code, "fault")}
					w.flooded(impatient(store))
					reached = store.calls > from
				})
			}
		}
	}
}

func (w *world) flooded(l *Ledger) {
	w.Helper()
	const events, most = 5, 2
	c := newChannel(most)
	for n := range events {
		for tries := 0; c.alert(w.Context(), l, fmt.Sprint("problem-", n), fmt.Sprint("event-", n), noon) != nil; tries++ {
			if tries > 5 {
				w.Fatalf("event %d is not handled", n)
			}
		}
	}
	missed := 0
	for n := range events {
		event := fmt.Sprint("event-", n)
		if c.sent[event] > 1 {
			w.Errorf("%s: told %d times", event, c.sent[event])
		}
		if c.sent[event] == 0 && !c.unsure[event] {
			missed++
		}
	}
	if len(c.sent) > most+1 {
		w.Errorf("got messages about %v, want at most %d and a summary", c.sent, most)
	}
	got, err := w.instance().Claim(w.Context(), "flood", "last", noon.Add(every), every)
	w.must(err)
	w.want("missed", got.Missed, missed)
}

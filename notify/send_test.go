package notify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/notify"
)

// channel answers one try after the other, and then takes everything.
type channel struct {
	answers   []error
	slow      time.Duration // how long each try takes
	tries     int
	refreshed int
	at        []time.Time
}

func (c *channel) Send(ctx context.Context, m notify.Message, thread string) (string, error) {
	c.tries++
	c.at = append(c.at, time.Now())
	select {
	case <-time.After(c.slow):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if len(c.answers) > 0 {
		err := c.answers[0]
		c.answers = c.answers[1:]
		if err != nil {
			return "", err
		}
	}
	return thread + m.Title, nil
}

func (c *channel) Refresh() { c.refreshed++ }

var (
	errAway     = errors.New("away")
	errBusy     = &notify.LaterError{After: 7 * time.Second, Err: errors.New("busy")}
	errNo       = &notify.RefusedError{Err: errors.New("no")}
	errStranger = &notify.RefusedError{Unauthorised: true, Err: errors.New("who are you")}
	errUnsure   = notify.Unsure(errors.New("cut off"))
)

var tries = notify.Tries{Timeout: 5 * time.Second, Attempts: 3, Backoff: gax.Backoff{Initial: time.Second, Max: time.Second, Multiplier: 1}, Reserve: 2 * time.Second}

func TestDeliver(t *testing.T) {
	for _, test := range []struct {
		name      string
		answers   []error
		deadline  time.Duration // 0 for none
		slow      time.Duration
		want      error
		tries     int
		refreshed int
		least     time.Duration // that it takes
	}{
		{name: "at once", tries: 1},
		{name: "after a failure", answers: []error{errAway}, tries: 2},
		{name: "as long as the other side asked", answers: []error{errBusy}, tries: 2, least: 7 * time.Second},
		{name: "not for ever", answers: []error{errAway, errBusy, errAway}, want: errAway, tries: 3, least: 7 * time.Second},
		{name: "refused", answers: []error{errNo}, want: errNo, tries: 1},
		{name: "refused after a failure", answers: []error{errAway, errNo}, want: errNo, tries: 2},
		{name: "with a fresh secret", answers: []error{errStranger}, tries: 2, refreshed: 1},
		{name: "with a fresh secret as well", answers: []error{errStranger, errStranger}, want: errStranger, tries: 2, refreshed: 1},
		{name: "a failure between", answers: []error{errStranger, errAway}, tries: 3, refreshed: 1},
		{name: "unsure", answers: []error{errUnsure}, want: errUnsure, tries: 1},
		{name: "hanging", slow: time.Hour, want: context.DeadlineExceeded, tries: 3, least: 15 * time.Second},
		{name: "no time to wait", answers: []error{errBusy}, deadline: 10 * time.Second, want: errBusy, tries: 1},
		{name: "time to wait", answers: []error{errBusy}, deadline: 15 * time.Second, tries: 2, least: 7 * time.Second},
		{name: "the caller's time is up", slow: time.Hour, deadline: 3 * time.Second, want: context.DeadlineExceeded, tries: 1, least: 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				begun := time.Now()
				c := &channel{answers: test.answers, slow: test.slow}
				first, err := notify.Deliver(ctx, c, tries, notify.Message{Title: "web failed"}, "thread 1: ")
				if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("got error %v, want %v", err, test.want)
				}
				if want := "thread 1: web failed"; err == nil && first != want {
					t.Errorf("got %q, want what Send returned, %q", first, want)
				}
				if c.tries != test.tries || c.refreshed != test.refreshed {
					t.Errorf("got %d tries and %d fresh secrets, want %d and %d", c.tries, c.refreshed, test.tries, test.refreshed)
				}
				if took := time.Since(begun); took < test.least {
					t.Errorf("it took %s, want %s at least", took, test.least)
				}
			})
		})
	}
}

func TestHeadline(t *testing.T) {
	seen := map[string]bool{}
	for _, tone := range notify.Tones() {
		h := notify.Message{Tone: tone, Title: "web failed"}.Headline()
		if !strings.HasSuffix(h, ": web failed") || seen[h] {
			t.Errorf("got %q, want a headline that no other tone has", h)
		}
		seen[h] = true
	}
	if (notify.Message{}).Tone.Urgent() != true {
		t.Error("a message without a tone is not urgent: want that it is")
	}
}

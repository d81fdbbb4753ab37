package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/googleapis/gax-go/v2"
)

// Sender is one channel.
type Sender interface {
	// Send tries once to send a message. thread is what Send returned for the
	// first message about the problem, "" where this is the first one; the new
	// message goes with it. Send returns what later messages about the problem
	// are to be given, "" where the channel needs nothing.
	//
	// The error is [ErrUnsure] where the message may have arrived, a
	// [*RefusedError] where sending it again would be refused again, and a
	// [*LaterError] or any other where it has not arrived and may yet.
	Send(ctx context.Context, m Message, thread string) (first string, err error)

	// Refresh makes the next Send fetch the channel's secrets anew.
	Refresh()
}

// Secret is a value that must not be printed: a webhook's URL, a token, a
// password.
type Secret interface {
	Get(context.Context) (string, error) // fetched on first use
	Forget()                             // makes the next Get fetch it anew
}

// ErrUnsure is for a message that was sent and not answered: it may have
// arrived.
var ErrUnsure = errors.New("no answer, so that it may have arrived")

// RefusedError is an answer that another try would meet again.
type RefusedError struct {
	Unauthorised bool // the secret may have been replaced
	Err          error
}

func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the answer.
func (e *RefusedError) Unwrap() error { return e.Err }

// LaterError is a failure that may pass.
type LaterError struct {
	After time.Duration // how long the other side asked to be left alone; 0 where it did not say
	Err   error
}

func (e *LaterError) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *LaterError) Unwrap() error { return e.Err }

// Tries bounds the delivery of one message.
type Tries struct {
	Timeout  time.Duration // of one try
	Attempts int
	Backoff  gax.Backoff   // between tries, where the other side asked for none
	Reserve  time.Duration // of the caller's deadline, which is left when the last try ends
}

// DefaultTries leave the greater part of an event's time to its act.
var DefaultTries = Tries{
	Timeout:  15 * time.Second,
	Attempts: 4,
	Backoff:  gax.Backoff{Initial: 500 * time.Millisecond, Max: 8 * time.Second, Multiplier: 2},
	Reserve:  10 * time.Second,
}

// Deliver sends a message, and again where that may help and there is time. A
// refusal as unauthorised is met once with fresh secrets. The error is that of
// the last try, as [Sender] has it.
func Deliver(ctx context.Context, s Sender, t Tries, m Message, thread string) (first string, err error) {
	backoff, fresh := t.Backoff, false
	for left := t.Attempts; ; {
		first, err = t.once(ctx, s, m, thread)
		var refused *RefusedError
		switch left--; {
		case err == nil || errors.Is(err, ErrUnsure):
			return first, err
		case errors.As(err, &refused) && (fresh || !refused.Unauthorised):
			return "", err
		case refused != nil:
			s.Refresh()
			fresh = true
			continue
		case left <= 0 || !t.wait(ctx, max(backoff.Pause(), after(err))):
			return "", err
		}
	}
}

func (t Tries) once(ctx context.Context, s Sender, m Message, thread string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	return s.Send(ctx, m, thread)
}

func after(err error) time.Duration {
	if later := (*LaterError)(nil); errors.As(err, &later) {
		return later.After
	}
	return 0
}

// wait reports false where another try after the pause would have no time.
func (t Tries) wait(ctx context.Context, pause time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok {
		room, cancel := context.WithDeadline(ctx, deadline.Add(-pause-t.Timeout-t.Reserve))
		defer cancel()
		if room.Err() != nil {
			return false
		}
	}
	return gax.Sleep(ctx, pause) == nil
}

// Unsure marks an error after which the message may have arrived.
func Unsure(err error) error { return fmt.Errorf("%w: %w", ErrUnsure, err) }

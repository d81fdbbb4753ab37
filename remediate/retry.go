package remediate

import (
	"context"
	"fmt"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Transient wraps an error after which the same event may succeed later. It is
// for redelivery: what could be retried at once has been.
type Transient struct{ Err error }

func (t *Transient) Error() string { return t.Err.Error() }

// Unwrap returns the error of the call.
func (t *Transient) Unwrap() error { return t.Err }

// reaction is what to do about one gRPC code.
type reaction struct {
	again  bool // call again: here at first, by redelivery when that is used up
	landed bool // a write may have taken effect although it failed
}

// reactions has a row for every code (https://grpc.io/docs/guides/status-codes).
// What is not there is a bug; a code that a later version of gRPC adds is
// treated as Unknown.
var reactions = map[codes.Code]reaction{
	codes.Canceled:           {again: true, landed: true},
	codes.Unknown:            {again: true, landed: true},
	codes.InvalidArgument:    {},
	codes.DeadlineExceeded:   {again: true, landed: true},
	codes.NotFound:           {},
	codes.AlreadyExists:      {},
	codes.PermissionDenied:   {},
	codes.ResourceExhausted:  {again: true},
	codes.FailedPrecondition: {},
	codes.Aborted:            {again: true},
	codes.OutOfRange:         {},
	codes.Unimplemented:      {},
	codes.Internal:           {again: true, landed: true},
	codes.Unavailable:        {again: true, landed: true},
	codes.DataLoss:           {again: true, landed: true},
	codes.Unauthenticated:    {again: true},
}

func reactTo(err error) reaction {
	code := status.FromContextError(err).Code()
	if s, ok := status.FromError(err); ok {
		code = s.Code()
	}
	if r, ok := reactions[code]; ok {
		return r
	}
	return reactions[codes.Unknown]
}

// Calls bounds every call to Google Cloud.
type Calls struct {
	Timeout  time.Duration // of one attempt
	Attempts int           // of one step
	Backoff  gax.Backoff   // between attempts, with jitter
}

// DefaultCalls follows https://cloud.google.com/iam/docs/retry-strategy, with
// shorter waits: the event comes again if they do not suffice.
var DefaultCalls = Calls{
	Timeout:  15 * time.Second,
	Attempts: 6,
	Backoff:  gax.Backoff{Initial: 200 * time.Millisecond, Max: 8 * time.Second, Multiplier: 2},
}

// once keeps the clients from repeating calls on their own: here is the one
// place that decides it.
var once = gax.WithRetry(nil)

// attempt makes one call with a deadline of its own, so that one that hangs
// leaves time for the next.
func attempt[T any](ctx context.Context, c Calls, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return call(ctx)
}

// read makes a call that changes nothing until it is answered for good or the
// attempts are used up.
func read[T any](ctx context.Context, c Calls, step string, call func(context.Context) (T, error)) (T, error) {
	backoff := c.Backoff
	for n := 1; ; n++ {
		v, err := attempt(ctx, c, call)
		if err == nil {
			return v, nil
		}
		if n >= c.Attempts || !reactTo(err).again || gax.Sleep(ctx, backoff.Pause()) != nil {
			return v, failure(step, err)
		}
	}
}

// failure says which step failed, and whether the event is worth another try.
func failure(step string, err error) error {
	wrapped := fmt.Errorf("%s: %w", step, err)
	if reactTo(err).again {
		return &Transient{wrapped}
	}
	return wrapped
}

// Package retry decides what the error of a call to Google Cloud means. A step
// and an error come in; what goes out is whether to call again here, to leave
// it to the next delivery of the event, to take the error for an answer, or to
// give up. It is the only place that decides this, in one table.
package retry

import (
	"context"
	"fmt"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Step is what a call is for.
type Step uint8

// The steps of an act.
const (
	Check  Step = iota // reads live state before a decision
	Read               // reads a policy that is to be changed
	Write              // writes a policy
	Record             // writes the compliance record
	Share              // reads or writes what instances share
	steps
)

// Reaction is what to do about an error. The zero Reaction gives up.
type Reaction uint8

// The reactions.
const (
	GiveUp Reaction = iota // another delivery would meet the same: it is recorded and somebody told
	Answer                 // the error is what was asked for: missing, or hidden
	Later                  // the event must come again
	Here                   // call again now, and when that is used up the event must come again
)

var stepNames = [steps]string{Check: "check", Read: "read", Write: "write", Record: "record", Share: "share"}

// String returns what the call is for in a word.
func (s Step) String() string { return stepNames[s] }

var reactionNames = [...]string{GiveUp: "give up", Answer: "answer", Later: "later", Here: "here"}

// String returns the reaction in a word or two.
func (r Reaction) String() string { return reactionNames[r] }

// row is what one code means at each step.
type row struct {
	at      [steps]Reaction
	certain bool // a write with this answer has not taken effect
	apart   bool // one part of a write may be what was refused, so that the rest succeeds without it
}

// table has a row for every code (https://grpc.io/docs/guides/status-codes).
// The columns Read and Write follow https://cloud.google.com/iam/docs/retry-strategy.
// Without a record or a ledger nothing is done, so there every code is for
// another delivery: the libraries have repeated what can be repeated. Aborted,
// AlreadyExists and FailedPrecondition are how Firestore says that somebody
// else was faster (https://cloud.google.com/firestore/docs/understand-error-codes).
// Only a conflict is certain to have changed nothing: the one who reports it has
// compared etags. Of any other refusal a proxy on the way may be the author.
var table = map[codes.Code]row{
	//                         Check   Read    Write   Record Share
	codes.Canceled:           {at: [steps]Reaction{Here, Here, Here, Later, Later}},
	codes.Unknown:            {at: [steps]Reaction{Here, Here, Here, Later, Later}},
	codes.InvalidArgument:    {at: [steps]Reaction{GiveUp, GiveUp, GiveUp, Later, Later}, apart: true},
	codes.DeadlineExceeded:   {at: [steps]Reaction{Here, Here, Here, Later, Later}},
	codes.NotFound:           {at: [steps]Reaction{Answer, GiveUp, GiveUp, Later, Later}},
	codes.AlreadyExists:      {at: [steps]Reaction{GiveUp, GiveUp, GiveUp, Later, Here}},
	codes.PermissionDenied:   {at: [steps]Reaction{Answer, GiveUp, GiveUp, Later, Later}},
	codes.ResourceExhausted:  {at: [steps]Reaction{Here, Here, Here, Later, Later}},
	codes.FailedPrecondition: {at: [steps]Reaction{GiveUp, GiveUp, GiveUp, Later, Here}, apart: true},
	codes.Aborted:            {at: [steps]Reaction{Here, Here, Here, Later, Here}, certain: true},
	codes.OutOfRange:         {at: [steps]Reaction{GiveUp, GiveUp, GiveUp, Later, Later}, apart: true},
	codes.Unimplemented:      {at: [steps]Reaction{GiveUp, GiveUp, GiveUp, Later, Later}},
	codes.Internal:           {at: [steps]Reaction{Here, Here, Here, Later, Later}},
	codes.Unavailable:        {at: [steps]Reaction{Here, Here, Here, Later, Later}},
	codes.DataLoss:           {at: [steps]Reaction{Here, Here, Here, Later, Later}},
	codes.Unauthenticated:    {at: [steps]Reaction{Here, Here, Here, Later, Later}},
}

func rowOf(err error) row {
	code := status.FromContextError(err).Code()
	if s, ok := status.FromError(err); ok {
		code = s.Code()
	}
	if r, ok := table[code]; ok {
		return r
	}
	return table[codes.Unknown]
}

// React says what an error of a call means at a step. An error without a gRPC
// code, or with one that a later version of gRPC adds, is Unknown.
func React(step Step, err error) Reaction { return rowOf(err).at[step] }

// Landed reports whether a write may have taken effect although it failed.
func Landed(err error) bool { return !rowOf(err).certain }

// Apart reports whether one part of a write may be why all of it was refused.
func Apart(err error) bool { return rowOf(err).apart }

// Transient wraps an error after which another delivery of the same event may
// succeed. What could be repeated at once has been.
type Transient struct{ Err error }

func (t *Transient) Error() string { return t.Err.Error() }

// Unwrap returns the error of the call.
func (t *Transient) Unwrap() error { return t.Err }

// Failure says which step failed, as a [Transient] where another delivery may
// succeed.
func Failure(step Step, what string, err error) error {
	wrapped := fmt.Errorf("%s: %w", what, err)
	if r := React(step, err); r == Here || r == Later {
		return &Transient{wrapped}
	}
	return wrapped
}

// Calls bounds every call to Google Cloud.
type Calls struct {
	Timeout  time.Duration // of one attempt
	Attempts int           // of one step
	Backoff  gax.Backoff   // between attempts, with jitter

	// Again is told of each call that is about to be made again, and why; nil is
	// told nothing.
	Again func(ctx context.Context, step Step, err error)
}

// Default waits less than https://cloud.google.com/iam/docs/retry-strategy
// says: the event comes again if that does not suffice.
var Default = Calls{
	Timeout:  15 * time.Second,
	Attempts: 6,
	Backoff:  gax.Backoff{Initial: 200 * time.Millisecond, Max: 8 * time.Second, Multiplier: 2},
}

// Once keeps a client from repeating a call on its own.
var Once = gax.WithRetry(nil)

// Attempt makes one call with a deadline of its own, so that one that hangs
// leaves time for the next.
func Attempt[T any](ctx context.Context, c Calls, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return call(ctx)
}

// Do makes a call that may be repeated until it is answered, for good or for
// bad, or the attempts are used up. what names it in the error.
func Do[T any](ctx context.Context, c Calls, step Step, what string, call func(context.Context) (T, error)) (T, error) {
	for pause := c.Pauses(); ; {
		v, err := Attempt(ctx, c, call)
		if err == nil {
			return v, nil
		}
		if React(step, err) != Here || !pause(ctx, step, err) {
			return v, Failure(step, what, err)
		}
	}
}

// Pauses returns a function that waits before the next attempt, after the error
// of the last one. It reports false where there is none left, or the context
// ends.
func (c Calls) Pauses() func(ctx context.Context, step Step, err error) bool {
	backoff, left := c.Backoff, c.Attempts
	return func(ctx context.Context, step Step, err error) bool {
		left--
		again := left > 0 && gax.Sleep(ctx, backoff.Pause()) == nil
		if again && c.Again != nil {
			c.Again(ctx, step, err)
		}
		return again
	}
}

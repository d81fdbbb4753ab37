package retry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestEveryCodeHasARow(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if _, ok := table[code]; !ok {
			t.Errorf("the table has no row for %s", code)
		}
	}
	if _, ok := table[codes.OK]; ok {
		t.Error("the table has a row for OK, which is no error")
	}
}

// TestOnlyAConflictIsCertain holds that a write whose fate is not certain is
// looked for.
func TestOnlyAConflictIsCertain(t *testing.T) {
	for code := range table {
		if got, want := Landed(status.Error(code, "")), code != codes.Aborted; got != want {
			t.Errorf("%s: got landed %t, want %t", code, got, want)
		}
	}
}

func TestNothingIsLostWithoutRecordOrLedger(t *testing.T) {
	for code, r := range table {
		for _, step := range []Step{Record, Share} {
			if at := r.at[step]; at != Later && at != Here {
				t.Errorf("%s at step %d: got %s, want the event to come again", code, step, at)
			}
		}
	}
}

func TestErrorsWithoutACode(t *testing.T) {
	for _, test := range []struct {
		err  error
		want Reaction
	}{
		{errors.New("broken pipe"), Here},
		{status.Error(codes.Code(77), "a later version"), Here},
		{context.DeadlineExceeded, Here},
		{context.Canceled, Here},
		{fmt.Errorf("read: %w", status.Error(codes.PermissionDenied, "no")), GiveUp},
	} {
		if got := React(Write, test.err); got != test.want {
			t.Errorf("React(Write, %v): got %s, want %s", test.err, got, test.want)
		}
	}
}

var quick = Calls{Timeout: time.Second, Attempts: 3, Backoff: gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond}}

// TestDo makes a call that fails with each code a few times, and counts how
// often it is made.
func TestDo(t *testing.T) {
	for code := range table {
		for _, times := range []int{1, 99} {
			t.Run(fmt.Sprintf("%s %d times", code, times), func(t *testing.T) {
				made := 0
				_, err := Do(t.Context(), quick, Read, "read it", func(context.Context) (int, error) {
					if made++; made <= times {
						return 0, status.Error(code, "the cause")
					}
					return 1, nil
				})
				here := table[code].at[Read] == Here
				want := 1
				if here {
					want = min(times+1, quick.Attempts)
				}
				if made != want {
					t.Errorf("the call was made %d times, want %d", made, want)
				}
				if ok := here && times < quick.Attempts; ok != (err == nil) {
					t.Fatalf("got error %v, want success %t", err, ok)
				}
				if err == nil {
					return
				}
				if transient := (*Transient)(nil); errors.As(err, &transient) != here {
					t.Errorf("%v: got transient %t, want %t", err, !here, here)
				}
				if !strings.HasPrefix(err.Error(), "read it: ") || status.Code(err) != code {
					t.Errorf("got %v with code %s, want the name of the step and the code %s", err, status.Code(err), code)
				}
			})
		}
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	slow := quick
	slow.Backoff = gax.Backoff{Initial: time.Hour, Max: time.Hour}
	_, err := Do(ctx, slow, Read, "read it", func(context.Context) (int, error) {
		cancel()
		return 0, status.Error(codes.Unavailable, "away")
	})
	if transient := (*Transient)(nil); !errors.As(err, &transient) {
		t.Errorf("got %v, want a transient error", err)
	}
}

func TestEveryAttemptHasADeadline(t *testing.T) {
	hang := quick
	hang.Timeout = time.Millisecond
	made := 0
	_, err := Do(t.Context(), hang, Read, "read it", func(ctx context.Context) (int, error) {
		made++
		<-ctx.Done()
		return 0, ctx.Err()
	})
	if made != hang.Attempts || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %d attempts and %v, want %d and the end of the deadline", made, err, hang.Attempts)
	}
}

// TestAgain holds that whoever watches is told of each call that is made again,
// and of no other.
func TestAgain(t *testing.T) {
	var told []string
	watched := quick
	watched.Again = func(_ context.Context, step Step, err error) {
		told = append(told, fmt.Sprint(step, " ", status.Code(err)))
	}
	for _, code := range []codes.Code{codes.Unavailable, codes.PermissionDenied, codes.OK} {
		_, _ = Do(t.Context(), watched, Read, "read it", func(context.Context) (int, error) { return 0, status.Error(code, "") })
	}
	if got, want := strings.Join(told, ", "), "read Unavailable, read Unavailable"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

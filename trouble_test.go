package pullfix

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/pullfix/pullfix/internal/further"
)

// writes are the methods whose answer can be lost after they took effect.
var writes = []string{"SetIamPolicy", "WriteLogEntries", "Commit"}

// TestEveryCodeAtEveryStep plays a grant once for each call that it makes, each
// gRPC code as its answer, once or some times in a row, and for a write before
// and after it takes effect. Without PULLFIX_FURTHER each fails once.
func TestEveryCodeAtEveryStep(t *testing.T) {
	story, entry := load(t, "granted")
	calm := newStage(t, withSeed(story, ""))
	calm.deliver(t, entry)
	calls := calm.cloud.Calls()
	rows, met := []int{1}, codesFrom(codes.Canceled)
	if underRace {
		met = someCodes // what happens at once does not hang on the code
	}
	if further.Wanted(t) {
		rows = []int{1, 3}
	} else {
		t.Log("set PULLFIX_FURTHER=1 to have each fail more than once")
	}
	for _, method := range slices.Sorted(maps.Keys(calls)) {
		for nth := range calls[method] {
			for _, code := range met {
				for _, times := range rows {
					for _, late := range []bool{false, true} {
						if late && !slices.Contains(writes, method) || late && method == "SetIamPolicy" && code == codes.Aborted {
							continue // a conflict is found before anything is written
						}
						fault := fmt.Sprintf("{method: %s, after: %d, times: %d, code: %s, afterWrite: %t}", method, nth, times, seedCode(code), late)
						t.Run(fault, func(t *testing.T) {
							t.Parallel()
							s := newStage(t, withSeed(story, "faults: ["+fault+"]\n"))
							w := newWitness(s.cloud, agentOne)
							s.cloud.Watch(w.watch)
							s.deliver(t, entry)
							w.hold(t, s.tellings(), s.log.String())
						})
					}
				}
			}
		}
	}
}

// seedCode is the name of a code as a seed writes it.
func seedCode(c codes.Code) string {
	return [...]string{
		codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
		codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
		codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
		codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED", codes.OutOfRange: "OUT_OF_RANGE",
		codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
		codes.DataLoss: "DATA_LOSS", codes.Unauthenticated: "UNAUTHENTICATED",
	}[c]
}

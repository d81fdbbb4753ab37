package pullfix

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTooLate delivers an event whose act was begun again when it is too old to
// begin anything: what was done is finished, what was not is left.
func TestTooLate(t *testing.T) {
	for _, test := range []struct {
		name, faults, record string
		told                 int
	}{
		{
			"the change was made",
			"{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}, {method: GetIamPolicy, code: UNAVAILABLE, after: 1, times: 3}",
			"cause: recovered", 1,
		},
		{"the change was not made", "{method: SetIamPolicy, code: UNAVAILABLE, times: 3}", "cause: too-old", 0},
		{
			"the result was recorded, and nobody told", "{method: Commit, code: INTERNAL, after: 3, times: 9}",
			"outcome: applied", 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			story, entry := load(t, "granted")
			s := newStage(t, withSeed(story, "faults: ["+test.faults+"]\n"))
			if status := s.send(t, "1", "binary", entry); status != http.StatusInternalServerError {
				t.Fatalf("got status %d, want the event to come again", status)
			}
			s.function.now = func() time.Time { return now.Add(7 * time.Hour) }
			s.deliver(t, entry)
			if got := s.records(t); !strings.Contains(got, test.record) {
				t.Errorf("got records:\n%s\nwant %s", got, test.record)
			}
			if got := s.tellings(); got != test.told {
				t.Errorf("somebody was told %d times, want %d; log:\n%s", got, test.told, s.log)
			}
		})
	}
}

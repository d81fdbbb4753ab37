package pullfix

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/emulator"
)

// TestCallerGivesUp ends the request while a call hangs. Whatever only reads
// ends with it; an act that has begun goes on, and its result is on record.
func TestCallerGivesUp(t *testing.T) {
	story, entry := load(t, "granted")
	for _, test := range []struct {
		method string
		nth    int
		goesOn bool
	}{
		{"GetProject", 1, false},
		{"GetRepository", 1, false},
		{"GetTag", 1, false},
		{"ListRules", 1, false},
		{"GetIamPolicy", 1, false},
		{"BatchGetDocuments", 1, false},
		{"WriteLogEntries", 1, true},
		{"SetIamPolicy", 1, true},
		{"WriteLogEntries", 2, true},
	} {
		t.Run(test.method, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, withSeed(story, ""))
			patient := quick
			patient.Timeout = time.Hour
			s.function.clients = newClients(s.function.Settings, patient)
			ctx, giveUp := context.WithCancel(t.Context())
			hangs, answers := make(chan struct{}), make(chan struct{})
			s.cloud.Watch(func(c emulator.Call) {
				if c.Method == test.method && !c.Done && s.cloud.Calls()[c.Method] == test.nth {
					close(hangs)
					<-answers
				}
			})
			ended := make(chan error, 1)
			go func() { ended <- s.function.handle(ctx, delivery{id: "1", published: now, entry: entry}) }()
			<-hangs
			giveUp()
			if test.goesOn {
				close(answers)
			} else {
				defer close(answers)
			}
			select {
			case err := <-ended:
				if (err == nil) != test.goesOn {
					t.Errorf("got %v, want that it went on: %t", err, test.goesOn)
				}
			case <-time.After(time.Minute):
				t.Error("it goes on for a minute after its caller gave up")
			}
			if got := strings.Contains(s.records(t), "outcome: applied"); got != test.goesOn {
				t.Errorf("got applied on record: %t, want %t", got, test.goesOn)
			}
		})
	}
}

// TestEveryCallHasADeadline lets every call hang at its first time, and wants
// it to be given up and made again.
func TestEveryCallHasADeadline(t *testing.T) {
	story, entry := load(t, "granted")
	reads := []string{"GetProject", "GetRepository", "GetTag", "ListRules", "GetIamPolicy"}
	for _, method := range append(slices.Clip(reads), "SetIamPolicy") {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, withSeed(story, ""))
			impatient := quick
			impatient.Timeout = 200 * time.Millisecond
			s.function.clients = newClients(s.function.Settings, impatient)
			answers := make(chan struct{})
			defer close(answers)
			s.cloud.Watch(func(c emulator.Call) {
				if c.Method == method && !c.Done && s.cloud.Calls()[method] == 1 {
					<-answers
				}
			})
			s.deliver(t, entry)
			if got := s.records(t); !strings.Contains(got, "outcome: applied") {
				t.Errorf("got records:\n%s\nwant the grant applied", got)
			}
			if n := s.cloud.Calls()[method]; n < 2 {
				t.Errorf("%s was called %d times, want another after the one that hung", method, n)
			}
		})
	}
}

package pullfix

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator"
)

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
		{"the second one may not write", "SetIamPolicy", grpcstatus.Error(codes.PermissionDenied, "no")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			story, entry := load(t, "granted")
			story = withSeed(story, "")
			first := newStage(t, story)
			second := first.another(t, story)
			waits, changed, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
			var mu sync.Mutex
			reached, written := false, false
			first.cloud.Spoil(func(_ context.Context, c emulator.Call) error {
				mu.Lock()
				holds := c.Method == test.until && !reached && !c.Done
				reached = reached || holds
				cut := c.Method == "SetIamPolicy" && c.Done && !written
				written = written || cut
				mu.Unlock()
				switch {
				case holds:
					close(waits)
					<-changed
					return test.answer
				case cut:
					close(changed)
					<-over // the answer never comes: so the delivery is as good as dead
				}
				return nil
			})
			defer close(over)
			answered := make(chan int, 1)
			go func() { answered <- second.send(t, "1", "binary", entry) }()
			<-waits
			go func() {
				headers, body, _ := wrap("1", "binary", entry)
				_, _ = first.request(t, headers, body)
			}()
			select {
			case code := <-answered:
				if code != http.StatusNoContent {
					t.Fatalf("got status %d; log:\n%s", code, second.log)
				}
			case <-time.After(patience):
				t.Fatal("the second delivery is not answered")
			}
			if got := second.records(t); strings.Count(got, "outcome: applied") != 1 || strings.Contains(got, "outcome: already-held") {
				t.Errorf("got records:\n%s\nwant one change, and that it was this event's", got)
			}
			if got := second.slack.told(); strings.Count(got, "Mended: ") != 1 {
				t.Errorf("got messages:\n%s\nwant one that it is mended", got)
			}
		})
	}
}

package letters

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/internal/rest"
)

// answers is a Pub/Sub that does the same for every call, and counts them.
func answers(t *testing.T, patience time.Duration, handle http.HandlerFunc) (q Queue, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	client, err := rest.New(t.Context(), strings.TrimPrefix(s.URL, "http://"), rest.Calls{
		Timeout: time.Second, Attempts: 5, Backoff: gax.Backoff{Initial: 200 * time.Millisecond, Max: 400 * time.Millisecond, Multiplier: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	return Queue{Client: client, Subscription: "projects/ops/subscriptions/dead", Topic: "projects/ops/topics/alive", Patience: patience}, calls
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// Only a pull that Pub/Sub kept waiting, or answered, says that nothing waits.
func TestNothingWaitsOnlyWhereItWasSeen(t *testing.T) {
	t.Parallel()
	const short, long = 300 * time.Millisecond, 10 * time.Second
	for name, test := range map[string]struct {
		patience time.Duration
		handle   http.HandlerFunc
		calls    int32
		want     string // in the error; "" for none
	}{
		"it answers that there is none": {long, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }, 1, ""},
		"it keeps the pull waiting": {short, func(_ http.ResponseWriter, r *http.Request) {
			drain(r)
			<-r.Context().Done()
		}, 1, ""},
		"it is away for longer than the patience": {short, status(http.StatusServiceUnavailable), 5, "pubsub.googleapis.com answers 503: "},
		"it has had enough calls":                 {short, status(http.StatusTooManyRequests), 5, "pubsub.googleapis.com answers 429: "},
		"it breaks":                               {short, status(http.StatusInternalServerError), 1, "pubsub.googleapis.com answers 500: "},
		"it ends the connection":                  {long, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 1, "EOF"},
		"it keeps the pull waiting longer than a call": {long, func(_ http.ResponseWriter, r *http.Request) {
			drain(r)
			<-r.Context().Done()
		}, 1, "deadline exceeded"},
		"it begins an answer, and ends none": {short, func(w http.ResponseWriter, r *http.Request) {
			drain(r)
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, 1, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, calls := answers(t, test.patience, test.handle)
			found, err := q.List(t.Context(), 10)
			switch {
			case len(found) > 0:
				t.Errorf("got %v", names(found))
			case test.want == "" && err != nil:
				t.Errorf("got %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			case calls.Load() != test.calls:
				t.Errorf("got %d calls, want %d", calls.Load(), test.calls)
			}
		})
	}
}

// drain reads the request, without which a server does not notice that whoever
// asked has gone.
func drain(r *http.Request) { _, _ = r.Body.Read(make([]byte, 1024)) }

func TestNobodyIsThere(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(nil)
	s.Close()
	client, err := rest.New(t.Context(), strings.TrimPrefix(s.URL, "http://"), rest.Default)
	if err != nil {
		t.Fatal(err)
	}
	q := Queue{Client: client, Subscription: "projects/ops/subscriptions/dead", Patience: time.Nanosecond}
	if err := q.Replay(t.Context(), 10, func(Letter) error { return nil }); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want that the connection is refused", err)
	}
}

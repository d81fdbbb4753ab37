package pullfix

import (
	"net/http"
	"sync"
	"time"
)

// watch ends the wait for clients that take too long over a body or an answer.
// All of them share one timer, which hardly ever goes off: deadlines of their own,
// set and taken back in each request, took some 4 % of the time of an
// uninteresting event.
type watch struct {
	mu    sync.Mutex
	until map[http.ResponseWriter]time.Time // whose clients are waited for, and until when
	timer *time.Timer
	next  time.Time // when the timer goes off; zero where it does not
}

func newWatch() *watch { return &watch{until: map[http.ResponseWriter]time.Time{}} }

// over does what waits for the client of an answer, until a time at the most. From
// then on what reads from the client or writes to it fails.
func (k *watch) over(w http.ResponseWriter, until time.Time, do func()) {
	k.begin(w, until)
	defer k.end(w)
	do()
}

func (k *watch) begin(w http.ResponseWriter, until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until[w] = until
	if k.next.IsZero() || until.Before(k.next) {
		k.wake(until)
	}
}

func (k *watch) end(w http.ResponseWriter) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.until, w)
}

func (k *watch) wake(at time.Time) {
	k.next = at
	if k.timer == nil {
		k.timer = time.AfterFunc(time.Until(at), k.cut)
		return
	}
	k.timer.Reset(time.Until(at))
}

// cut cuts off those whose time is over, and sees to it that it is called for the
// next one.
func (k *watch) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, next := time.Now(), time.Time{}
	for w, until := range k.until {
		switch {
		case !until.After(now):
			connection := http.NewResponseController(w)
			_, _ = connection.SetReadDeadline(now), connection.SetWriteDeadline(now) // nor can a test's recorder
			delete(k.until, w)
		case next.IsZero() || until.Before(next):
			next = until
		}
	}
	if k.next = next; !next.IsZero() {
		k.wake(next)
	}
}

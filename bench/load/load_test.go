package load

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func request(buffer []byte, n int) []byte {
	body := strings.Repeat("x", n%7)
	return append(buffer, "POST / HTTP/1.1\r\nHost: h\r\nNumber: "+string(rune('a'+n%26))+"\r\nContent-Length: "+string(rune('0'+len(body)))+"\r\n\r\n"+body...)
}

func serve(t *testing.T, handler http.HandlerFunc) Run {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return Run{Address: server.Listener.Addr().String(), Connections: 3, Request: request}
}

// TestCountsWhatIsAnswered sends each number once.
func TestCountsWhatIsAnswered(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	r := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			seen[r.Header.Get("Number")+string(body)]++
		}
		w.WriteHeader(http.StatusNoContent)
	})
	r.Count = 26
	got, err := r.Do(t.Context())
	if err != nil || got.Done != 26 || len(seen) != 26 || got.Again != 0 {
		t.Errorf("got %d done of %d seen, %d again: %v", got.Done, len(seen), got.Again, err)
	}
	if got.Percentile(0) > got.Percentile(50) || got.Percentile(50) > got.Percentile(100) || got.Percentile(100) > got.Took {
		t.Errorf("latencies are not in order: %v", got.Latencies)
	}
}

func TestEndsWithTheTime(t *testing.T) {
	r := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r.Time = time.Millisecond
	if got, err := r.Do(t.Context()); err != nil || got.Took < r.Time {
		t.Errorf("got %+v, %v", got, err)
	}
	r.Time = 0
	if _, err := r.Do(t.Context()); err == nil {
		t.Error("a run without an end was begun")
	}
}

// TestAnotherAnswer is an error, or leads to another delivery.
func TestAnotherAnswer(t *testing.T) {
	var asked atomic.Int64
	r := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%2 == 1 {
			http.Error(w, "not now", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	r.Connections, r.Count = 1, 3
	if _, err := r.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("got %v, want the answer", err)
	}
	asked.Store(0)
	r.Again = true
	if got, err := r.Do(t.Context()); err != nil || got.Done != 3 || got.Again != 3 {
		t.Errorf("got %d done, %d again: %v, want 3 and 3", got.Done, got.Again, err)
	}
}

func TestAnswerCutOff(t *testing.T) {
	r := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	r.Count = 1
	if _, err := r.Do(t.Context()); err == nil {
		t.Error("an answer that never came was counted")
	}
}

package load

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

// TestGarbage posts bodies that arrive whole and cannot be read, each another.
// Each is done with and on record once, so that nothing is lost; but people get
// one message, the ledger no more documents than one for each, and the process
// no memory that it keeps.
func TestGarbage(t *testing.T) {
	count := 300
	if further.Wanted(t) {
		count = 10_000
	}
	w := newWorld(t)
	warm, _ := events("warm", 10*deployed)
	w.send(t, warm, deployed)
	told, lines, documents, before := w.told.Load(), len(w.recorded()), len(w.cloud.Documents()), w.held(t)
	w.forget(t)

	bodies := make(chan string)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: deployed}, Timeout: watchdog}
	var senders sync.WaitGroup
	for range deployed {
		senders.Go(func() {
			for body := range bodies {
				resp, err := client.Post("http://"+w.address, "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					continue
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusNoContent {
					t.Errorf("got status %d", resp.StatusCode)
				}
			}
		})
	}
	for n := range count {
		bodies <- []string{
			fmt.Sprintf("garbage %d", n), fmt.Sprintf(`{"message":%d}`, n), fmt.Sprintf(`{"message":{"data":"%d!"}}`, n),
			fmt.Sprintf("%s%d", strings.Repeat("[", 10_000), n), fmt.Sprintf("\x00\xff%d", n),
		}[n%5]
	}
	close(bodies)
	senders.Wait()
	client.CloseIdleConnections()

	got := w.recorded()[lines:]
	seen := map[string]int{}
	for _, l := range got {
		seen[l.event]++
		if l.cause != "unreadable" || l.verdict != "alert" || l.phase != "decision" {
			t.Fatalf("got on record %+v, want what cannot be read", l)
		}
	}
	if len(got) != count || len(seen) != count {
		t.Errorf("got %d lines of %d events, want one for each of %d", len(got), len(seen), count)
	}
	if n := w.told.Load() - told; n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	if more := len(w.cloud.Documents()) - documents; more > count+10 {
		t.Errorf("%d documents of the ledger, want at most one for each of %d events", more, count)
	}
	if peak := w.peak(t); peak > memory {
		t.Errorf("the process had %d MiB, want at most %d", peak, memory)
	}
	w.settles(t, before)
	t.Logf("%d bodies: %d messages, %d documents, peak %d MiB, %+v before, %+v after",
		count, w.told.Load()-told, len(w.cloud.Documents())-documents, w.peak(t), before, w.held(t))
}

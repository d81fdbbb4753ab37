package load

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/further"
)

// deployed is how many events an instance has in hand at once, by the settings
// that deploy.sh gives it.
const deployed = 10

// events returns that many entries of all sorts, and which lines each has to
// leave on record; "" is none.
func events(prefix string, count int) (all []entry, want map[string]line) {
	want = map[string]line{}
	for n := range count {
		e := entry{id: fmt.Sprintf("%s-%d", prefix, n), sort: "app", n: n / 10 % projects, to: "apps"}
		decision := line{event: e.id, phase: "decision"}
		switch n % 10 {
		case 0, 1, 2, 3, 4: // a deploy that went well
			e.success = true
		case 5, 6:
			e.sort = "sandbox"
			decision.verdict, decision.rule = "ignore", "sandboxes"
		case 7, 8:
			e.sort = "watched"
			decision.verdict, decision.rule, decision.outcome = "grant", "watched", "observed"
		default: // no rule allows it
			e.to = "tools"
			decision.verdict = "alert"
		}
		if !e.success {
			want[e.id] = decision
		}
		all = append(all, e)
	}
	return all, want
}

// send delivers events, so many at once, each until it is done with, as Pub/Sub
// does. It returns how many answers said that an event must come again.
func (w *world) send(t *testing.T, all []entry, atOnce int) (again int) {
	t.Helper()
	var (
		text    = template(t)
		queue   = make(chan int)
		mu      sync.Mutex
		senders sync.WaitGroup
		client  = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce, MaxConnsPerHost: atOnce}, Timeout: watchdog}
	)
	defer client.CloseIdleConnections()
	for range atOnce {
		senders.Go(func() {
			for n := range queue {
				e := all[n]
				for deliveries := 1; ; deliveries++ {
					status, err := post(client, w.address, envelopes[n%len(envelopes)], "message-"+e.id, e.text(text, time.Now()))
					if err != nil {
						t.Errorf("event %s has no answer: %v", e.id, err)
					}
					if err != nil || status == http.StatusNoContent {
						break
					}
					mu.Lock()
					again++
					mu.Unlock()
					if deliveries == 20 {
						t.Errorf("event %s: got status %d, %d times", e.id, status, deliveries)
						break
					}
				}
			}
		})
	}
	for n := range all {
		queue <- n
	}
	close(queue)
	senders.Wait()
	return again
}

func post(client *http.Client, address, envelope, id string, data []byte) (status int, err error) {
	req, err := request(address, envelope, id, data)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// holds wants each line on record once, and no other of these events.
func (w *world) holds(t *testing.T, want map[string]line) {
	t.Helper()
	seen := map[string]int{}
	for _, got := range w.recorded() {
		seen[got.event]++
		if expected, ok := want[got.event]; !ok || got != expected {
			t.Errorf("got on record %+v, want %+v", got, expected)
		}
	}
	lost, twice := 0, 0
	for event := range want {
		switch n := seen[event]; {
		case n == 0:
			lost++
		case n > 1:
			twice++
		}
	}
	if lost > 0 || twice > 0 {
		t.Errorf("of %d events %d are not on record, and %d more than once", len(want), lost, twice)
	}
}

// TestEveryEventIsAnswered sends events of all sorts at the concurrency that is
// deployed and at ten times that: each is answered, what has to be is on record
// once, and nothing stays behind in the process.
func TestEveryEventIsAnswered(t *testing.T) {
	count := 500
	switch {
	case further.All():
		count = 20_000
	case further.Wanted(t):
		count = 4_000
	}
	for _, atOnce := range []int{deployed, 10 * deployed} {
		t.Run(fmt.Sprint(atOnce, " at once"), func(t *testing.T) {
			w := newWorld(t)
			warm, want := events("warm", 10*deployed)
			w.send(t, warm, atOnce)
			before, small := w.held(t), w.peak(t)

			all, more := events("event", count)
			maps.Copy(want, more)
			w.forget(t)
			began := time.Now()
			again := w.send(t, all, atOnce)
			took := time.Since(began)
			w.holds(t, want)
			w.settles(t, before)
			if most := 2*small + 32; w.peak(t) > most {
				t.Errorf("the process had %d MiB, want at most %d: %d are enough for %d events", w.peak(t), most, small, len(warm))
			}
			if told := w.told.Load(); told == 0 || told > 2*21 {
				t.Errorf("%d messages, want some, and no more than somebody reads", told)
			}
			t.Logf("%d events at %d in %s: %d answers to send again, peak %d MiB (%d after %d events), %+v before, %+v after, %d messages",
				count, atOnce, took.Round(time.Millisecond), again, w.peak(t), small, len(warm), before, w.held(t), w.told.Load())
		})
	}
}

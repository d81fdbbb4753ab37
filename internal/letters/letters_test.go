package letters

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/pubsub/v1"

	"github.com/pullfix/pullfix/internal/rest"
)

// broker is a Pub/Sub of one subscription and one topic. A pull without a
// message waits, as that of Pub/Sub does.
type broker struct {
	mu        sync.Mutex
	waiting   []*pubsub.PubsubMessage
	leased    map[string]*pubsub.PubsubMessage // by what acknowledges it
	acks      int
	published []*pubsub.PubsubMessage
	fail      func(method string) int // a status to answer with after the call is carried out; 0 for none
}

func newBroker(count int) *broker {
	b := &broker{leased: map[string]*pubsub.PubsubMessage{}, fail: func(string) int { return 0 }}
	for n := range count {
		b.waiting = append(b.waiting, &pubsub.PubsubMessage{
			MessageId: fmt.Sprint("m", n), Data: base64.StdEncoding.EncodeToString(fmt.Append(nil, "entry ", n)),
			PublishTime: time.Date(2026, 3, 4, 5, 6, n, 0, time.UTC).Format(time.RFC3339Nano),
			Attributes:  map[string]string{"a": "b", "CloudPubSubDeadLetterSourceDeliveryCount": "50"},
		})
	}
	slices.Reverse(b.waiting)
	return b
}

func (b *broker) queue(t *testing.T) Queue {
	t.Helper()
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	client, err := rest.New(t.Context(), strings.TrimPrefix(s.URL, "http://"), rest.Calls{Timeout: time.Second, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return Queue{Client: client, Subscription: "projects/ops/subscriptions/dead", Topic: "projects/ops/topics/alive", Patience: 50 * time.Millisecond}
}

func (b *broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		pubsub.PullRequest
		pubsub.ModifyAckDeadlineRequest
		pubsub.PublishRequest
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, method, _ := strings.Cut(r.URL.Path, ":")
	answer := b.do(name, method, int(request.MaxMessages), request.AckIds, request.AckDeadlineSeconds, request.Messages)
	switch status := b.fail(method); {
	case status != 0:
		w.WriteHeader(status)
	case answer == nil:
		<-r.Context().Done()
	default:
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (b *broker) do(name, method string, most int, acks []string, deadline int64, messages []*pubsub.PubsubMessage) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case method == "publish" && name == "/v1/projects/ops/topics/alive":
		ids := make([]string, len(messages))
		b.published = append(b.published, messages...)
		return pubsub.PublishResponse{MessageIds: ids}
	case name != "/v1/projects/ops/subscriptions/dead":
		return nil
	case method == "pull":
		return b.pull(most)
	case method == "acknowledge" || method == "modifyAckDeadline":
		for _, id := range acks {
			if m := b.leased[id]; m != nil && method == "modifyAckDeadline" && deadline == 0 {
				b.waiting = append(b.waiting, m)
			}
			if method == "acknowledge" || deadline == 0 {
				delete(b.leased, id)
			}
		}
		return pubsub.Empty{}
	default:
		return nil
	}
}

func (b *broker) pull(most int) any {
	answer := pubsub.PullResponse{}
	for range min(most, len(b.waiting), 3) { // fewer than there are, as Pub/Sub may
		b.acks++
		id := fmt.Sprint("ack", b.acks)
		b.leased[id] = b.waiting[0]
		answer.ReceivedMessages = append(answer.ReceivedMessages, &pubsub.ReceivedMessage{AckId: id, Message: b.waiting[0]})
		b.waiting = b.waiting[1:]
	}
	if len(answer.ReceivedMessages) == 0 {
		return nil
	}
	return answer
}

// want holds how many messages are where.
func (b *broker) want(t *testing.T, waiting, leased, published int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	got, want := [3]int{len(b.waiting), len(b.leased), len(b.published)}, [3]int{waiting, leased, published}
	if got != want {
		t.Errorf("waiting, leased, published: got %v, want %v", got, want)
	}
}

func names(letters []Letter) (all []string) {
	for _, l := range letters {
		all = append(all, l.ID)
	}
	return all
}

func TestListTakesNothingAway(t *testing.T) {
	t.Parallel()
	b := newBroker(7)
	q := b.queue(t)
	for _, test := range []struct {
		limit int
		want  []string
	}{
		{100, []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6"}},
		{2, nil}, // whichever come first
	} {
		found, err := q.List(t.Context(), test.limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, names(found)); test.want != nil && diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if len(found) != min(test.limit, 7) || found[0].Attempts != 50 || !cmp.Equal(found[0].Attributes, map[string]string{"a": "b"}) {
			t.Errorf("got %+v", found)
		}
		b.want(t, 7, 0, 0)
	}
	empty := newBroker(0)
	if found, err := empty.queue(t).List(t.Context(), 10); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestListIsCutOff(t *testing.T) {
	t.Parallel()
	b := newBroker(7)
	ctx, cancel := context.WithCancel(t.Context())
	pulls := 0
	b.fail = func(method string) int {
		if pulls++; method == "pull" && pulls > 2 {
			cancel()
		}
		return 0
	}
	if _, err := b.queue(t).List(ctx, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) < 4 || len(b.waiting)+len(b.leased) != 7 {
		t.Errorf("got %d waiting, %d leased: want what was listed given back", len(b.waiting), len(b.leased))
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	b := newBroker(7)
	var told []Letter
	if err := b.queue(t).Replay(t.Context(), 5, func(l Letter) error { told = append(told, l); return nil }); err != nil {
		t.Fatal(err)
	}
	b.want(t, 2, 0, 5)
	if len(told) != 5 {
		t.Errorf("told of %v, want 5", names(told))
	}
	for n, m := range b.published {
		if m.Data != base64.StdEncoding.EncodeToString(told[n].Data) || !cmp.Equal(m.Attributes, map[string]string{"a": "b"}) {
			t.Errorf("published %+v for %+v", m, told[n])
		}
	}
}

// Whatever fails, at whatever call: what is not published waits still.
func TestReplayLosesNothing(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		calls, ended := 0, false
		b := newBroker(5)
		b.fail = func(string) int {
			if calls++; calls >= at {
				ended = true
				return http.StatusInternalServerError
			}
			return 0
		}
		told := map[string]bool{}
		err := b.queue(t).Replay(t.Context(), 100, func(l Letter) error { told[l.ID] = true; return nil })
		if (err != nil) != ended {
			t.Fatalf("cut off at call %d: got %v", at, err)
		}
		there := map[string]bool{}
		for _, m := range append(slices.Clone(b.waiting), b.published...) {
			there[m.Data] = true
		}
		for _, m := range b.leased {
			there[m.Data] = true
		}
		if len(there) != 5 {
			t.Errorf("cut off at call %d: %d of 5 are left", at, len(there))
		}
		if len(told) > len(b.published) {
			t.Errorf("cut off at call %d: told of %v, published %d", at, told, len(b.published))
		}
		if !ended {
			b.want(t, 0, 0, 5)
			return
		}
	}
}

func TestErrorsSayWhat(t *testing.T) {
	t.Parallel()
	b := newBroker(1)
	b.fail = func(method string) int {
		if method == "publish" {
			return http.StatusForbidden
		}
		return 0
	}
	err := b.queue(t).Replay(t.Context(), 1, func(Letter) error { return nil })
	if want := "publish to projects/ops/topics/alive: pubsub.googleapis.com answers 403: Forbidden"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	b.want(t, 1, 0, 1)
}

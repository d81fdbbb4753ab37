package pullfix

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// deliveryAttempts are the fewest that Pub/Sub takes.
const deliveryAttempts = 5

// TestPubSub publishes a denial to Google's own Pub/Sub emulator, which pushes
// it to the function, pushes it again while the function cannot act, and lays it
// among the dead letters in the end. However often it comes: one intent, one
// grant, one result, one message.
func TestPubSub(t *testing.T) {
	address := emulatortest.GooglePubSub(t)
	service, err := pubsub.NewService(t.Context(), option.WithEndpoint("http://"+address+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	for n, test := range []struct {
		name    string
		fault   string
		answers []int
		writes  int // of the policy, that arrive
		failed  int // results that say so, before the one that was applied
		dead    bool
	}{
		{name: "nothing in the way", answers: []int{204}, writes: 1},
		{
			name: "the policy cannot be written", fault: "{method: SetIamPolicy, code: UNAVAILABLE, times: 6}",
			answers: []int{500, 500, 204}, writes: 7, failed: 1,
		},
		{
			name: "the intent cannot be recorded", fault: "{method: WriteLogEntries, code: PERMISSION_DENIED, times: 2}",
			answers: []int{500, 500, 204}, writes: 1,
		},
		{
			name: "the result cannot be recorded", fault: "{method: WriteLogEntries, code: PERMISSION_DENIED, after: 1, times: 2}",
			answers: []int{500, 500, 204}, writes: 1,
		},
		{
			name: "the policy cannot be written for long", fault: "{method: SetIamPolicy, code: UNAVAILABLE, times: 15}",
			answers: []int{500, 500, 500, 500, 500, 204}, writes: 16, failed: 1, dead: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			story, entry := load(t, "granted")
			for n, f := range story.Files {
				if f.Name == "seed.yaml" && test.fault != "" {
					story.Files[n].Data = fmt.Appendf(slices.Clip(f.Data), "faults: [%s]\n", test.fault)
				}
			}
			s := newStage(t, story)
			s.function.now = time.Now
			before := policyText(s.cloud)
			at := time.Now().UTC().Format(time.RFC3339Nano)
			entry = bytes.Replace(entry, []byte("2026-03-04T05:08:59.5Z"), []byte(at), 1)

			q := newQueue(t, service, fmt.Sprintf("events-%d", n), s.function)
			sent := &pubsub.PubsubMessage{
				Data: base64.StdEncoding.EncodeToString(entry), Attributes: map[string]string{"logging.googleapis.com/timestamp": at},
			}
			q.publish(t, sent)
			if test.dead {
				q.await(t, test.answers[:deliveryAttempts])
				if n := strings.Count(changed(before, policyText(s.cloud)), "\n"); n != 0 {
					t.Errorf("a policy changed before it could be written")
				}
				q.publish(t, q.deadLetter(t, sent))
			}
			q.await(t, test.answers)

			if diff := changed(before, policyText(s.cloud)); strings.Count(diff, "service-111111111111@") != 1 {
				t.Errorf("policies changed:\n%s\nwant the agent once", diff)
			}
			if n := s.cloud.Calls()["SetIamPolicy"]; n != test.writes {
				t.Errorf("%d calls write a policy, want %d", n, test.writes)
			}
			records := s.records(t)
			for line, want := range map[string]int{
				"phase: intent\n": 1, "phase: result\n": 1 + test.failed, "outcome: failed\n": test.failed, "outcome: applied\n": 1, "phase: decision\n": 0,
			} {
				if got := strings.Count(records, line); got != want {
					t.Errorf("%q is %d times in the record, want %d:\n%s", line, got, want, records)
				}
			}
			if got := s.slack.told(); strings.Count(got, "Mended: ") != 1 || strings.Contains(got, "Action needed") {
				t.Errorf("got messages:\n%s\nwant one that it is mended", got)
			}
		})
	}
}

// queue is a topic whose messages are pushed to the function, and those that it
// does not take laid aside.
type queue struct {
	service *pubsub.Service
	topic   string
	dead    string // subscription of the dead letters

	mu      sync.Mutex
	answers []int
}

func newQueue(t *testing.T, service *pubsub.Service, name string, function http.Handler) *queue {
	t.Helper()
	const project = "projects/demo-project"
	q := &queue{service: service, topic: project + "/topics/" + name, dead: project + "/subscriptions/" + name + "-dead"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		function.ServeHTTP(answer, r)
		q.mu.Lock()
		q.answers = append(q.answers, answer.Code)
		q.mu.Unlock()
		w.WriteHeader(answer.Code)
	}))
	t.Cleanup(server.Close)
	for _, topic := range []string{q.topic, q.topic + "-dead"} {
		if _, err := service.Projects.Topics.Create(topic, &pubsub.Topic{}).Context(t.Context()).Do(); err != nil {
			t.Fatal(err)
		}
	}
	for path, subscription := range map[string]*pubsub.Subscription{
		q.dead: {Topic: q.topic + "-dead"},
		project + "/subscriptions/" + name: {
			Topic: q.topic, AckDeadlineSeconds: 600,
			PushConfig:       &pubsub.PushConfig{PushEndpoint: server.URL},
			DeadLetterPolicy: &pubsub.DeadLetterPolicy{DeadLetterTopic: q.topic + "-dead", MaxDeliveryAttempts: deliveryAttempts},
			RetryPolicy:      &pubsub.RetryPolicy{MinimumBackoff: "0.1s", MaximumBackoff: "0.2s"},
		},
	} {
		if _, err := service.Projects.Subscriptions.Create(path, subscription).Context(t.Context()).Do(); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func (q *queue) publish(t *testing.T, m *pubsub.PubsubMessage) {
	t.Helper()
	request := &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{{Data: m.Data, Attributes: m.Attributes}}}
	if _, err := q.service.Projects.Topics.Publish(q.topic, request).Context(t.Context()).Do(); err != nil {
		t.Fatal(err)
	}
}

const (
	patience = 30 * time.Second // until what must come
	// quiet is longer than the emulator waits before it delivers again.
	quiet = 4 * time.Second
)

// await waits until the function has answered as wanted, and sees that nothing
// is delivered again after that.
func (q *queue) await(t *testing.T, want []int) {
	t.Helper()
	given := func() []int {
		q.mu.Lock()
		defer q.mu.Unlock()
		return slices.Clone(q.answers)
	}
	for end := time.Now().Add(patience); len(given()) < len(want) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(quiet)
	if got := given(); !slices.Equal(got, want) {
		t.Fatalf("the function answered %v, want %v", got, want)
	}
}

// deadLetter takes the one dead letter, which must be as it was sent, with what
// Pub/Sub says of it besides
// (https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic).
func (q *queue) deadLetter(t *testing.T, sent *pubsub.PubsubMessage) *pubsub.PubsubMessage {
	t.Helper()
	var letters []*pubsub.ReceivedMessage
	for end := time.Now().Add(patience); len(letters) == 0 && time.Now().Before(end); {
		pulled, err := q.service.Projects.Subscriptions.Pull(q.dead, &pubsub.PullRequest{MaxMessages: 10}).Context(t.Context()).Do()
		if err != nil {
			t.Fatal(err)
		}
		letters = pulled.ReceivedMessages
	}
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want 1", len(letters))
	}
	acknowledge := &pubsub.AcknowledgeRequest{AckIds: []string{letters[0].AckId}}
	if _, err := q.service.Projects.Subscriptions.Acknowledge(q.dead, acknowledge).Context(t.Context()).Do(); err != nil {
		t.Fatal(err)
	}
	m := letters[0].Message
	const count = "CloudPubSubDeadLetterSourceDeliveryCount"
	if m.Data != sent.Data || m.Attributes[count] != fmt.Sprint(deliveryAttempts) {
		t.Errorf("the dead letter has the attributes %v, want %s %d, and the entry", m.Attributes, count, deliveryAttempts)
	}
	for name, value := range sent.Attributes {
		if m.Attributes[name] != value {
			t.Errorf("the dead letter has the attributes %v, want %s %s", m.Attributes, name, value)
		}
	}
	return m
}

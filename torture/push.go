package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// ackDeadline is how long Pub/Sub waits for an answer, at the most
// (https://cloud.google.com/pubsub/docs/push#configure_subscriptions).
const ackDeadline = 10 * time.Minute

// pushed is the body of a push request, with both spellings as Pub/Sub sends them
// (https://cloud.google.com/pubsub/docs/push#receive_push).
type pushed struct {
	Message      pushedMessage `json:"message"`
	Subscription string        `json:"subscription"`
	Attempt      int           `json:"deliveryAttempt"`
}

type pushedMessage struct {
	Attributes   map[string]string `json:"attributes"`
	Data         []byte            `json:"data"`
	ID           string            `json:"messageId"`
	IDToo        string            `json:"message_id"`
	Published    string            `json:"publishTime"`
	PublishedToo string            `json:"publish_time"`
}

func body(d delivery, began time.Time) ([]byte, error) {
	at := d.published.UTC().Format(time.RFC3339Nano)
	return json.Marshal(pushed{
		Message: pushedMessage{
			Attributes: map[string]string{"logging.googleapis.com/timestamp": at}, Data: d.event.Entry(began),
			ID: d.id, IDToo: d.id, Published: at, PublishedToo: at,
		},
		Subscription: "projects/ops/subscriptions/pullfix", Attempt: d.try,
	})
}

// push delivers to one instance until everything is done. began is when the
// entries are dated from.
func (q *queue) push(ctx context.Context, to *instance, began time.Time) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for {
		to.await(ctx)
		d, ok := q.take()
		if !ok || ctx.Err() != nil {
			return
		}
		q.end(d, post(ctx, client, to.url, d, began))
	}
}

func post(ctx context.Context, client *http.Client, url string, d delivery, began time.Time) result {
	patience, impatient := ackDeadline, false
	if impatient = d.chance.IntN(100) < 3; impatient {
		patience = time.Duration(d.chance.Int64N(int64(60 * time.Millisecond)))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := body(d, began)
	if err != nil {
		panic(err) // what is made of texts is always JSON
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		panic(err) // the address is one for a request
	}
	request.Header.Set("Content-Type", "application/json")
	request.GetBody = nil // a request whose connection broke is an unanswered delivery, and not sent again
	answer, err := client.Do(request)
	switch {
	case err != nil && impatient && ctx.Err() != nil:
		return hungUp
	case err != nil:
		return unreached
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode >= http.StatusMultipleChoices {
		return refusal
	}
	return acknowledged
}

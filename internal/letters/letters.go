// Package letters handles the dead letters of Pub/Sub: messages that nobody
// could deliver. The names of a subscription and a topic come in; what waits
// goes out without being taken away, or is published once more. A message is
// acknowledged only when Pub/Sub has answered that it has it again, so that none
// is lost when this ends at any moment; one may come twice.
package letters

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/pubsub/v1"

	"github.com/pullfix/pullfix/internal/rest"
)

// Queue is where dead letters wait.
type Queue struct {
	Client       *rest.Client
	Subscription string        // projects/P/subscriptions/S
	Topic        string        // projects/P/topics/T: where they came from
	Patience     time.Duration // how long Pub/Sub may keep a pull waiting for another message; it may have some and give none at once
}

// Letter is a message that waits.
type Letter struct {
	ID         string // of the message
	At         time.Time
	Attempts   int // to deliver it, 0 where that is not known
	Data       []byte
	Attributes map[string]string

	key string // of ordering
	ack string
}

const service = "pubsub.googleapis.com"

// The attributes that Pub/Sub adds to a dead letter
// (https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic).
const (
	addedByPubSub = "CloudPubSubDeadLetter"
	deliveries    = addedByPubSub + "SourceDeliveryCount"
)

// most is how many messages one pull asks for. Of the largest that Cloud Logging
// exports so many fit into one publish.
const most = 20

// lease is how long nobody else gets what was pulled. Pub/Sub gives back by
// itself what is not given back.
const lease = time.Minute

// List returns up to limit letters, oldest first, and gives them back. Whoever
// else pulls at the same time has what is missing.
func (q Queue) List(ctx context.Context, limit int) (found []Letter, err error) {
	defer func() { err = errors.Join(err, q.giveBack(ctx, found)) }()
	seen := map[string]bool{}
	for len(found) < limit {
		pulled, err := q.pull(ctx, limit-len(found))
		if err != nil {
			return found, err
		}
		fresh := 0
		for _, l := range pulled {
			if seen[l.ID] {
				continue // its lease has ended: it came round
			}
			seen[l.ID] = true
			found = append(found, l)
			fresh++
		}
		if fresh == 0 {
			break
		}
	}
	slices.SortStableFunc(found, func(a, b Letter) int { return a.At.Compare(b.At) })
	return found, nil
}

// Replay publishes up to limit letters to the topic, and tells of each when it
// is there. The error is about those that it did not tell of; they still wait.
func (q Queue) Replay(ctx context.Context, limit int, done func(Letter) error) error {
	for limit > 0 {
		batch, err := q.pull(ctx, limit)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := q.publish(ctx, batch); err != nil {
			return errors.Join(err, q.giveBack(ctx, batch))
		}
		// What was published is taken away, even if this ends now.
		if err := q.acknowledge(context.WithoutCancel(ctx), batch); err != nil {
			return fmt.Errorf("%d were published, and will be once more: %w", len(batch), err)
		}
		for _, l := range batch {
			if err := done(l); err != nil {
				return err
			}
		}
		limit -= len(batch)
	}
	return nil
}

// errNothing ends a pull for which nothing has come.
var errNothing = errors.New("nothing has come")

// pull returns none where none has come in the time of patience. That begins
// when Pub/Sub has the request, and ends with the first byte of its answer:
// until it has one, and once it answers that it cannot, nobody knows what waits.
func (q Queue) pull(ctx context.Context, limit int) ([]Letter, error) {
	soon, end := context.WithCancelCause(ctx)
	defer end(nil)
	waiting := time.AfterFunc(math.MaxInt64, func() { end(errNothing) })
	defer waiting.Stop()
	traced := httptrace.WithClientTrace(soon, &httptrace.ClientTrace{
		WroteRequest: func(w httptrace.WroteRequestInfo) {
			if w.Err == nil {
				waiting.Reset(q.Patience)
			}
		},
		GotFirstResponseByte: func() { waiting.Stop() },
	})
	answer, err := rest.Do[pubsub.PullResponse](traced, q.Client, service, "v1/"+q.Subscription+":pull", &pubsub.PullRequest{MaxMessages: int64(min(limit, most))})
	var refused *rest.Error
	switch {
	case err != nil && !errors.As(err, &refused) && errors.Is(context.Cause(soon), errNothing):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("pull from %s: %w", q.Subscription, err)
	}
	letters := make([]Letter, 0, len(answer.ReceivedMessages))
	for _, m := range answer.ReceivedMessages {
		l, err := letterOf(m)
		if err != nil {
			return nil, fmt.Errorf("pull from %s: %w", q.Subscription, err)
		}
		letters = append(letters, l)
	}
	if len(letters) > 0 {
		err = q.deadline(ctx, letters, lease)
	}
	return letters, err
}

func letterOf(received *pubsub.ReceivedMessage) (Letter, error) {
	m := received.Message
	if m == nil {
		return Letter{}, errors.New("an answer without a message")
	}
	data, err := base64.StdEncoding.DecodeString(m.Data)
	if err != nil {
		return Letter{}, fmt.Errorf("message %q: %w", m.MessageId, err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.PublishTime)
	if err != nil {
		return Letter{}, fmt.Errorf("message %q: %w", m.MessageId, err)
	}
	l := Letter{ID: m.MessageId, At: at, Data: data, Attributes: map[string]string{}, key: m.OrderingKey, ack: received.AckId}
	l.Attempts, _ = strconv.Atoi(m.Attributes[deliveries])
	maps.Copy(l.Attributes, m.Attributes)
	maps.DeleteFunc(l.Attributes, func(name, _ string) bool { return strings.HasPrefix(name, addedByPubSub) })
	return l, nil
}

func (q Queue) publish(ctx context.Context, batch []Letter) error {
	request := &pubsub.PublishRequest{}
	for _, l := range batch {
		request.Messages = append(request.Messages, &pubsub.PubsubMessage{Data: base64.StdEncoding.EncodeToString(l.Data), Attributes: l.Attributes, OrderingKey: l.key})
	}
	answer, err := rest.Do[pubsub.PublishResponse](ctx, q.Client, service, "v1/"+q.Topic+":publish", request)
	if err == nil && len(answer.MessageIds) != len(batch) {
		err = fmt.Errorf("the answer has %d ids for %d messages", len(answer.MessageIds), len(batch))
	}
	if err != nil {
		return fmt.Errorf("publish to %s: %w", q.Topic, err)
	}
	return nil
}

func (q Queue) acknowledge(ctx context.Context, batch []Letter) error {
	_, err := rest.Do[pubsub.Empty](ctx, q.Client, service, "v1/"+q.Subscription+":acknowledge", &pubsub.AcknowledgeRequest{AckIds: acks(batch)})
	if err != nil {
		return fmt.Errorf("acknowledge in %s: %w", q.Subscription, err)
	}
	return nil
}

// giveBack is done even if the rest was cut off.
func (q Queue) giveBack(ctx context.Context, letters []Letter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	defer cancel()
	for part := range slices.Chunk(letters, 1000) {
		if err := q.deadline(ctx, part, 0); err != nil {
			return fmt.Errorf("%d wait until their lease ends: %w", len(part), err)
		}
	}
	return nil
}

func (q Queue) deadline(ctx context.Context, letters []Letter, length time.Duration) error {
	request := &pubsub.ModifyAckDeadlineRequest{
		AckIds: acks(letters), AckDeadlineSeconds: int64(length.Seconds()),
		ForceSendFields: []string{"AckDeadlineSeconds"},
	}
	_, err := rest.Do[pubsub.Empty](ctx, q.Client, service, "v1/"+q.Subscription+":modifyAckDeadline", request)
	if err != nil {
		return fmt.Errorf("change a lease in %s: %w", q.Subscription, err)
	}
	return nil
}

func acks(letters []Letter) []string {
	ids := make([]string, len(letters))
	for n, l := range letters {
		ids[n] = l.ack
	}
	return ids
}

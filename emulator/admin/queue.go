package admin

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxQueued bounds what a subscription holds: what is oldest goes first.
const maxQueued = 10_000

// queue is what a subscription has not got rid of.
type queue struct{ messages []*message }

// message is leased to who pulled it last until a moment.
type message struct {
	doc      document
	ackID    string
	leased   time.Time
	attempts int
}

func publish(c *call) (any, error) {
	if _, err := c.found(); err != nil {
		return nil, err
	}
	messages, _ := c.body["messages"].([]any)
	if len(messages) == 0 {
		return nil, invalid("The request has no messages.")
	}
	ids := []any{}
	for _, m := range messages {
		doc, _ := m.(document)
		if text(doc, "data") == "" && len(within(doc, "attributes")) == 0 {
			return nil, invalid("A message must have data or attributes.")
		}
		id := strconv.Itoa(c.number())
		ids = append(ids, id)
		c.deliver(changed(doc, document{"messageId": id, "publishTime": now()}))
	}
	return document{"messageIds": ids}, nil
}

// deliver puts a message into every subscription of the topic.
func (c *call) deliver(doc document) {
	for _, s := range c.docs.matching([]string{"projects", "*", "subscriptions", "*"}) {
		if s["topic"] != c.name {
			continue
		}
		name := text(s, "name")
		if c.queues[name] == nil {
			c.queues[name] = &queue{}
		}
		q := c.queues[name]
		q.messages = append(q.messages, &message{doc: doc})
		q.messages = q.messages[max(len(q.messages)-maxQueued, 0):]
	}
}

// pull answers at once, also where there is nothing.
func pull(c *call) (any, error) {
	doc, err := c.found()
	if err != nil {
		return nil, err
	}
	most, _ := c.body["maxMessages"].(float64)
	if most <= 0 {
		return nil, invalid("Invalid maxMessages %v: want a positive number.", c.body["maxMessages"])
	}
	deadline, _ := doc["ackDeadlineSeconds"].(float64)
	received := []any{}
	for _, m := range c.queue().messages {
		if len(received) == int(most) {
			break
		}
		if time.Now().Before(m.leased) {
			continue
		}
		m.lease(deadline)
		m.attempts++
		m.ackID = fmt.Sprintf("%s:%d:%d", last(c.name), c.number(), m.attempts)
		one := document{"ackId": m.ackID, "message": m.doc}
		if within(doc, "deadLetterPolicy")["deadLetterTopic"] != nil {
			one["deliveryAttempt"] = m.attempts
		}
		received = append(received, one)
	}
	if len(received) == 0 {
		return document{}, nil
	}
	return document{"receivedMessages": received}, nil
}

func (m *message) lease(seconds float64) {
	m.leased = time.Now().Add(time.Duration(seconds * float64(time.Second)))
}

// queue returns that of the subscription.
func (c *call) queue() *queue {
	if q := c.queues[c.name]; q != nil {
		return q
	}
	return &queue{}
}

// acknowledge takes messages away whose lease has not ended; others are left,
// without a word.
func acknowledge(c *call) (any, error) {
	if _, err := c.found(); err != nil {
		return nil, err
	}
	q := c.queue()
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		return contains(c.body["ackIds"], m.ackID) && time.Now().Before(m.leased)
	})
	return document{}, nil
}

func modifyAckDeadline(c *call) (any, error) {
	if _, err := c.found(); err != nil {
		return nil, err
	}
	seconds, _ := c.body["ackDeadlineSeconds"].(float64)
	if seconds < 0 || seconds > 600 {
		return nil, invalid("Invalid ackDeadlineSeconds %v: want 0 to 600.", seconds)
	}
	for _, m := range c.queue().messages {
		if contains(c.body["ackIds"], m.ackID) {
			m.lease(seconds)
		}
	}
	return document{}, nil
}

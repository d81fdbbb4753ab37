package admin

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func pubsubKinds() []*kind {
	named := newForm(`3 to 255 of letters, digits and -_.~+%, the first a letter`, `[A-Za-z][A-Za-z0-9._~+%-]{2,254}`)
	return []*kind{
		{
			version: "v1", path: "topics/*", message: "google.pubsub.v1.Topic", serves: everything, form: named, inUpdate: "topic",
			ended: topicEnded,
			verbs: map[string]verb{"publish": {"Publish", publish}},
		},
		{
			version: "v1", path: "subscriptions/*", message: "google.pubsub.v1.Subscription", serves: everything, form: named, inUpdate: "subscription",
			complete: completeSubscription, ended: subscriptionEnded,
			verbs: map[string]verb{
				"pull":              {"Pull", pull},
				"acknowledge":       {"Acknowledge", acknowledge},
				"modifyAckDeadline": {"ModifyAckDeadline", modifyAckDeadline},
			},
		},
	}
}

const deletedTopic = "_deleted-topic_"

// topicEnded lets the subscriptions of a topic outlive it.
func topicEnded(c *call, doc document) (document, error) {
	for _, s := range c.docs.matching([]string{"projects", "*", "subscriptions", "*"}) {
		if s["topic"] == doc["name"] {
			c.docs.put(text(s, "name"), changed(s, document{"topic": deletedTopic}))
		}
	}
	return nil, nil
}

func subscriptionEnded(c *call, _ document) (document, error) {
	delete(c.queues, c.name)
	return nil, nil
}

func completeSubscription(c *call, old, doc document) error {
	topic := c.world.Canonical(text(doc, "topic"))
	otherwise(doc, document{
		"ackDeadlineSeconds": 10.0, "messageRetentionDuration": "604800s", "pushConfig": document{},
		"expirationPolicy": document{"ttl": "2678400s"}, "state": "ACTIVE",
	})
	doc["topic"] = old["topic"]
	if old == nil {
		doc["topic"] = topic
		if err := c.topicExists(topic); err != nil {
			return err
		}
	}
	if n, ok := doc["ackDeadlineSeconds"].(float64); ok && n == 0 {
		doc["ackDeadlineSeconds"] = 10.0
	} else if !ok || n < 10 || n > 600 {
		return invalid("Invalid ack deadline %v: want 10 to 600 seconds.", doc["ackDeadlineSeconds"])
	}
	if err := checkSpan(text(doc, "messageRetentionDuration"), 10*time.Minute, 31*24*time.Hour); err != nil {
		return err
	}
	for _, bound := range []string{"minimumBackoff", "maximumBackoff"} {
		if span := text(within(doc, "retryPolicy"), bound); span != "" {
			if err := checkSpan(span, 0, 10*time.Minute); err != nil {
				return err
			}
		}
	}
	return c.checkDeadLetters(within(doc, "deadLetterPolicy"))
}

func (c *call) topicExists(topic string) error {
	if _, ok := c.docs.get(topic); !ok {
		return status.Errorf(codes.NotFound, "Resource not found (resource=%s).", last(topic))
	}
	return nil
}

func (c *call) checkDeadLetters(policy document) error {
	topic := text(policy, "deadLetterTopic")
	if topic == "" {
		return nil
	}
	attempts, ok := policy["maxDeliveryAttempts"].(float64)
	if ok && attempts != 0 && (attempts < 5 || attempts > 100) {
		return invalid("Invalid maxDeliveryAttempts %v: want 5 to 100.", attempts)
	}
	return c.topicExists(c.world.Canonical(topic))
}

func checkSpan(span string, least, most time.Duration) error {
	d, err := time.ParseDuration(span)
	if err != nil || d < least || d > most {
		return invalid("Invalid duration %q: want %v to %v.", span, least, most)
	}
	return nil
}

package admin_test

import (
	"slices"
	"testing"

	"google.golang.org/api/pubsub/v1"
)

// TestQueue holds that a message comes again until it is acknowledged.
func TestQueue(t *testing.T) {
	l := start(t, seed)
	c := dial(t, l)
	const name = "projects/ops/subscriptions/events"
	l.make(t, newTopic, newSub, "PUT /v1/projects/ops/topics/other",
		`PATCH `+"/v1/"+name+` {"subscription":{"deadLetterPolicy":{"deadLetterTopic":"projects/ops/topics/other"}},"updateMask":"deadLetterPolicy"}`)
	topics, subscriptions := c.pubsub.Projects.Topics, c.pubsub.Projects.Subscriptions
	pull := func(most int64) (got []*pubsub.ReceivedMessage) {
		t.Helper()
		return do(t, subscriptions.Pull(name, &pubsub.PullRequest{MaxMessages: most}).Do).ReceivedMessages
	}

	published := do(t, topics.Publish("projects/ops/topics/events", &pubsub.PublishRequest{
		Messages: []*pubsub.PubsubMessage{{Data: "YQ=="}, {Attributes: map[string]string{"a": "b"}}},
	}).Do)
	do(t, topics.Publish("projects/ops/topics/other", &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{{Data: "Yg=="}}}).Do)

	first, second := pull(1), pull(10)
	if len(first) != 1 || len(second) != 1 || first[0].Message.Data != "YQ==" || second[0].Message.Attributes["a"] != "b" ||
		!slices.Equal(published.MessageIds, []string{first[0].Message.MessageId, second[0].Message.MessageId}) || first[0].DeliveryAttempt != 1 {
		t.Fatalf("got %+v, %+v, published %q", first, second, published.MessageIds)
	}
	if got := pull(10); len(got) != 0 {
		t.Errorf("leased messages came again: %+v", got)
	}
	do(t, subscriptions.Acknowledge(name, &pubsub.AcknowledgeRequest{AckIds: []string{second[0].AckId, "none"}}).Do)
	do(t, subscriptions.ModifyAckDeadline(name, &pubsub.ModifyAckDeadlineRequest{AckIds: []string{first[0].AckId}, ForceSendFields: []string{"AckDeadlineSeconds"}}).Do)
	// The lease has ended: it is too late to acknowledge the first.
	do(t, subscriptions.Acknowledge(name, &pubsub.AcknowledgeRequest{AckIds: []string{first[0].AckId}}).Do)
	again := pull(10)
	if len(again) != 1 || again[0].Message.MessageId != first[0].Message.MessageId || again[0].DeliveryAttempt != 2 {
		t.Errorf("got %+v", again)
	}

	l.make(t, "DELETE /v1/projects/ops/topics/events")
	if got := do(t, subscriptions.Get(name).Do); got.Topic != "_deleted-topic_" {
		t.Errorf("got %+v", got)
	}
}

func TestQueueIsRefused(t *testing.T) {
	l := start(t, seed)
	l.make(t, newTopic, newSub)
	for _, test := range []struct {
		path, body string
		code       int
	}{
		{"topics/events:publish", `{"messages":[]}`, 400},
		{"topics/events:publish", `{"messages":[{}]}`, 400},
		{"topics/none:publish", `{"messages":[{"data":"YQ=="}]}`, 404},
		{"subscriptions/events:pull", `{}`, 400},
		{"subscriptions/none:pull", `{"maxMessages":1}`, 404},
		{"subscriptions/none:acknowledge", `{"ackIds":["a"]}`, 404},
		{"subscriptions/none:modifyAckDeadline", `{"ackIds":["a"]}`, 404},
		{"subscriptions/events:modifyAckDeadline", `{"ackIds":["a"],"ackDeadlineSeconds":601}`, 400},
	} {
		if code, answer := send(t, l, "POST", "/v1/projects/ops/"+test.path, test.body); code != test.code {
			t.Errorf("%s %s: %d %v, want %d", test.path, test.body, code, answer, test.code)
		}
	}
}

package letters

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"google.golang.org/api/pubsub/v1"
)

// FuzzLetter reads what a subscription might hold: what goes back to the topic
// is what came out of it, or it is left where it is.
func FuzzLetter(f *testing.F) {
	for _, text := range []string{
		`{"ackId":"a","message":{"messageId":"1","publishTime":"2026-03-04T05:06:07Z","data":"e30=","attributes":{"a":"b","CloudPubSubDeadLetterSourceDeliveryCount":"50"}}}`,
		`{"message":{"publishTime":"2026-03-04T05:06:07Z","attributes":{"CloudPubSubDeadLetterSourceDeliveryCount":"many"}}}`,
		`{"message":{}}`, `{}`, `{"message":{"data":"!"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		received := &pubsub.ReceivedMessage{}
		if json.Unmarshal(text, received) != nil {
			t.Skip("no answer of Pub/Sub")
		}
		l, err := letterOf(received)
		if err != nil {
			if l.ID != "" || l.Data != nil || l.ack != "" {
				t.Errorf("both a letter and an error: %+v, %v", l, err)
			}
			return
		}
		want, err := base64.StdEncoding.DecodeString(received.Message.Data)
		if err != nil || !bytes.Equal(l.Data, want) || l.ID != received.Message.MessageId || l.ack != received.AckId {
			t.Errorf("got %+v of %s", l, text)
		}
		for name, value := range l.Attributes {
			if received.Message.Attributes[name] != value {
				t.Errorf("attribute %q became %q", name, value)
			}
		}
	})
}

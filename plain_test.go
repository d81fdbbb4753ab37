package pullfix

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// message is a request body, with the data in base64.
func message(format, data string) string {
	return fmt.Sprintf(format, base64.StdEncoding.EncodeToString([]byte(data)))
}

const (
	writtenByPubSub = `{"message":{"data":"%s","messageId":"1","message_id":"1","publishTime":"2026-03-04T05:09:00.123Z","publish_time":"2026-03-04T05:09:00.123Z"},"subscription":"projects/p/subscriptions/s"}`
	withAttributes  = `{ "message": {"attributes": {"a": "b", "c": ""}, "data": "%s", "messageId": "1", "orderingKey": "", "publishTime": "2026-03-04T05:09:00Z"},` + "\n" + `"subscription": "s" }`
)

// odd are envelopes that general readers take or refuse, each for a reason of its
// own.
var odd = []string{
	`{"message":{"data":"e30=","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04 05:09"}}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z","data":"W10="}}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z","DATA":"W10="}}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"},"Message":{"data":"W10="}}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"},"message":{"data":"W10="}}`,
	`{"message":{"data":"e3\u0030=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e3` + "\n" + `0=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e30` + "\n\n\n\n" + `=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e3` + "\r\n\r\n" + `0=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e30","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e3==","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"====","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}} {}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z",}}`,
	`{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}`,
	`{"message":{"data":"e30=","messageId":"\\\"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"e30=","messageId":"é","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":null,"messageId":1,"publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"attributes":{},"messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"attributes":{"googclient_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"data":"e30=","messageId":"1",` +
		`"publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"attributes":{"GoogClient_Traceparent":"googclient_traceparent"},"data":"e30=","messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"attributes":{"a":1},"messageId":"1","publishTime":"2026-03-04T05:09:00Z"}}`,
	`{"message":{"data":"","messageId":"","publishTime":"0001-01-01T00:00:00Z"}}`,
	`{"message":{"data":"","messageId":"1","publishTime":"2026-03-04T05:09:00+02:00"},"deliveryAttempt":5}`,
	`{"message":{}}`, `{"message":null}`, `{}`, `[]`, ``, `{`, `{"message"`, `{"message":{"data":"`,
}

// agree compares what both readers make of a request.
func agree(t *testing.T, f *function, h http.Header, body []byte) (isPlain bool) {
	t.Helper()
	got, ok := plain(h, body, nil)
	if !ok {
		return false
	}
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	r.Header = h
	want := f.open(r, body)
	if want.err != nil {
		t.Errorf("%s\n%q\nis plain, and is refused with: %v", h, body, want.err)
	}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(delivery{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s\n%q\n-generally +plain\n%s", h, body, diff)
	}
	return true
}

func headers(id, typ, source, at string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range map[string]string{"Ce-Id": id, "Ce-Type": typ, "Ce-Source": source, "Ce-Time": at} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if id != "" {
		h.Set("Ce-Specversion", "1.0")
	}
	return h
}

const topic = "//pubsub.googleapis.com/projects/ops/topics/denials"

// TestPlainEnvelopes reads what Pub/Sub and Eventarc send on the short way, and
// leaves to the long one what is written otherwise.
func TestPlainEnvelopes(t *testing.T) {
	f := newStage(t, first(load(t, "success"))).function
	event := headers("1", typePubSub, topic, "2026-03-04T05:09:00.5Z")
	for _, body := range []string{message(writtenByPubSub, `{"a":"b"}`), message(withAttributes, "{}"), message(writtenByPubSub, "")} {
		for _, h := range []http.Header{event, headers("", "", "", "")} {
			if !agree(t, f, h, []byte(body)) {
				t.Errorf("%s\n%s\nis not plain", h, body)
			}
		}
	}
	for _, body := range odd {
		agree(t, f, event, []byte(body))
		agree(t, f, headers("", "", "", ""), []byte(body))
	}
	body := []byte(message(writtenByPubSub, "{}"))
	for what, h := range map[string]http.Header{
		"another type":        headers("1", typeAudit, topic, ""),
		"no type":             headers("1", "", topic, ""),
		"no source":           headers("1", typePubSub, "", ""),
		"a source to escape":  headers("1", typePubSub, "%zz", ""),
		"no time":             headers("1", typePubSub, topic, "yesterday"),
		"structured":          {"Content-Type": {"application/cloudevents+json"}},
		"two ids":             {"Content-Type": {"application/json"}, "Ce-Id": {"1", "2"}},
		"an extension":        {"Content-Type": {"application/json"}, "Ce-Id": {"1"}, "Ce-A_b": {"x"}},
		"no type of content":  {},
		"no version":          {"Content-Type": {"application/json"}, "Ce-Id": {"1"}, "Ce-Type": {typePubSub}, "Ce-Source": {topic}},
		"an id to be trimmed": headers(" 1 ", typePubSub, topic, ""),
	} {
		if agree(t, f, h, body) {
			t.Errorf("%s: is plain", what)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// FuzzPlain wants what both readers can read to be read alike.
func FuzzPlain(f *testing.F) {
	for _, body := range append(odd, message(writtenByPubSub, "{}"), message(withAttributes, "[]")) {
		f.Add("1", typePubSub, topic, "2026-03-04T05:09:00Z", []byte(body))
		f.Add("", "", "", "", []byte(body))
	}
	function := newFunction(newStage(f, first(load(f, "success"))).function.Settings, io.Discard)
	f.Fuzz(func(t *testing.T, id, typ, source, at string, body []byte) {
		for _, value := range []string{id, typ, source, at} {
			if strings.ContainsAny(value, "\r\n\x00") || strings.TrimSpace(value) != value {
				t.Skip("no server takes such a header")
			}
		}
		agree(t, function, headers(id, typ, source, at), body)
	})
}

package pullfix

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/parse"
)

// delivery is one log entry as it came, whatever it came in.
type delivery struct {
	id        string // of the message, the same in every delivery of it
	published time.Time
	entry     []byte // LogEntry in JSON
	err       error  // why there is no entry
	origin    telemetry.Origin
}

// mostFindings is more than an entry of Google's has; one with more is forged
// or broken, and must not become a flood of messages.
const mostFindings = 20

func (d delivery) read() (parse.Event, error) {
	if d.err != nil {
		return parse.Event{}, d.err
	}
	event, err := parse.Entry(d.entry)
	if err == nil && len(event.Findings) > mostFindings {
		err = fmt.Errorf("entry: more than %d findings, which no entry of Google's has", mostFindings)
	}
	return event, err
}

// boring reports whether the entry arrived whole and says nothing of a denial,
// by its bytes alone.
func (d delivery) boring() bool {
	entry := bytes.TrimSpace(d.entry)
	whole := len(entry) > 1 && entry[0] == '{' && entry[len(entry)-1] == '}'
	return d.err == nil && whole && !parse.Interesting(entry)
}

const (
	// largestBody is more than Eventarc delivers, 512 KB
	// (https://cloud.google.com/eventarc/docs/limits), and than Cloud Logging
	// exports in one entry, 256 KB before base64.
	largestBody = 1 << 20
	// largestDrain is more than Pub/Sub delivers, 10 MB before base64.
	largestDrain = 32 << 20
	// bodyTime is how long a client may take over a body. Pub/Sub needs part of a
	// second.
	bodyTime = 30 * time.Second
	// timeout ends an event before the function's own does, 120 seconds, so
	// that it ends with an answer.
	timeout = 100 * time.Second
	// answerTime also has the time to write the answer in it.
	answerTime = timeout + 10*time.Second
)

const (
	typePubSub = "google.cloud.pubsub.topic.v1.messagePublished"
	typeAudit  = "google.cloud.audit.log.v1.written"
)

// ServeHTTP answers 204 when the event is done with, and 500 when it must come
// again. It is an HTTP function and not a CloudEvent function because the
// framework's handler for those can leave a request hanging under load, and
// reads bodies of any size. The framework's server waits for ever for a client;
// what can be bounded from here is. In front of the function are Google's own
// servers, who protect it from such clients and let in who may invoke it
// (https://cloud.google.com/run/docs/securing/security).
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	came := time.Now()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, came, "pullfix: want an event by POST", http.StatusMethodNotAllowed)
		return
	}
	err := f.serve(w, r, came)
	f.telemetry.Flush(r.Context())
	if err != nil {
		refuse(w, came, "pullfix: not done, send the event again", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	f.slow.over(w, came.Add(answerTime), func() { _ = http.NewResponseController(w).Flush() })
}

// refuse answers with an error, which the server sends after the handler's end.
func refuse(w http.ResponseWriter, came time.Time, text string, status int) {
	_ = http.NewResponseController(w).SetWriteDeadline(came.Add(answerTime)) // nor can a test's recorder
	http.Error(w, text, status)
}

// serve has the delivery of a request in hand until it is done with. Nearly all
// say nothing of a denial: these need no timer, and no memory that the next one
// does not use again.
func (f *function) serve(w http.ResponseWriter, r *http.Request, came time.Time) error {
	until := came.Add(timeout)
	var d delivery
	s, _ := scratches.Get().(*scratch)
	leave, err := f.room.hold(r.Context(), until, r.ContentLength)
	if err == nil {
		defer leave()
		d, err = f.receive(w, r, s)
	}
	d.origin.Header = r.Header
	if err == nil && d.boring() {
		f.telemetry.Uninteresting(r.Context(), came, d.origin)
		s.leave()
		return nil
	}
	ctx, cancel := context.WithDeadline(r.Context(), until)
	defer cancel()
	return f.traced(ctx, came, d, err)
}

// traced handles a delivery within its trace, if it could be received.
func (f *function) traced(ctx context.Context, came time.Time, d delivery, err error) error {
	ctx, span := f.telemetry.Delivery(ctx, came, d.origin)
	if err == nil {
		err = f.handle(ctx, d)
	}
	if err != nil {
		f.log.retry(ctx, d, err)
	}
	span.Delivered(ctx, err)
	return err
}

// receive reads the body and takes the entry out of its envelope. The error is
// for a body that was cut off on its way; what arrived whole and cannot be read
// is in the delivery.
func (f *function) receive(w http.ResponseWriter, r *http.Request, s *scratch) (d delivery, err error) {
	var whole bool
	f.slow.over(w, time.Now().Add(bodyTime), func() { whole, err = readBody(w, r, &s.body) })
	body := s.body.Bytes()
	switch {
	case err != nil:
		return delivery{}, fmt.Errorf("read the request: %w", err)
	case !whole:
		return f.damaged(r, body, fmt.Errorf("entry: more than %d bytes", largestBody)), nil
	}
	if d, ok := plain(r.Header, body, s.entry); ok {
		s.entry = d.entry
		return d, nil
	}
	err = f.room.decode(r.Context(), len(body), func() { d = f.open(r, body) })
	return d, err
}

// open takes the entry out of its envelope, however that is written.
func (f *function) open(r *http.Request, body []byte) delivery {
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Header.Get("Ce-Id") == "" && !strings.HasPrefix(r.Header.Get("Content-Type"), cloudevents.ApplicationCloudEventsJSON) {
		return f.unwrap(body, delivery{})
	}
	event, err := cehttp.NewEventFromHTTPRequest(r)
	if err == nil {
		err = event.Validate()
	}
	if err != nil {
		return f.damaged(r, body, fmt.Errorf("cloud event: %w", err))
	}
	d := delivery{id: event.ID(), published: event.Time()}
	d.origin.Parent, _ = event.Extensions()["traceparent"].(string)
	d.origin.State, _ = event.Extensions()["tracestate"].(string)
	switch event.Type() {
	case typeAudit:
		d.entry = event.Data()
		return f.complete(d, body)
	case typePubSub:
		return f.unwrap(event.Data(), d)
	default:
		d.err = fmt.Errorf("cloud event: type %q: want %s or %s", event.Type(), typePubSub, typeAudit)
		return f.complete(d, body)
	}
}

// readBody reads as much of a body as an event may have. What is more is read
// and dropped, so that the sender reads the answer.
func readBody(w http.ResponseWriter, r *http.Request, b *bytes.Buffer) (whole bool, err error) {
	b.Grow(int(min(max(r.ContentLength, 0), largestBody)) + bytes.MinRead)
	_, err = b.ReadFrom(http.MaxBytesReader(w, r.Body, largestBody))
	tooLarge := (*http.MaxBytesError)(nil)
	if whole = !errors.As(err, &tooLarge); !whole {
		_, err = io.Copy(io.Discard, io.LimitReader(r.Body, largestDrain))
	}
	return whole, err
}

// pushed is the body of a Pub/Sub push request, and the data of the event
// messagePublished (https://cloud.google.com/pubsub/docs/push).
type pushed struct {
	Message *struct {
		Data        []byte    `json:"data"`
		ID          string    `json:"messageId"`
		PublishTime time.Time `json:"publishTime"`
		Attributes  inMessage `json:"attributes"`
	} `json:"message"`
}

// inMessage is the trace in the attributes of a Pub/Sub message, as Google's client
// libraries put it there
// (https://cloud.google.com/pubsub/docs/open-telemetry-tracing).
type inMessage struct {
	Parent string `json:"googclient_traceparent"`
	State  string `json:"googclient_tracestate"`
}

var traceAttribute = []byte("googclient_traceparent")

// UnmarshalJSON takes no offence: nothing is lost with a trace. Most messages have
// none, and cost nothing.
func (t *inMessage) UnmarshalJSON(attributes []byte) error {
	type plain inMessage
	if !bytes.Contains(attributes, traceAttribute) {
		return nil
	}
	if err := json.Unmarshal(attributes, (*plain)(t)); err != nil {
		*t = inMessage{}
	}
	return nil
}

func (f *function) unwrap(data []byte, d delivery) delivery {
	var p pushed
	err := json.Unmarshal(data, &p)
	if err == nil && p.Message == nil {
		err = errors.New(`key "message" is missing`)
	}
	if err != nil {
		d.err = fmt.Errorf("pub/sub message: %w", err)
		return f.complete(d, data)
	}
	d.id = cmp.Or(p.Message.ID, d.id)
	if !p.Message.PublishTime.IsZero() {
		d.published = p.Message.PublishTime
	}
	d.entry = p.Message.Data
	if d.origin.Parent == "" {
		d.origin.Parent, d.origin.State = p.Message.Attributes.Parent, p.Message.Attributes.State
	}
	return f.complete(d, data)
}

func (f *function) damaged(r *http.Request, body []byte, err error) delivery {
	return f.complete(delivery{id: r.Header.Get("Ce-Id"), err: err}, body)
}

// complete gives a delivery without an id or a time those that can be had.
func (f *function) complete(d delivery, body []byte) delivery {
	if d.id == "" {
		sum := sha256.Sum256(body)
		d.id = "body-" + hex.EncodeToString(sum[:12])
	}
	if d.published.IsZero() {
		d.published = f.now().UTC()
	}
	return d
}

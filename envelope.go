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

	"github.com/pullfix/pullfix/parse"
)

// delivery is one log entry as it came, whatever it came in.
type delivery struct {
	id        string // of the message, the same in every delivery of it
	published time.Time
	entry     []byte // LogEntry in JSON
	err       error  // why there is no entry
}

func (d delivery) read() (parse.Event, error) {
	if d.err != nil {
		return parse.Event{}, d.err
	}
	return parse.Entry(d.entry)
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
	// timeout ends an event before the function's own does, 120 seconds, so
	// that it ends with an answer.
	timeout = 100 * time.Second
)

const (
	typePubSub = "google.cloud.pubsub.topic.v1.messagePublished"
	typeAudit  = "google.cloud.audit.log.v1.written"
)

// ServeHTTP answers 204 when the event is done with, and 500 when it must come
// again. It is an HTTP function and not a CloudEvent function because the
// framework's handler for those can leave a request hanging under load, and
// reads bodies of any size.
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "pullfix: want an event by POST", http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	d, err := f.receive(w, r)
	if err == nil {
		err = f.handle(ctx, d)
	}
	if err != nil {
		f.log.retry(ctx, d, err)
		http.Error(w, "pullfix: not done, send the event again", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// receive reads the body and takes the entry out of its envelope. The error is
// for a body that was cut off on its way; what arrived whole and cannot be read
// is in the delivery.
func (f *function) receive(w http.ResponseWriter, r *http.Request) (delivery, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		_, err = io.Copy(io.Discard, io.LimitReader(r.Body, largestDrain))
		return f.damaged(r, body, fmt.Errorf("entry: more than %d bytes", largestBody)), err
	}
	if err != nil {
		return delivery{}, fmt.Errorf("read the request: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Header.Get("Ce-Id") == "" && !strings.HasPrefix(r.Header.Get("Content-Type"), cloudevents.ApplicationCloudEventsJSON) {
		return f.unwrap(body, delivery{}), nil
	}
	event, err := cehttp.NewEventFromHTTPRequest(r)
	if err == nil {
		err = event.Validate()
	}
	if err != nil {
		return f.damaged(r, body, fmt.Errorf("cloud event: %w", err)), nil
	}
	d := delivery{id: event.ID(), published: event.Time()}
	switch event.Type() {
	case typeAudit:
		d.entry = event.Data()
		return f.complete(d, body), nil
	case typePubSub:
		return f.unwrap(event.Data(), d), nil
	default:
		d.err = fmt.Errorf("cloud event: type %q: want %s or %s", event.Type(), typePubSub, typeAudit)
		return f.complete(d, body), nil
	}
}

// pushed is the body of a Pub/Sub push request, and the data of the event
// messagePublished (https://cloud.google.com/pubsub/docs/push).
type pushed struct {
	Message *struct {
		Data        []byte    `json:"data"`
		ID          string    `json:"messageId"`
		PublishTime time.Time `json:"publishTime"`
	} `json:"message"`
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

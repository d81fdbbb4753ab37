package pullfix

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// plain takes the entry out of an envelope that is written as Pub/Sub and
// Eventarc write it, without a general reader of JSON and of CloudEvents: nearly
// all events say nothing of a denial, and to open their envelopes was half of
// what they cost. What is written in any other way, valid or not, is not plain:
// then the general readers have it. Where both can read an envelope, they read
// the same. The entry is put into the memory given, where that is large enough.
func plain(h http.Header, body, into []byte) (d delivery, ok bool) {
	if d, ok = plainHead(h); !ok {
		return delivery{}, false
	}
	m, ok := plainMessage(body, into)
	if !ok {
		return delivery{}, false
	}
	if m.id != "" {
		d.id = m.id
	}
	if !m.published.IsZero() {
		d.published = m.published
	}
	d.entry = m.entry
	return d, d.id != "" && !d.published.IsZero()
}

// plainHead reads the headers of a Pub/Sub push, or of a CloudEvent of a Pub/Sub
// message in binary mode.
func plainHead(h http.Header) (d delivery, ok bool) {
	if kind := one(h, "Content-Type"); kind != "application/json" && kind != "application/json; charset=utf-8" {
		return d, false
	}
	for name, values := range h {
		if strings.HasPrefix(name, "Ce-") && (len(values) != 1 || !plainAttributes[name]) {
			return d, false
		}
	}
	if d.id = one(h, "Ce-Id"); d.id == "" {
		return d, true // a push, whatever other headers say
	}
	if one(h, "Ce-Specversion") != "1.0" || one(h, "Ce-Type") != typePubSub || !isName(d.id) || !isName(one(h, "Ce-Source")) {
		return d, false
	}
	if at := one(h, "Ce-Time"); at != "" {
		published, err := time.Parse(time.RFC3339Nano, at)
		d.published = published
		return d, err == nil
	}
	return d, true
}

// plainAttributes are the headers of a CloudEvent that are understood here.
var plainAttributes = map[string]bool{
	"Ce-Id": true, "Ce-Source": true, "Ce-Specversion": true, "Ce-Type": true, "Ce-Time": true,
}

// one is the value of a header that is there once.
func one(h http.Header, name string) string {
	if values := h[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// isName reports whether a text is not empty and as simple as an id, or as a
// source such as //pubsub.googleapis.com/projects/P/topics/T.
func isName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if ('a' > c || c > 'z') && ('A' > c || c > 'Z') && ('0' > c || c > '9') && c != '-' && c != '_' && c != '.' && c != '/' {
			return false
		}
	}
	return text != ""
}

// plainPush is what a message is read for.
type plainPush struct {
	id        string
	published time.Time
	entry     []byte
}

// plainMessage reads {"message":{…},"subscription":"…"}.
func plainMessage(body, into []byte) (p plainPush, ok bool) {
	r := plainReader{rest: body, into: into}
	found := false
	for key := range r.members {
		switch string(key) {
		case "message":
			r.failed = r.failed || found
			found = true
			r.message(&p)
		case "subscription":
			r.text()
		default:
			r.failed = true
		}
	}
	return p, found && !r.failed && len(bytes.TrimLeft(r.rest, " \t\r\n")) == 0
}

// plainReader reads JSON whose strings have no escapes and nothing but printable
// ASCII. Once it has failed, it reads nothing.
type plainReader struct {
	rest   []byte
	into   []byte // for the data
	failed bool
}

// message reads a message. One with a key twice is not plain.
func (r *plainReader) message(p *plainPush) {
	var data, id, published bool
	for key := range r.members {
		var again *bool
		switch string(key) {
		case "data":
			p.entry, again = r.data(), &data
		case "messageId":
			p.id, again = string(r.text()), &id
		case "publishTime":
			again = &published
			r.failed = p.published.UnmarshalText(r.text()) != nil || r.failed
		case "message_id", "publish_time", "orderingKey":
			r.text()
			continue
		case "attributes":
			for key := range r.members {
				r.failed = bytes.EqualFold(key, traceAttribute) || r.failed
				r.text()
			}
			continue
		default:
			r.failed = true
			return
		}
		r.failed = r.failed || *again
		*again = true
	}
}

// sign reads a character, and reports whether it is there.
func (r *plainReader) sign(c byte) bool {
	for !r.failed && len(r.rest) > 0 {
		next := r.rest[0]
		if next != c && !isSpace(next) {
			return false
		}
		if r.rest = r.rest[1:]; next == c {
			return true
		}
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (r *plainReader) want(c byte) { r.failed = !r.sign(c) || r.failed }

// members reads an object. Who is given a key reads its value.
func (r *plainReader) members(yield func(key []byte) bool) {
	if r.want('{'); r.sign('}') {
		return
	}
	for {
		key := r.text()
		if r.want(':'); r.failed || !yield(key) || !r.sign(',') {
			break
		}
	}
	r.want('}')
}

// quoted reads what stands up to the next quotation mark. It is good as long as
// the body is.
func (r *plainReader) quoted() []byte {
	if r.want('"'); r.failed {
		return nil
	}
	text, rest, found := bytes.Cut(r.rest, []byte{'"'})
	r.rest, r.failed = rest, !found
	return text
}

// text reads a string.
func (r *plainReader) text() []byte {
	text := r.quoted()
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\\' {
			r.failed = true
			return nil
		}
	}
	return text
}

// data reads a string of base64, which is long: what it may hold, the decoder
// knows. Only the line breaks that it passes over are in no string of JSON.
func (r *plainReader) data() []byte {
	text := r.quoted()
	entry, err := base64.StdEncoding.AppendDecode(r.into[:0], text)
	padding := len(text) - len(bytes.TrimRight(text, "="))
	r.failed = r.failed || err != nil || len(text)%4 != 0 || len(entry) != base64.StdEncoding.DecodedLen(len(text))-padding
	return entry
}

// Package event makes the deliveries that are measured. A kind of log entry and
// a time come in; a maker of requests goes out, each a Pub/Sub message in a
// CloudEvent as Eventarc sends it, and each another event. With them go the rules
// and the seed of the local Google Cloud that decide what becomes of each.
package event

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/pullfix/pullfix/bench/load"
)

// Kind is what becomes of an event.
type Kind string

// The kinds. What the last three need, [Seed] has.
const (
	Success Kind = "success" // says nothing of a denial: done with by its bytes alone
	Read    Kind = "read"    // has to be read whole, and holds no denial
	Ignored Kind = "ignored" // a denial that a rule ignores: decided and recorded
	Alert   Kind = "alert"   // a denial that pullfix never mends: recorded, and somebody told
	Observe Kind = "observe" // a denial that is checked, and would be mended but for the mode
	Grant   Kind = "grant"   // a denial that is checked and mended
)

// The fixture holds so many projects that deploy and repositories of each kind.
// Each pair of them is one grant that can be made once.
const (
	Projects     = 1000
	Repositories = 100
)

// Spread is how events are dealt to repositories.
type Spread uint8

// Events that follow one another are of different repositories, or all of one.
const (
	Wide Spread = iota
	Storm
)

const timeFormat = "2006-01-02T15:04:05.000000000Z"

// Entry returns what appends log entry number n of a kind to a buffer, in one
// line of JSON without its end. Entries are dated now.
func Entry(kind Kind, spread Spread, now time.Time) func(buffer []byte, n int) []byte {
	entry := strings.NewReplacer("{time}", now.UTC().Format(timeFormat), "{pad}", padding).Replace(compact(entries[kind]))
	gaps := split(entry)
	return func(buffer []byte, n int) []byte { return gaps.render(buffer, deal(n, spread)) }
}

// Maker returns the requests that deliver the entries of a kind.
func Maker(kind Kind, spread Spread, now time.Time) load.Maker {
	entry := Entry(kind, spread, now)
	at, sized := now.UTC().Format(timeFormat), len(entry(nil, 0))
	body := split(fmt.Sprintf(`{"message":{"attributes":{"logging.googleapis.com/timestamp":%[1]q},"data":"{data}","messageId":"{n}","message_id":"{n}",`+
		`"publishTime":%[1]q,"publish_time":%[1]q},"subscription":"projects/ops/subscriptions/eventarc-pullfix-sub"}`, at))
	length := len(body.render(nil, counters{})) + base64.StdEncoding.EncodedLen(sized)
	head := split(fmt.Sprintf("POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Ce-Id: {n}\r\nCe-Source: //pubsub.googleapis.com/projects/ops/topics/pullfix\r\nCe-Specversion: 1.0\r\n"+
		"Ce-Type: google.cloud.pubsub.topic.v1.messagePublished\r\nCe-Time: %s\r\n\r\n", length, at))
	return func(buffer []byte, n int) []byte {
		c := deal(n, spread)
		c.data = entry(make([]byte, 0, sized), n)
		return body.render(head.render(buffer, c), c)
	}
}

// counters are the numbers in an event.
type counters struct {
	n, project, repository int
	data                   []byte
}

func deal(n int, spread Spread) counters {
	if spread == Storm {
		return counters{n: n, project: n % Projects, repository: n / Projects % Repositories}
	}
	return counters{n: n, project: n / Repositories % Projects, repository: n % Repositories}
}

// template is text with gaps. The text before a gap comes first; the last part
// has no gap.
type template []part

type part struct {
	text, gap string
}

// split finds the gaps, which stand in braces.
func split(text string) (t template) {
	for {
		before, rest, found := "", text, false
		for _, gap := range []string{"{n}", "{p}", "{r}", "{data}"} {
			b, r, ok := strings.Cut(text, gap)
			if ok && (!found || len(b) < len(before)) {
				before, rest, found = b, r, true
			}
		}
		if !found {
			return append(t, part{text: text})
		}
		t = append(t, part{before, text[len(before) : len(text)-len(rest)]})
		text = rest
	}
}

// render fills the gaps, each with as many bytes every time.
func (t template) render(to []byte, c counters) []byte {
	for _, p := range t {
		to = append(to, p.text...)
		switch p.gap {
		case "{n}":
			to = digits(to, c.n, 12)
		case "{p}":
			to = digits(to, c.project, 4)
		case "{r}":
			to = digits(to, c.repository, 3)
		case "{data}":
			to = base64.StdEncoding.AppendEncode(to, c.data)
		}
	}
	return to
}

// digits appends a number with leading zeros.
func digits(to []byte, n, width int) []byte {
	end := len(to) + width
	for range width {
		to = append(to, '0')
	}
	for i := end - 1; i >= end-width; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
	return to
}

// compact takes out the line breaks and what indents: Cloud Logging sends entries
// in one line.
func compact(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}

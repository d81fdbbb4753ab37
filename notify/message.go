// Package notify tells people. A [Message] and a channel's [Sender] come in;
// somebody has it when [Deliver] returns without an error.
//
// The channels are packages below this one. They turn a message into what their
// service takes, send it once, and say what a failure means; when to send again
// is decided here.
package notify

import "time"

// Message is what somebody is told about one problem: what happened, why, and
// what they must do, if anything. Texts are plain and may hold what strangers
// wrote; channels escape them.
type Message struct {
	Tone      Tone
	Kind      string // of the failure, such as "run-image"; "" where it is about none
	Title     string // what happened, in one line
	Why       string // the cause, in one sentence
	Decision  string // what pullfix did or would have done, and by which rule
	Next      string // what the reader has to do, in one sentence
	Facts     []Fact // who, what, where and when
	Gcloud    string // the command to run; "" where nothing is to be run
	Terraform string // the same as a Terraform block
	Links     []Link
	Missed    int // how many times the same happened since somebody was last told
	Count     int // how many times it happened in all, this one included; at least 1

	Problem string    // the same for every message about the problem: letters and digits
	Event   string    // the same for every delivery of the event: letters and digits
	At      time.Time // when it happened
}

// Fact is one row of who, what and where.
type Fact struct{ Name, Value string }

// Link leads to where the reader can look further. The URL is absolute, with
// the scheme https, and safe to be put between quotes.
type Link struct{ Label, URL string }

// Tone says at a glance what kind of message it is. The zero Tone says that
// the reader must do something.
type Tone uint8

// The tones.
const (
	ActNow   Tone = iota // a deploy is broken and only a human can mend it
	Refused              // a rule allows the grant, and something else speaks against it
	Mended               // pullfix mended it: deploy again
	Observed             // pullfix would have mended it, but only observes
	Stopped              // pullfix has stopped granting until somebody re-arms it
	Flood                // too much fails at once to be told one by one
)

var toneMarks = [...]string{
	ActNow: "Action needed", Refused: "Not granted", Mended: "Mended", Observed: "Observed", Stopped: "Stopped", Flood: "Many failures",
}

// Tones returns every tone.
func Tones() []Tone { return []Tone{ActNow, Refused, Mended, Observed, Stopped, Flood} }

// String returns the words that begin the title of a message.
func (t Tone) String() string { return toneMarks[t] }

// Urgent reports whether the reader must do something.
func (t Tone) Urgent() bool { return t != Mended && t != Observed }

// Headline is the tone and the title in one line.
func (m Message) Headline() string { return m.Tone.String() + ": " + m.Title }

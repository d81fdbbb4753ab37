// Package notify tells people. A [Message] comes in, and a channel has taken
// it when Send returns without an error.
package notify

// Message is what somebody is told about one failure: what happened, why, and
// what they must do, if anything. Texts are plain; channels escape them.
type Message struct {
	Tone      Tone
	Title     string // what happened, in one line
	Why       string // the cause, in one sentence
	Decision  string // what pullfix did or would have done, and by which rule
	Facts     []Fact // who, what, where
	Gcloud    string // the command to run; "" where nothing is to be run
	Terraform string // the same as a Terraform block
	Missed    int    // how many times the same happened since somebody was last told
}

// Fact is one row of who, what and where.
type Fact struct{ Name, Value string }

// Tone says at a glance whether the reader must do something. The zero Tone
// says yes.
type Tone uint8

// The tones.
const (
	ActNow   Tone = iota // a deploy is broken and only a human can mend it
	Mended               // pullfix mended it: deploy again
	Observed             // pullfix would have mended it, but only observes
)

var toneMarks = [...]string{ActNow: "Action needed", Mended: "Mended", Observed: "Observed"}

// String returns the word that begins the title of a message.
func (t Tone) String() string { return toneMarks[t] }

// Package check proves what must be true of a torture run. A [History] comes in:
// what the events were, and what the local Google Cloud, Slack, Pub/Sub and the
// instances were seen to do. A [Result] for each invariant goes out.
//
// It knows of pullfix only what anybody can see from outside: the fields of the
// record, the text of messages and log lines. It uses none of its code.
package check

import "github.com/pullfix/pullfix/torture/world"

// History is what was seen of a run. Whatever has an At was seen in that order.
type History struct {
	Events []world.Event
	Budget int // grants an hour; a run takes less than one

	Before, After map[string]Policy // by the full name of the resource
	Writes        []Write           // of policies, each with what it changed
	Blind         []Write           // those that were made to no policy that there was
	Records       []Record          // that Cloud Logging took
	Messages      []Message         // that Slack took
	Unsure        []Line            // in which pullfix says that it is not known whether somebody was told
	Unnoted       []string          // events of which pullfix says that the ledger could not note that somebody was told

	Theirs map[Held]bool // what other writers have added last, and false for what they have removed
	Dead   []string      // messages that were delivered as often as they may be, and never done with
	Fallen []string      // how instances ended that nobody had ended
}

// Policy is the members of an allow policy.
type Policy map[Member]bool

// Member is one member of one binding.
type Member struct{ Role, Name, Condition string }

// Held is a member on a resource.
type Held struct {
	Resource string
	Member
}

// Write is a write of a policy that was carried out.
type Write struct {
	At       int64
	Resource string
	Ours     bool     // by pullfix
	For      []string // events that the request names as its reason
	More     bool     // than those
	Added    []Member
	Removed  []Member
}

// Record is a record of pullfix's as Cloud Logging took it.
type Record struct {
	At    int64
	ID    string // insertId
	Stamp string // timestamp; with the same ID and Stamp Cloud Logging shows one line

	Phase     string
	Event     string
	Principal string
	Resource  string
	Role      string
	Verdict   string
	Outcome   string
	Cause     string
}

func (r Record) binding() world.Binding {
	return world.Binding{Resource: r.Resource, Role: r.Role, Member: r.Principal}
}

// Message is a message that Slack took.
type Message struct {
	At      int64
	Channel string
	Tone    string // its first words
	Event   string // "" where it is about none
	On      string // the resource
}

// Line is a line of an instance's log about a channel.
type Line struct{ Channel, Event string }

// The words of the record and of messages, as docs/compliance.md and
// docs/alerts.md have them.
const (
	intent  = "intent"
	alert   = "alert"
	ignore  = "ignore"
	applied = "applied"
	held    = "already-held"
	seen    = "observed"
	refused = "refused"
	failed  = "failed"
	budget  = "budget"
	notice  = "notice"

	recovered = "recovered"

	mended = "Mended"
	flood  = "Many failures"
)

package world

import (
	"fmt"
	"time"
)

// The roles that an event may lead to.
const (
	reader   = "roles/artifactregistry.reader"
	writer   = "roles/artifactregistry.writer"
	accessor = "roles/secretmanager.secretAccessor"
	invoker  = "roles/run.invoker"
)

// End is how a finding has to end. The zero End is that nothing is granted and
// somebody is told.
type End uint8

// The ends.
const (
	Alerted End = iota // recorded as an alert, and nothing granted
	Ignored            // recorded, nothing granted, and nobody told
	Refused            // allowed and begun, and refused for good by Google Cloud
	Granted            // the member holds the role in the end
)

var endNames = [...]string{Alerted: "alerted", Ignored: "ignored", Refused: "refused", Granted: "granted"}

// String returns the end in a word.
func (e End) String() string { return endNames[e] }

// Binding is one member in one role on one resource.
type Binding struct{ Resource, Role, Member string }

// Finding is the truth about one thing that an entry says.
type Finding struct {
	Binding // that is asked for; without a member where nobody may get it
	End     End
	Channel string // that is told of it, where that is known
	Problem string // in the words of the same channel: what repeats it is not told
}

// Event is one log entry, and the truth about it.
type Event struct {
	ID       string    // insertId of the entry; "" where it cannot be read
	Class    string    // what it is, in a few words
	Findings []Finding // none: nothing is recorded
	Copies   int       // how many messages of Pub/Sub carry it

	number int
	age    time.Duration // of the entry when it is published
	build  func(moment) []byte
}

// moment is when something happened, and when Google received what says so.
type moment struct{ at, received time.Time }

// Message is the id of the message that carries a copy of the entry, counted
// from 0.
func (e Event) Message(copied int) string { return fmt.Sprintf("message-%06d-%d", e.number, copied) }

// Names are what the records call the event.
func (e Event) Names() []string {
	if e.ID != "" {
		return []string{e.ID}
	}
	var names []string
	for copied := range e.Copies {
		names = append(names, e.Message(copied))
	}
	return names
}

// Entry returns the entry in JSON, or what is in its place, as received at a
// time.
func (e Event) Entry(received time.Time) []byte {
	return e.build(moment{received.Add(-e.age), received})
}

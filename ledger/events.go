package ledger

import (
	"context"
	"time"
)

const (
	// eventMemory is how long Pub/Sub keeps what is not acknowledged
	// (https://cloud.google.com/pubsub/docs/subscription-properties).
	eventMemory = 7 * 24 * time.Hour
	grantMemory = 24 * time.Hour
)

// event is the document about an event.
type event struct {
	Grant   *spent           `json:"grant,omitempty"` // it was begun
	Ended   string           `json:"ended,omitempty"`
	Claim   *claimed         `json:"claim,omitempty"`
	Counted map[string]place `json:"counted,omitempty"` // where it is counted as untold, by the problem's document
}

func readEvent(d *documents, name string, now time.Time) (event, error) {
	e, _, err := read[event](d, name, now)
	return e, err
}

func writeEvent(d *documents, name string, e event, now time.Time) error {
	return write(d, name, e, now.Add(eventMemory))
}

// Past is what an earlier delivery made of an event.
type Past struct {
	Begun bool   // a grant was taken out of the budget for it, and not given back
	Ended string // what [Ledger.End] was told; empty where it was not

	ahead []Document // what Begin needs, where it was prepared
}

// Recall returns what is known of an event.
func (l *Ledger) Recall(ctx context.Context, event string, now time.Time) (Past, error) {
	name := named(ofEvent, event)
	docs, err := l.look(ctx, name)
	if err != nil {
		return Past{}, err
	}
	return recalled(docs, name, now)
}

func recalled(docs *documents, name string, now time.Time) (Past, error) {
	e, err := readEvent(docs, name, now)
	return Past{Begun: e.Grant != nil, Ended: e.Ended}, err
}

// Prepare is [Ledger.Recall] where [Ledger.Begin] is likely to follow soon: it
// reads ahead what that needs.
func (l *Ledger) Prepare(ctx context.Context, event string, now time.Time) (Past, error) {
	name := named(ofEvent, event)
	loaded, err := l.load(ctx, beginning{event: name}.names()...)
	if err != nil {
		return Past{}, err
	}
	past, err := recalled(newDocuments(loaded), name, now)
	past.ahead = loaded
	return past, err
}

// End remembers how the act about an event ended, in the caller's words: some
// KB of UTF-8.
func (l *Ledger) End(ctx context.Context, event, how string, now time.Time) error {
	name := named(ofEvent, event)
	return l.do(ctx, name, change{names: []string{name}, now: now, apply: func(d *documents) error {
		e, err := readEvent(d, name, now)
		if err != nil || e.Ended == how {
			return err
		}
		e.Ended = how
		return writeEvent(d, name, e, now)
	}}).err
}

// granted is the document about something that was granted.
type granted struct {
	At time.Time `json:"at"`
}

// Remember keeps for a day when a grant was made: what is the binding.
func (l *Ledger) Remember(ctx context.Context, what string, at time.Time) error {
	name, at := named(ofGrant, what), plain(at)
	return l.do(ctx, name, change{names: []string{name}, now: at, apply: func(d *documents) error {
		last, _, err := read[granted](d, name, at)
		if err != nil || !last.At.Before(at) {
			return err
		}
		return write(d, name, granted{at}, at.Add(grantMemory))
	}}).err
}

// Remembered returns when the last grant of a binding was made, the zero time
// where that is not known or was more than a day ago.
func (l *Ledger) Remembered(ctx context.Context, what string, now time.Time) (time.Time, error) {
	name := named(ofGrant, what)
	docs, err := l.look(ctx, name)
	if err != nil {
		return time.Time{}, err
	}
	last, _, err := read[granted](docs, name, now)
	return last.At, err
}

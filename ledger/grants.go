package ledger

import (
	"context"
	"errors"
	"maps"
	"time"
)

const grantMemory = 24 * time.Hour

// Grant says when the last grant of a binding was made, and by which event. The
// zero Grant is that this is not known.
type Grant struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"` // in the caller's words
}

// Remembered returns the last grant of a binding of which [Ledger.End] was told,
// for a day.
func (l *Ledger) Remembered(ctx context.Context, what string, now time.Time) (Grant, error) {
	name := named(ofGrant, what)
	docs, err := l.look(ctx, name)
	if err != nil {
		return Grant{}, err
	}
	b, err := readBinding(docs, name, now)
	return b.Grant, err
}

// Made is what became of the change that an event was to lead to.
type Made uint8

// What may have become of a change.
const (
	Nothing Made = iota // it is certain that the delivery has changed nothing
	Granted             // it was made
	Found               // the delivery, or one before it, wrote and got no answer, and the binding is there
)

// ErrTaken is that what was found is what another event is known to have granted.
var ErrTaken = errors.New("another event has granted the binding")

// binding is the document about a binding.
type binding struct {
	Grant
	// Acts are the events that were begun and not ended, and until when each may
	// change the binding, by their documents.
	Acts map[string]time.Time `json:"acts,omitempty"`
}

// readBinding reads what is known of a binding: nothing where it has no name.
func readBinding(d *documents, name string, now time.Time) (binding, error) {
	if name == "" {
		return binding{}, nil
	}
	b, _, err := read[binding](d, name, now)
	if !now.Before(b.At.Add(grantMemory)) {
		b.Grant = Grant{}
	}
	return b, err
}

// changed changes the document about a binding, where there is one.
func changed(d *documents, name string, now time.Time, how func(*binding)) error {
	if name == "" {
		return nil
	}
	b, err := readBinding(d, name, now)
	if err != nil {
		return err
	}
	how(&b)
	maps.DeleteFunc(b.Acts, func(_ string, until time.Time) bool { return !now.Before(until.Add(clockSkew)) })
	last := now
	if b.At.After(last) {
		last = b.At
	}
	return write(d, name, b, last.Add(grantMemory))
}

// enter notes until when an event may change the binding.
func enter(d *documents, name, event string, until, now time.Time) error {
	return changed(d, name, now, func(b *binding) {
		if b.Acts == nil {
			b.Acts = map[string]time.Time{}
		}
		if until.After(b.Acts[event]) {
			b.Acts[event] = until
		}
	})
}

// leave notes that an event does not change the binding any more.
func leave(d *documents, name, event string, now time.Time) error {
	return changed(d, name, now, func(b *binding) { delete(b.Acts, event) })
}

// others returns until when another event may change the binding, zero where none
// may.
func (b binding) others(event string, since time.Time) (until time.Time) {
	for other, end := range b.Acts {
		if other != event && end.After(since) && end.After(until) {
			until = end
		}
	}
	return until
}

// nearClocks is how far the clocks of instances may be apart that act at once.
const nearClocks = 15 * time.Second

// taken reports whether another event has made the grant since this one has looked
// first.
func (b binding) taken(event string, grant *spent) bool {
	return b.Event != "" && b.Event != event && (grant == nil || b.At.After(grant.Since.Add(-nearClocks)))
}

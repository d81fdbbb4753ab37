package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pullfix/pullfix/internal/retry"
)

// eventMemory is how long Pub/Sub keeps what is not acknowledged
// (https://cloud.google.com/pubsub/docs/subscription-properties).
const eventMemory = 7 * 24 * time.Hour

// event is the document about an event.
type event struct {
	Grant   *spent           `json:"grant,omitempty"` // it was begun
	Ended   string           `json:"ended,omitempty"`
	Claim   *claimed         `json:"claim,omitempty"`
	Untold  bool             `json:"untold,omitempty"`  // a claim of it was released, and nothing came of it since
	Counted map[string]place `json:"counted,omitempty"` // where it is counted as untold, by the problem's document
}

func readEvent(d *documents, name string, now time.Time) (event, error) {
	e, _, err := read[event](d, name, now)
	return e, err
}

func writeEvent(d *documents, name string, e event, now time.Time) error {
	return write(d, name, e, now.Add(eventMemory))
}

// Delivery is one delivery of an event, to one instance.
type Delivery struct {
	ID      string    // no other delivery has it
	Binding string    // what it may grant; empty where it may grant nothing
	Since   time.Time // what it knows of policies it has read after that
	Until   time.Time // what it writes has taken effect by then, or never will
}

// binding is the document about what the delivery may grant, or "".
func (d Delivery) binding() string {
	if d.Binding == "" {
		return ""
	}
	return named(ofGrant, d.Binding)
}

// names are the documents that say what became of an event and what it is to
// lead to.
func (d Delivery) names(event string) []string {
	names := append([]string{event}, budgetNames...)
	if d.Binding != "" {
		names = append(names, d.binding())
	}
	return names
}

func (d Delivery) plain() Delivery { return Delivery{d.ID, d.Binding, plain(d.Since), plain(d.Until)} }

// Past is what other deliveries made of an event.
type Past struct {
	Begun  bool   // a grant was taken out of the budget for it, and not given back
	Ended  string // what [Ledger.End] was told; empty where it was not
	Untold bool   // a claim of it was due and released, and since then it was neither told nor counted as missed
	Unsure bool   // a claim of it was due, and it is not known what came of it

	grant *spent
	ahead []Document // what Begin needs, where it was prepared
}

// Joined reports whether a delivery other than this one has begun the event, and
// may have changed the policy since this one looks.
func (p Past) Joined(by Delivery) bool { return !p.grant.others(by).IsZero() }

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
	return Past{Begun: e.Grant != nil, Ended: e.Ended, Untold: e.Untold, Unsure: e.Claim != nil && !e.Claim.Told, grant: e.Grant}, err
}

// Prepare is [Ledger.Recall] where [Ledger.Begin] is likely to follow soon: it
// reads ahead what that needs.
func (l *Ledger) Prepare(ctx context.Context, event string, by Delivery, now time.Time) (Past, error) {
	name := named(ofEvent, event)
	loaded, err := l.load(ctx, by.names(name)...)
	if err != nil {
		return Past{}, err
	}
	past, err := recalled(newDocuments(loaded), name, now)
	past.ahead = loaded
	return past, err
}

// End remembers how an event ended, in the caller's words: some KB of UTF-8. It
// returns the words that stand: an event ends once, so the first ones, but an end
// with a grant stands against one without.
//
// A grant is remembered by its binding for a day, and counts for an hour from now
// on. One that was begun more than 10 minutes ago, or that was given back
// meanwhile, does so even where that is one too many. An end without a grant gives
// it back to the budget.
//
// While another delivery of the event may still change something, there is no end
// without a grant, and while another event may still make it, none with one that
// was found: the error is a [retry.Transient]. Where another event has made what
// was found, it is [ErrTaken].
func (l *Ledger) End(ctx context.Context, event string, by Delivery, how string, made Made, now time.Time) (string, error) {
	e := ending{event: named(ofEvent, event), by: by.plain(), about: event, how: how, made: made, shard: l.shard, now: plain(now)}
	var last ended
	o := l.do(ctx, ofBudget, change{names: e.by.names(e.event), now: now, apply: func(d *documents) (err error) {
		last, err = e.apply(d)
		return err
	}})
	switch {
	case o.err != nil:
		return "", o.err
	case !last.busy.IsZero():
		return "", &retry.Transient{Err: fmt.Errorf("another delivery has begun to act, and may go on until %s", last.busy.Format(time.RFC3339))}
	case last.taken:
		return "", ErrTaken
	}
	return last.stands, nil
}

// ending is how an event is to end.
type ending struct {
	event string // its document
	by    Delivery
	about string // the event
	how   string
	made  Made
	shard int
	now   time.Time
}

// ended is what came of it.
type ended struct {
	stands string    // the words that stand
	busy   time.Time // until then another delivery may act: it has not ended
	taken  bool      // by another event: it has not ended
}

func (g ending) apply(d *documents) (ended, error) {
	e, err := readEvent(d, g.event, g.now)
	switch {
	case err != nil:
		return ended{}, err
	case e.Grant != nil && e.Grant.Made, g.made == Nothing && e.Ended != "":
		return ended{stands: e.Ended}, nil
	case g.made == Nothing:
		return g.without(d, e)
	}
	if g.made == Found {
		b, err := readBinding(d, g.by.binding(), g.now)
		last := ended{busy: b.others(g.event, g.by.Since), taken: b.taken(g.about, e.Grant)}
		if err != nil || !last.busy.IsZero() || last.taken {
			return last, err
		}
	}
	return g.with(d, e)
}

// without ends the event without a grant, unless another delivery may make it.
func (g ending) without(d *documents, e event) (ended, error) {
	if busy := e.Grant.others(g.by); !busy.IsZero() {
		if _, begun := e.Grant.Acts[g.by.ID]; !begun {
			return ended{busy: busy}, nil
		}
		delete(e.Grant.Acts, g.by.ID) // it has done what it could
		return ended{busy: busy}, writeEvent(d, g.event, e, g.now)
	}
	if e.Grant != nil {
		if err := e.giveBack(d, g.now); err != nil {
			return ended{}, err
		}
	}
	if err := leave(d, g.by.binding(), g.event, g.now); err != nil {
		return ended{}, err
	}
	return g.as(d, e)
}

// with notes that the grant was made. An event that has none in the budget, as
// another delivery has given it back, takes one whether there is room or not.
func (g ending) with(d *documents, e event) (ended, error) {
	err := changed(d, g.by.binding(), g.now, func(b *binding) {
		delete(b.Acts, g.event)
		if !b.At.After(g.now) {
			b.Grant = Grant{At: g.now, Event: g.about}
		}
	})
	if err != nil {
		return ended{}, err
	}
	c, err := readBudget(d, g.now)
	if err != nil {
		return ended{}, err
	}
	grant := spent{Epoch: c.epoch, Shard: g.shard}
	if e.Grant != nil {
		grant = *e.Grant
	}
	if err := c.make(d, &grant); err != nil {
		return ended{}, err
	}
	grant.Made, grant.Acts = true, nil
	e.Grant = &grant
	return g.as(d, e)
}

func (g ending) as(d *documents, e event) (ended, error) {
	e.Ended = g.how
	return ended{stands: g.how}, writeEvent(d, g.event, e, g.now)
}

// giveBack returns the grant of the event to the budget.
func (e *event) giveBack(d *documents, now time.Time) error {
	c, err := readBudget(d, now)
	if err != nil {
		return err
	}
	grant := e.Grant
	e.Grant = nil
	return c.giveBack(d, grant)
}

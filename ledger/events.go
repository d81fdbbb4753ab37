package ledger

import (
	"context"
	"crypto/rand"
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

// Past is what an earlier delivery made of an event.
type Past struct {
	Begun  bool   // a grant was taken out of the budget for it, and not given back
	Joined bool   // so it was by several calls of [Ledger.Begin], of which it is not known what each came to
	Ended  string // what [Ledger.End] was told; empty where it was not
	Untold bool   // a claim of it was due and released, and since then it was neither told nor counted as missed
	Unsure bool   // a claim of it was due, and it is not known what came of it

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
	return Past{Begun: e.Grant != nil, Joined: e.Grant != nil && e.Grant.Joined, Ended: e.Ended, Untold: e.Untold, Unsure: e.Claim != nil && !e.Claim.Told}, err
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
// KB of UTF-8. made is the binding that was granted by it now, which is kept for
// a day, or empty where it is certain that nothing was: then the grant goes back
// to the budget. An end with a grant stands against one without, of another
// delivery of the event.
//
// A grant counts for an hour from now on. One that was begun more than 10
// minutes ago, or that another delivery of the event has given back meanwhile,
// does so even where that is one too many.
func (l *Ledger) End(ctx context.Context, event, how, made string, now time.Time) error {
	e := ending{event: named(ofEvent, event), about: event, how: how, token: rand.Text(), shard: l.shard, now: plain(now)}
	if made != "" {
		e.binding = named(ofGrant, made)
	}
	var of aim
	return l.do(ctx, ofBudget, change{names: e.names(), now: now, apply: func(d *documents) error {
		return e.apply(d, &of)
	}}).err
}

// ending is how the act about an event ended.
type ending struct {
	event   string // its document
	about   string // the event
	how     string
	binding string // the document of what was granted; empty where nothing was
	token   string
	shard   int
	now     time.Time
}

func (g ending) names() []string {
	names := append([]string{g.event}, budgetNames...)
	if g.binding != "" {
		names = append(names, g.binding)
	}
	return names
}

func (g ending) apply(d *documents, of *aim) error {
	e, err := readEvent(d, g.event, g.now)
	if err != nil {
		return err
	}
	before, hit := e.Grant, of.hits(e.Grant.undoable())
	made := before != nil && before.Made
	switch {
	case made && g.binding == "":
		return nil
	case made: // an earlier save of this call took effect, or another delivery was faster
	case g.binding != "":
		err = g.make(d, &e)
	case hit:
		err = e.giveBack(d, g.now)
	}
	if err != nil || e.Ended == g.how && e.Grant == before {
		return err
	}
	e.Ended = g.how
	return writeEvent(d, g.event, e, g.now)
}

// make notes that the grant was made. An event that has none in the budget, as
// another delivery has given it back, takes one whether there is room or not.
func (g ending) make(d *documents, e *event) error {
	last, _, err := read[Grant](d, g.binding, g.now)
	if err != nil {
		return err
	}
	c, err := readBudget(d, g.now)
	if err != nil {
		return err
	}
	grant := spent{Token: g.token, Epoch: c.epoch, Shard: g.shard}
	if e.Grant != nil {
		grant = *e.Grant
	}
	if err := c.make(d, &grant); err != nil {
		return err
	}
	grant.Made = true
	e.Grant = &grant
	if last.At.After(g.now) {
		return nil
	}
	return write(d, g.binding, Grant{At: g.now, Event: g.about}, g.now.Add(grantMemory))
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
	last, _, err := read[Grant](docs, name, now)
	return last, err
}

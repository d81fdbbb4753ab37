package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// sendTime is how long a claim without news of it keeps the next event of the
// problem from being due: longer than sending takes.
const sendTime = 2 * time.Minute

// Claim says whether it is for the caller to tell somebody about a problem. The
// zero Claim is that it is not. A problem is known for two periods after it was
// last due, unless that was taken back.
type Claim struct {
	Due    bool
	Missed int    // other events of the problem that came untold since the last telling
	Count  int    // events of the problem since it is known, with this one
	Thread string // the last that [Ledger.Told] was given since the problem is known; empty where there is none
	Unsure bool   // an earlier delivery was to tell about this event, and never said whether it did
}

// claimed is who was to tell about an event.
type claimed struct {
	Problem string  `json:"problem"` // its document
	Life    string  `json:"life"`    // of the problem
	Token   string  `json:"token"`   // of the call
	Missed  int     `json:"missed,omitempty"`
	Count   int     `json:"count"`
	Told    bool    `json:"told,omitempty"`
	Before  telling `json:"before,omitzero"` // the problem as it was, until the telling is known to have worked
}

// place is where an event is counted as untold. A shard only counts up, so an
// event is part of every count from its own on.
type place struct {
	Life  string `json:"life"`
	Shard int    `json:"shard"`
	N     int    `json:"n"`
}

// problem is the document about a problem. Its events are those that the shards
// count and those that were claimed besides.
type problem struct {
	telling
	Life    string `json:"life"`    // the token of its first claim since it was forgotten
	Base    int    `json:"base"`    // what the shards had counted before that
	Claimed int    `json:"claimed"` // events that were claimed, but for those that a shard counts
	Thread  string `json:"thread,omitempty"`
}

// telling is what a problem was claimed for last.
type telling struct {
	Token string      `json:"token,omitempty"`
	At    time.Time   `json:"at,omitzero"`
	Told  bool        `json:"told,omitempty"`
	Noted [shards]int `json:"noted"` // the counts that it told of, by shard
	Until time.Time   `json:"until"` // when the problem is forgotten
}

// quiet reports whether the next event must wait for its turn.
func (t telling) quiet(now time.Time, every time.Duration) bool {
	age := now.Sub(t.At)
	return !t.At.IsZero() && age < every && (t.Told || age < sendTime)
}

// untold is a document that counts events of a problem.
type untold struct {
	N int `json:"n"`
}

func countName(problem string, k int) string { return fmt.Sprintf("%s-%d", problem, k) }

// Claim asks whether the caller is to tell somebody about a problem now: at
// first, and then at most once in a period over all instances. Nobody is told
// twice about one event. Who is to tell must say how it went, by [Ledger.Told],
// [Ledger.Release] or [Ledger.Withhold]. An error means that the event is to
// come again; a claim that was saved although its caller could not be answered
// is released.
func (l *Ledger) Claim(ctx context.Context, problem, event string, now time.Time, every time.Duration) (Claim, error) {
	c := l.claiming(problem, event, now)
	c.token, c.every = rand.Text(), every
	var claim Claim
	o := l.do(ctx, c.problem, change{names: c.names(), now: now, apply: func(d *documents) (err error) {
		claim, err = c.apply(d)
		return err
	}})
	if o.err == nil {
		return claim, nil
	}
	if o.sent {
		l.withdraw(ctx, c)
	}
	return Claim{}, o.err
}

// withdraw releases a claim whose caller does not know of it. Where that does
// not work either, the next delivery finds the claim, and is unsure.
func (l *Ledger) withdraw(ctx context.Context, c claiming) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.calls.Timeout)
	defer cancel()
	of := aim{taken: true, token: c.token}
	l.do(ctx, c.problem, change{names: []string{c.event, c.problem}, now: c.now, apply: func(d *documents) error {
		return c.release(d, &of)
	}})
}

// Told says that somebody was told, as claimed. thread is what later claims of
// the problem are to be given, up to some hundred bytes of UTF-8; an empty one
// leaves what there is.
func (l *Ledger) Told(ctx context.Context, problem, event, thread string, now time.Time) error {
	c := l.claiming(problem, event, now)
	return l.settle(ctx, c, func(d *documents, of *aim) error { return c.told(d, of, thread) })
}

// Release says that nobody was told, although claimed: the event is due again,
// and the problem is as it was.
func (l *Ledger) Release(ctx context.Context, problem, event string, now time.Time) error {
	c := l.claiming(problem, event, now)
	return l.settle(ctx, c, c.release)
}

// Withhold says that nobody was told, although claimed, and that the event is
// done with: the problem is as it was, so that its next event is due, and this
// one is among those that it missed.
func (l *Ledger) Withhold(ctx context.Context, problem, event string, now time.Time) error {
	c := l.claiming(problem, event, now)
	return l.settle(ctx, c, c.withhold, countName(c.problem, c.shard))
}

// settle changes the claim of an event and its problem, and what else is named.
func (l *Ledger) settle(ctx context.Context, c claiming, how func(*documents, *aim) error, names ...string) error {
	var of aim
	return l.do(ctx, c.problem, change{names: append(names, c.event, c.problem), now: c.now, apply: func(d *documents) error {
		return how(d, &of)
	}}).err
}

func (l *Ledger) claiming(problem, event string, now time.Time) claiming {
	return claiming{problem: named(ofProblem, problem), event: named(ofEvent, event), shard: l.shard, now: plain(now)}
}

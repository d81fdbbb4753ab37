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
// zero Claim is that it is not.
type Claim struct {
	Due    bool
	Missed int  // other events of the problem that came untold since the last telling
	Unsure bool // an earlier delivery was to tell about this event, and never said whether it did
}

// claimed is who was to tell about an event.
type claimed struct {
	Problem string  `json:"problem"` // its document
	Token   string  `json:"token"`   // of the call
	Missed  int     `json:"missed,omitempty"`
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

// problem is the document about a problem.
type problem struct {
	telling
	Life string `json:"life"` // the token of its first claim since it was forgotten
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
// twice about one event. Who is to tell must say how it went, by [Ledger.Told]
// or [Ledger.Release]. An error means that the event is to come again; a claim
// that was saved although its caller could not be answered is released.
func (l *Ledger) Claim(ctx context.Context, problem, event string, now time.Time, every time.Duration) (Claim, error) {
	c := claiming{
		problem: named(ofProblem, problem), event: named(ofEvent, event), token: rand.Text(), shard: l.shard, now: plain(now), every: every,
	}
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

// Told says that somebody was told, as claimed.
func (l *Ledger) Told(ctx context.Context, problem, event string, now time.Time) error {
	return l.settle(ctx, problem, event, now, claiming.told)
}

// Release says that nobody was told, although claimed: the event is due again,
// and the problem is as it was.
func (l *Ledger) Release(ctx context.Context, problem, event string, now time.Time) error {
	return l.settle(ctx, problem, event, now, claiming.release)
}

func (l *Ledger) settle(
	ctx context.Context, problem, event string, now time.Time, how func(claiming, *documents, *aim) error,
) error {
	c := claiming{problem: named(ofProblem, problem), event: named(ofEvent, event), now: plain(now)}
	var of aim
	return l.do(ctx, c.problem, change{names: []string{c.event, c.problem}, now: now, apply: func(d *documents) error {
		return how(c, d, &of)
	}}).err
}

// claiming is one event's claim to tell of a problem.
type claiming struct {
	problem, event string // their documents
	token          string
	shard          int
	now            time.Time
	every          time.Duration
}

func (c claiming) names() []string {
	names := []string{c.event, c.problem}
	for k := range shards {
		names = append(names, countName(c.problem, k))
	}
	return names
}

func (c claiming) apply(d *documents) (Claim, error) {
	e, err := readEvent(d, c.event, c.now)
	if err != nil {
		return Claim{}, err
	}
	p, known, err := read[problem](d, c.problem, c.now)
	switch {
	case err != nil:
		return Claim{}, err
	case e.Claim != nil && e.Claim.Token == c.token: // an earlier save of this call took effect
		return Claim{Due: true, Missed: e.Claim.Missed}, nil
	case e.Claim != nil:
		return Claim{Unsure: !e.Claim.Told}, nil
	case p.quiet(c.now, c.every):
		return Claim{}, c.count(d, e, p)
	default:
		return c.claim(d, e, p, known)
	}
}

// count counts the event as untold, once. It writes the event and the shard of
// the instance, and nothing that other instances write.
func (c claiming) count(d *documents, e event, p problem) error {
	if e.Counted[c.problem].Life == p.Life {
		if !e.Untold {
			return nil
		}
		e.Untold = false
		return writeEvent(d, c.event, e, c.now)
	}
	n, err := c.counted(d, p.telling, c.shard)
	if err != nil {
		return err
	}
	if e.Counted == nil {
		e.Counted = map[string]place{}
	}
	e.Untold = false
	e.Counted[c.problem] = place{Life: p.Life, Shard: c.shard, N: n + 1}
	// While the problem is remembered its counts are.
	if err := write(d, countName(c.problem, c.shard), untold{n + 1}, c.now.Add(2*c.every)); err != nil {
		return err
	}
	return writeEvent(d, c.event, e, c.now)
}

// counted returns how far a shard has counted. One that has expired goes on
// from what the problem knows of it.
func (c claiming) counted(d *documents, t telling, k int) (int, error) {
	u, _, err := read[untold](d, countName(c.problem, k), c.now)
	return max(u.N, t.Noted[k]), err
}

// claim makes the event the one that is told of.
func (c claiming) claim(d *documents, e event, p problem, known bool) (Claim, error) {
	missed := 0
	until := c.now.Add(2 * c.every)
	before, next := p.telling, telling{Token: c.token, At: c.now, Until: until}
	for k := range shards {
		n, err := c.counted(d, before, k)
		if err != nil {
			return Claim{}, err
		}
		next.Noted[k] = n
		missed += n - before.Noted[k]
	}
	if !known { // what shards still hold is of a life that is forgotten
		missed, before, p.Life = 0, telling{Noted: next.Noted, Until: until}, c.token
	}
	if own := e.Counted[c.problem]; own.Life == p.Life && own.N > before.Noted[own.Shard] {
		missed--
	}
	e.Claim = &claimed{Problem: c.problem, Token: c.token, Missed: missed, Before: before}
	if err := c.save(d, problem{telling: next, Life: p.Life}); err != nil {
		return Claim{}, err
	}
	return Claim{Due: true, Missed: missed}, writeEvent(d, c.event, e, c.now)
}

func (c claiming) save(d *documents, p problem) error { return write(d, c.problem, p, p.Until) }

// open returns the claim that is to be settled, unless it is settled.
func (c claiming) open(d *documents, of *aim) (event, problem, bool, error) {
	e, err := readEvent(d, c.event, c.now)
	if err != nil {
		return e, problem{}, false, err
	}
	p, _, err := read[problem](d, c.problem, c.now)
	if err != nil {
		return e, p, false, err
	}
	token := ""
	if e.Claim != nil && e.Claim.Problem == c.problem && !e.Claim.Told {
		token = e.Claim.Token
	}
	return e, p, of.hits(token), nil
}

func (c claiming) told(d *documents, of *aim) error {
	e, p, ok, err := c.open(d, of)
	if err != nil || !ok {
		return err
	}
	e.Claim.Told, e.Claim.Before, e.Untold = true, telling{}, false
	if p.Token == e.Claim.Token {
		p.Told = true
		if err := c.save(d, p); err != nil {
			return err
		}
	}
	return writeEvent(d, c.event, e, c.now)
}

func (c claiming) release(d *documents, of *aim) error {
	e, p, ok, err := c.open(d, of)
	if err != nil || !ok {
		return err
	}
	if p.Token == e.Claim.Token {
		if err := c.save(d, problem{telling: e.Claim.Before, Life: p.Life}); err != nil {
			return err
		}
	}
	e.Claim, e.Untold = nil, true
	return writeEvent(d, c.event, e, c.now)
}

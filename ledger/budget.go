package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// The budget is kept in documents of fixed names: the latch, which stops all
// grants once the budget has been used up, and the shards, which hold counts. A
// grant is open from [Ledger.Begin] on. [Ledger.End] says that it was made, and
// then it counts for an hour, or gives it back, as [Ledger.Abandon] does.
// Each shard may hold its part of the budget, so that who grants out of one
// need not know the others. An epoch is the time from one rearming to the next;
// what a shard holds of an earlier one counts for nothing.
const (
	latchName    = ofBudget + "/latch"
	budgetPeriod = time.Hour
	bucketLength = 10 * time.Second
	// openTime is how long a grant that was begun counts as open: for longer than
	// its act can take, because a function for events is ended after 540 s
	// (https://cloud.google.com/functions/quotas). Of one that is open still, the
	// instance has died. It may have written before, so the grant counts as made.
	openTime = 10 * time.Minute
	// clockSkew is how far the clocks of instances may be apart. For so much
	// longer a shard keeps what it need not count any more.
	clockSkew = 10 * time.Minute
)

var budgetNames = func() []string {
	names := []string{latchName}
	for k := range shards {
		names = append(names, shardName(k))
	}
	return names
}()

func shardName(k int) string { return fmt.Sprintf("%s/shard-%d", ofBudget, k) }

// Trip says that grants were stopped, and when: the budget was used up, or a
// person has paused them.
type Trip struct {
	At     time.Time
	Epoch  int    // how often the budget had been rearmed by then
	Paused string // why a person wanted it; "" where the budget was used up
}

// IsZero reports whether nothing stops grants.
func (t Trip) IsZero() bool { return t.At.IsZero() }

// latch is the document that stops all grants.
type latch struct {
	Epoch   int       `json:"epoch"`
	Tripped time.Time `json:"tripped,omitzero"`
	By      string    `json:"by,omitempty"`     // the event's document
	Paused  string    `json:"paused,omitempty"` // why, where it was a person
	Rearmed *rearmed  `json:"rearmed,omitempty"`
}

// rearmed is how the epoch began.
type rearmed struct {
	Token   string    `json:"token"` // of the call
	At      time.Time `json:"at"`
	Tripped time.Time `json:"tripped"`          // in the epoch before
	Paused  string    `json:"paused,omitempty"` // in the epoch before
}

func (l latch) trip() Trip {
	if l.Tripped.IsZero() {
		return Trip{}
	}
	return Trip{At: l.Tripped, Epoch: l.Epoch, Paused: l.Paused}
}

// readLatch ignores the time: the latch does not expire.
func readLatch(d *documents) (latch, error) {
	l, _, err := read[latch](d, latchName, time.Time{})
	return l, err
}

func writeLatch(d *documents, l latch) error { return write(d, latchName, l, time.Time{}) }

// spent is the grant that an event took out of the budget.
type spent struct {
	Epoch  int       `json:"epoch"`
	Shard  int       `json:"shard"`
	Bucket time.Time `json:"bucket"`         // in which it is counted as open; zero where it never was
	Made   bool      `json:"made,omitempty"` // never to be given back
	Since  time.Time `json:"since"`          // what the first delivery knew of the policy it had read after that
	// Acts are the deliveries that have begun the event, and until when each may
	// act. One that has said what came of it is not among them.
	Acts map[string]time.Time `json:"acts,omitempty"`
}

// counts reports whether the budget still counts the grant, as open or as made.
func (s *spent) counts(now time.Time) bool {
	return now.Before(s.Bucket.Add(bucketLength + openLife))
}

// others returns until when deliveries other than this one may have acted since
// it looks, zero where none may.
func (s *spent) others(by Delivery) (until time.Time) {
	if s == nil {
		return until
	}
	for id, end := range s.Acts {
		if id != by.ID && end.After(by.Since) && end.After(until) {
			until = end
		}
	}
	return until
}

// Start is what came of a beginning. The zero Start is that there is a grant.
type Start struct {
	Trip  Trip   // that stops all grants
	Ended string // how another delivery has ended the event meanwhile
}

// Begin takes one grant out of the budget and notes that the delivery has begun
// the event, both or neither, and the grant once for all deliveries. No more than
// perHour are open or made within 60 minutes over all instances, to be safe
// counted as up to 10 s more. A trip means that there is no grant, now and until
// [Ledger.Rearm]: all of them were made, or were begun 10 minutes ago and nobody
// said how that ended. Where some are open, and may come back, the error is a
// [retry.Transient]. An event that was begun before the trip keeps its grant, for as
// long as the budget would count it: for 70 minutes after it was begun first.
// past is what [Ledger.Prepare] returned a moment ago, which saves a load, or
// zero.
func (l *Ledger) Begin(ctx context.Context, event string, by Delivery, past Past, now time.Time, perHour int) (Start, error) {
	b := beginning{
		event: named(ofEvent, event), by: by.plain(), now: plain(now), perHour: max(perHour, 0), shard: l.shard,
	}
	var start Start
	o := l.do(ctx, ofBudget, change{names: b.by.names(b.event), now: now, ahead: past.ahead, apply: func(d *documents) (err error) {
		start, err = b.apply(d)
		return err
	}})
	if b.counted && l.left != nil {
		l.left(b.left)
	}
	if o.err == nil {
		return start, nil
	}
	if o.sent { // the delivery does not know that it has begun
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.calls.Timeout)
		defer cancel()
		o.err = errors.Join(o.err, l.Abandon(ctx, event, by, now))
	}
	return Start{}, o.err
}

// Abandon says that it is certain that the delivery has written nothing for an
// event that it has begun, and that the event will come again. Unless another
// delivery may be at work, the event is not begun any more, and its grant goes
// back to the budget.
func (l *Ledger) Abandon(ctx context.Context, event string, by Delivery, now time.Time) error {
	b := beginning{event: named(ofEvent, event), by: by.plain(), now: plain(now)}
	return l.do(ctx, ofBudget, change{names: b.by.names(b.event), now: now, apply: b.undo}).err
}

// Tripped returns the trip that stops all grants now, zero where there is none.
func (l *Ledger) Tripped(ctx context.Context) (Trip, error) {
	docs, err := l.look(ctx, latchName)
	if err != nil {
		return Trip{}, err
	}
	state, err := readLatch(docs)
	return state.trip(), err
}

// Pause stops all grants until [Ledger.Rearm], as a used-up budget does, and
// keeps why. It returns the trip, which is an earlier one where grants were
// stopped already. An event that was begun before keeps its grant.
func (l *Ledger) Pause(ctx context.Context, why string, now time.Time) (Trip, error) {
	now = plain(now)
	var trip Trip
	o := l.do(ctx, ofBudget, change{names: budgetNames, now: now, apply: func(d *documents) (err error) {
		trip, err = pause(d, why, now)
		return err
	}})
	if o.err != nil {
		return Trip{}, o.err
	}
	return trip, nil
}

func pause(d *documents, why string, now time.Time) (Trip, error) {
	state, err := readLatch(d)
	if err != nil || !state.trip().IsZero() {
		return state.trip(), err
	}
	c, err := readCounts(d, state.Epoch, now)
	if err != nil {
		return Trip{}, err
	}
	state.Tripped, state.Paused = now, why
	return state.trip(), c.stop(d, state)
}

// Rearm lifts a trip, so that grants work again at once with a full budget. It
// returns the trip, zero where there was none.
func (l *Ledger) Rearm(ctx context.Context, now time.Time) (Trip, error) {
	token, now := rand.Text(), plain(now)
	var lifted Trip
	o := l.do(ctx, ofBudget, change{names: []string{latchName}, now: now, apply: func(d *documents) (err error) {
		lifted, err = rearm(d, token, now)
		return err
	}})
	if o.err != nil {
		return Trip{}, o.err
	}
	return lifted, nil
}

func rearm(d *documents, token string, now time.Time) (Trip, error) {
	state, err := readLatch(d)
	if err != nil {
		return Trip{}, err
	}
	if r := state.Rearmed; r != nil && r.Token == token { // an earlier save of this call took effect
		return Trip{At: r.Tripped, Epoch: state.Epoch - 1, Paused: r.Paused}, nil
	}
	trip := state.trip()
	if trip.IsZero() {
		return trip, nil
	}
	next := latch{Epoch: state.Epoch + 1, Rearmed: &rearmed{Token: token, At: now, Tripped: trip.At, Paused: trip.Paused}}
	return trip, writeLatch(d, next)
}

// Package ledger keeps what must hold across events and instances: how many
// grants were made in the last hour, which events were begun and how they
// ended, who was told about which problem, and how many messages a channel may
// still get. Names and times come in; what is known, and whose turn it is, goes
// out, as soon as a [Store] has it.
//
// Every change is one load of some documents, a pure function of them, and one
// save that fails where one of them has changed. It then runs again. A save
// whose answer is lost may have taken effect, so each change leaves a mark by
// which it knows its own work, and does it once. Changes of one process to the
// same busy documents are loaded and saved together.
//
// Events are remembered for as long as Pub/Sub may deliver them again.
package ledger

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/internal/combine"
	"github.com/pullfix/pullfix/internal/retry"
)

const (
	// shards is over how many documents the instances spread what they count.
	shards = 8
	// atOnce bounds the changes of one save: a commit holds at most 500 writes
	// (https://cloud.google.com/firestore/quotas), and a change makes two or
	// three, most of them to documents of all.
	atOnce = 100
)

// sharing bounds a change. The timeout is of one load and save; what is tried
// again was a conflict, which the next is unlikely to be. All pauses together
// take five seconds on average.
var sharing = retry.Calls{
	Timeout:  10 * time.Second,
	Attempts: 10,
	Backoff:  gax.Backoff{Initial: 50 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2},
}

// Ledger is one instance's access to what all of one [Store] share. Its errors
// are a [retry.Transient] but where a document cannot be read.
type Ledger struct {
	store Store
	shard int // that this instance counts in if it can
	calls retry.Calls
	left  func(grants int)
	group combine.Group[string, change, outcome]
}

// New returns a ledger over what the store has.
func New(store Store) *Ledger { return NewWatched(store, Watch{}) }

// Watch is told what goes on in a ledger. A nil function is told nothing.
type Watch struct {
	Again func(ctx context.Context, step retry.Step, err error) // as in [retry.Calls]
	Left  func(grants int)                                      // what the budget has left, when [Ledger.Begin] has counted
}

// NewWatched is [New] with somebody who watches.
func NewWatched(store Store, w Watch) *Ledger {
	calls := sharing
	calls.Again = w.Again
	return &Ledger{store: store, shard: rand.IntN(shards), calls: calls, left: w.Left}
}

// change is what a call makes of the documents it names. apply may run several
// times, each time on documents as they are then; the last one counts.
type change struct {
	names []string
	now   time.Time
	apply func(*documents) error
	ahead []Document // as they were a moment ago; nil where that is not known
}

// outcome is how a change went.
type outcome struct {
	err  error
	sent bool // a save with it was tried, and may have taken effect also where err says not
}

// do makes a change, together with those of other callers for the same key. It
// goes on when the caller stops waiting, for the others' sake.
func (l *Ledger) do(ctx context.Context, key string, c change) outcome {
	if err := ctx.Err(); err != nil {
		return outcome{err: retry.Failure(retry.Share, "ledger", err)}
	}
	run := context.WithoutCancel(ctx)
	answer, taken, err := l.group.Do(ctx, key, c, func(changes []change) []outcome { return l.run(run, changes) })
	if err != nil {
		return outcome{err: retry.Failure(retry.Share, "ledger", err), sent: taken}
	}
	return answer
}

func (l *Ledger) run(ctx context.Context, changes []change) []outcome {
	outcomes := make([]outcome, 0, len(changes))
	for some := range slices.Chunk(changes, atOnce) {
		done, err := l.together(ctx, some)
		outcomes = append(outcomes, done...)
		if err != nil { // the rest would wait as long for the same
			return append(outcomes, slices.Repeat([]outcome{{err: err}}, len(changes)-len(outcomes))...)
		}
	}
	return outcomes
}

// together makes changes in one save. The error is of all of them.
func (l *Ledger) together(ctx context.Context, changes []change) ([]outcome, error) {
	t := try{store: l.store, changes: changes}
	ahead := readAhead(changes)
	_, err := retry.Do(ctx, l.calls, retry.Share, "ledger", func(ctx context.Context) (struct{}, error) {
		old := ahead
		if ahead = nil; old != nil {
			if saved, err := t.on(ctx, old); saved || err != nil {
				return struct{}{}, err
			}
		}
		loaded, err := l.store.Load(ctx, namesOf(changes))
		if err == nil {
			_, err = t.on(ctx, loaded)
		}
		return struct{}{}, err
	})
	if err != nil {
		t.outcomes = slices.Repeat([]outcome{{err: err, sent: t.sent}}, len(changes))
	}
	return t.outcomes, err
}

// try is one attempt at changes after the other.
type try struct {
	store    Store
	changes  []change
	outcomes []outcome // of the last attempt
	sent     bool      // a save was tried
}

// on makes the changes on documents as they were loaded. It reports whether
// there was something to save: only then is it certain that they were not old.
func (t *try) on(ctx context.Context, loaded []Document) (saved bool, err error) {
	docs := newDocuments(loaded)
	if t.outcomes, err = applied(docs, t.changes); err != nil {
		return false, err
	}
	toSave := docs.toSave()
	if len(toSave) == 0 {
		return false, nil
	}
	t.sent = true
	return true, t.store.Save(ctx, toSave, latest(t.changes))
}

// applied applies the changes in order. One that cannot be applied leaves the
// documents as they are, and fails alone. The error is a conflict, which is met
// with a fresh load.
func applied(docs *documents, changes []change) ([]outcome, error) {
	outcomes := make([]outcome, len(changes))
	for n, c := range changes {
		writes := len(docs.changed)
		err := c.apply(docs)
		if errors.Is(err, ErrConflict) {
			return nil, err
		}
		if err != nil {
			docs.undo(writes)
		}
		outcomes[n].err = err
	}
	return outcomes, nil
}

// readAhead is what a lone change was given.
func readAhead(changes []change) []Document {
	if len(changes) > 1 {
		return nil
	}
	return changes[0].ahead
}

func namesOf(changes []change) []string {
	names := map[string]bool{}
	for _, c := range changes {
		for _, name := range c.names {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func latest(changes []change) time.Time {
	return slices.MaxFunc(changes, func(a, b change) int { return a.now.Compare(b.now) }).now
}

// look loads documents that are not to be changed.
func (l *Ledger) look(ctx context.Context, names ...string) (*documents, error) {
	loaded, err := l.load(ctx, names...)
	if err != nil {
		return nil, err
	}
	return newDocuments(loaded), nil
}

func (l *Ledger) load(ctx context.Context, names ...string) ([]Document, error) {
	return retry.Do(ctx, l.calls, retry.Share, "ledger", func(ctx context.Context) ([]Document, error) {
		return l.store.Load(ctx, names)
	})
}

// aim keeps a call to what it found when it was first applied. Applied again,
// it may find that its work is done and somebody has begun anew.
type aim struct {
	taken bool
	token string
}

func (a *aim) hits(token string) bool {
	if !a.taken {
		*a = aim{true, token}
	}
	return token != "" && token == a.token
}

// plain returns the time as it comes back from a document.
func plain(t time.Time) time.Time { return t.UTC().Round(0) }

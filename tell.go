package pullfix

import (
	"context"
	"errors"
	"sync"

	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/notify"
)

// tell sends the message, once for each problem in a while, and never twice for
// one event. Without a channel the log line is the alert.
func (f *function) tell(ctx context.Context, i *incident) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	problem := i.problem()
	claim, err := book.Claim(ctx, problem, i.key, f.now(), f.Policy.Limits().RepeatAlertsEvery)
	if err != nil {
		return err
	}
	f.log.decision(ctx, i, claim.Due && f.Slack.IsZero() || claim.Unsure)
	if claim.Unsure {
		f.log.unsure(ctx, i)
	}
	if !claim.Due {
		return nil
	}
	if !f.Slack.IsZero() {
		err := f.send(ctx, i.message(claim.Missed))
		if errors.Is(err, notify.ErrUnsure) {
			f.log.unsure(ctx, i)
			return nil
		}
		if err != nil {
			return errors.Join(err, book.Release(ctx, problem, i.key, f.now()))
		}
	}
	if err := book.Told(ctx, problem, i.key, f.now()); err != nil {
		// Somebody was told, so the event is done with. The ledger takes the
		// problem for untold, and the next event of it is told about sooner.
		f.log.trouble(ctx, i, "the ledger could not note that somebody was told", err)
	}
	return nil
}

// tripMemory is which trips this process has seen to.
type tripMemory struct {
	mu   sync.Mutex
	told ledger.Trip
}

func (m *tripMemory) seen(t ledger.Trip) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told == t
}

func (m *tripMemory) note(t ledger.Trip) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = t
}

// tellTrip records that the budget is used up, and alerts once for all
// instances and events.
func (f *function) tellTrip(ctx context.Context, trip ledger.Trip) error {
	if f.trips.seen(trip) {
		return nil
	}
	if err := f.conclude(ctx, tripped(f.Policy, trip)); err != nil {
		return err
	}
	f.trips.note(trip)
	return nil
}

package pullfix

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/brief"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/rules"
)

// A channel gets no more messages in a while than somebody reads. What is more
// is held back behind one summary.
const (
	mostMessages = 20
	floodWindow  = 10 * time.Minute
)

// telling is one incident on its way to people.
type telling struct {
	*function
	*incident
	book *ledger.Ledger
	of   brief.Case
}

// tell tells every channel that is to know, each once for the same problem in a
// while, and never twice about one event. One that fails keeps no other from
// being told. Without a channel the log line is the alert.
func (f *function) tell(ctx context.Context, i *incident) (err error) {
	ctx, cancel := outlive(ctx)
	defer cancel()
	ctx, step := f.telemetry.Step(ctx, telemetry.Tell)
	defer step.End(ctx, &err)
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	t := telling{function: f, incident: i, book: book, of: i.told()}
	t.of.Home = f.home(ctx)
	names := f.Policy.Told(i.Decision, i.verdict())
	if len(names) == 0 {
		return t.alone(ctx)
	}
	f.decided(ctx, i, false)
	errs := make([]error, len(names))
	var channels sync.WaitGroup
	for n, name := range names {
		channels.Go(func() {
			if err := t.channel(ctx, name); err != nil {
				errs[n] = fmt.Errorf("channel %q: %w", name, err)
			}
		})
	}
	channels.Wait()
	return errors.Join(errs...)
}

// verdict is what the incident ended in, to whom it may concern: a grant that
// leaves something to be done is an alert.
func (i *incident) verdict() rules.Verdict {
	if i.record.Verdict == rules.Grant.String() && !i.told().Tone().Urgent() {
		return rules.Grant
	}
	return rules.Alert
}

// errand is one thing that one channel is to be told, by its names in the
// ledger. No two channels share one.
type errand struct {
	channel        string
	problem, event string
	every          time.Duration
}

func (t telling) errand(channel string) errand {
	return errand{channel, t.of.Problem() + "\x00" + channel, t.about(channel), t.Policy.Limits().RepeatAlertsEvery}
}

// about names the event where a channel is told of it. That something was changed
// after all is told also where an earlier delivery told of an alert.
func (i *incident) about(channel string) string {
	if i.record.Outcome == audit.OutcomeApplied {
		channel += "\x00" + audit.OutcomeApplied
	}
	return i.key + "\x00" + channel
}

// flood is the errand to sum up what is held back from a channel. What the ledger
// knows of the event then is that.
func (e errand) flood() errand {
	return errand{e.channel, "flood\x00" + e.channel, e.event, floodWindow}
}

func (t telling) claim(ctx context.Context, e errand) (ledger.Claim, error) {
	claim, err := t.book.Claim(ctx, e.problem, e.event, t.now(), e.every)
	if claim.Unsure {
		t.unsure.Store(true)
		t.log.unsure(ctx, t.incident, e.channel, nil)
	}
	return claim, err
}

// alone makes the log line the alert.
func (t telling) alone(ctx context.Context) error {
	e := t.errand("")
	claim, err := t.claim(ctx, e)
	if err != nil {
		return err
	}
	t.decided(ctx, t.incident, claim.Due || claim.Unsure)
	if claim.Due {
		t.told(ctx, e, "")
	}
	return nil
}

// told notes that somebody was told. Where that fails, the event is done with
// all the same: the ledger takes the problem for untold, and the next event of
// it is told about sooner.
func (t telling) told(ctx context.Context, e errand, thread string) {
	if err := t.book.Told(ctx, e.problem, e.event, thread, t.now()); err != nil {
		t.log.trouble(ctx, t.incident, "the ledger could not note that somebody was told", err)
	}
}

// channel tells one channel, if it is its turn.
func (t telling) channel(ctx context.Context, name string) error {
	e := t.errand(name)
	claim, err := t.claim(ctx, e)
	if err != nil || !claim.Due {
		return err
	}
	m := t.of.Message(claim.Missed, claim.Count)
	admitted, err := t.admitted(ctx, e, m)
	switch {
	case err != nil:
		return errors.Join(err, t.book.Release(ctx, e.problem, e.event, t.now()))
	case admitted:
		return t.send(ctx, e, m, claim.Thread)
	}
	if err := t.book.Withhold(ctx, e.problem, e.event, t.now()); err != nil {
		return err
	}
	return t.sumUp(ctx, e, m)
}

// admitted reports whether the channel may have the message now. What was
// changed, and that nothing is changed any more, it has in any case.
func (t telling) admitted(ctx context.Context, e errand, m notify.Message) (bool, error) {
	if m.Tone == notify.Mended || m.Tone == notify.Stopped {
		return true, nil
	}
	return t.book.Admit(ctx, e.channel, e.event, t.now(), mostMessages, floodWindow)
}

// sumUp tells the channel how much is held back, once in a while.
func (t telling) sumUp(ctx context.Context, held errand, m notify.Message) error {
	e := held.flood()
	claim, err := t.claim(ctx, e)
	if err != nil || !claim.Due {
		return err
	}
	summary := brief.Flood(e.channel, claim.Missed+1, m, t.of.Home.String(), t.now())
	return t.send(ctx, e, summary, claim.Thread)
}

// send sends a message that is due, and settles its claim. A claim that is left
// open makes the event unsure when it comes again: nobody is told twice.
func (t telling) send(ctx context.Context, e errand, m notify.Message, thread string) error {
	sending, cancel := context.WithTimeout(ctx, t.patience())
	defer cancel()
	first, err := t.deliver(sending, e.channel, m, thread)
	var refused *notify.RefusedError
	switch {
	case err == nil:
		t.told(ctx, e, first)
		return nil
	case errors.Is(err, notify.ErrUnsure):
		t.log.unsure(ctx, t.incident, e.channel, err)
		return nil
	case errors.As(err, &refused):
		if err := t.function.record(ctx, t.undelivered(e.channel, err)); err != nil {
			return errors.Join(err, t.book.Release(ctx, e.problem, e.event, t.now()))
		}
		t.log.undelivered(ctx, t.incident, e.channel, err)
		return t.book.Withhold(ctx, e.problem, e.event, t.now())
	default:
		return errors.Join(err, t.book.Release(ctx, e.problem, e.event, t.now()))
	}
}

// patience is how long a channel may take. What an event has of time is enough for
// an act after all of its other findings were told, so that none is kept from being
// granted by a channel that hangs. It is less than the ledger waits for news of a
// claim, so nobody else tells of the same problem meanwhile.
func (i *incident) patience() time.Duration { return (timeout - actTime) / time.Duration(1+i.siblings) }

// causeUndelivered is the cause in the record of a message that was refused.
const causeUndelivered = "undelivered"

// undelivered is the record of a message that a channel refuses for good.
func (i *incident) undelivered(channel string, err error) audit.Record {
	r := i.record
	r.Phase, r.Outcome, r.Cause = audit.PhaseNotice, "", causeUndelivered // the grant, if any, ended otherwise
	r.Reason, r.Error = fmt.Sprintf("channel %q was not told", channel), err.Error()
	r.EtagBefore, r.EtagAfter = "", ""
	return r
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
// instances and events. A pause is on record already: a person wanted it. The events of an instance take turns: one that went on
// while another was about to tell would take the trip for told.
func (f *function) tellTrip(ctx context.Context, trip ledger.Trip) error {
	if trip.Paused != "" {
		return nil
	}
	i := tripped(f.Policy, trip)
	unlock, err := f.events.lock(ctx, i.key)
	if err != nil {
		return err
	}
	defer unlock()
	if f.trips.seen(trip) {
		return nil
	}
	if err := f.conclude(ctx, i); err != nil {
		return err
	}
	if !i.unsure.Load() { // another instance may have to give up its telling, and leave it to this one
		f.trips.note(trip)
	}
	return nil
}

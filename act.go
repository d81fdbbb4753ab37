package pullfix

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/brief"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// look asks live state whether the grant would help, and grants it where the
// rules and nothing else speak for it. Nobody else in this process looks at the
// same binding meanwhile: what the first one grants, the others find held.
func (f *function) look(ctx context.Context, i *incident) error {
	if i.Obstacle.Cause == remediate.WouldHelp {
		unlock, err := f.bindings.lock(ctx, i.Plan.Binding.String())
		if err != nil {
			return err
		}
		defer unlock()
	}
	past, err := f.consult(ctx, i)
	if err == nil && past.Begun && past.Ended == "" && i.Obstacle.Seen == nil {
		err = f.glance(ctx, i)
	}
	i.contested = i.contested || past.Begun
	switch {
	case err != nil:
		return err
	case past.Ended != "":
		return f.finish(ctx, i, past.Ended)
	case past.Begun && i.Grant.MadeIn(i.Obstacle.Seen):
		return f.recover(ctx, i)
	case past.Begun && i.Obstacle.Seen == nil:
		return errors.New("an act was begun, and the policy cannot be read to see what came of it")
	case i.permitted():
		return f.apply(ctx, i, past)
	case past.Joined(i.by):
		return errors.New("another delivery of the event has begun to act, and nobody knows yet what comes of that")
	case i.stale:
		return f.abandon(ctx, i)
	case i.Decision.Verdict != rules.Grant:
	case i.Obstacle.Cause == remediate.AlreadyHeld:
		i.record.Outcome = audit.OutcomeAlreadyHeld
	case i.Obstacle.Cause != remediate.WouldHelp && !i.lifted():
		i.refuse()
	default:
		i.record.Outcome = audit.OutcomeObserved
	}
	return f.conclude(ctx, i)
}

// late settles an entry that is too old to begin anything, unless an earlier
// delivery has begun an act: that is finished however old the entry is by now.
func (f *function) late(ctx context.Context, i *incident) error {
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	past, err := book.Recall(ctx, i.key, f.now())
	if err != nil {
		return err
	}
	if i.stale = past.Begun || past.Ended != ""; i.stale {
		return nil
	}
	if err := f.lateTold(ctx, i, book); err != nil {
		return err
	}
	i.contested = !i.old(f.now().Add(-timeout), f.Policy.Limits().MaxEventAge) // who came in time may be at work
	i.expire(f.now(), f.Policy.Limits().MaxEventAge)
	return f.conclude(ctx, i)
}

// lateTold says which channels could not be told of the event while it was young
// enough.
func (f *function) lateTold(ctx context.Context, i *incident, book *ledger.Ledger) error {
	for _, c := range f.Policy.Channels() {
		past, err := book.Recall(ctx, i.about(c.Name), f.now())
		if err != nil {
			return err
		}
		switch {
		case past.Untold:
			f.log.untold(ctx, i, c.Name)
		case past.Unsure:
			f.log.unsure(ctx, i, c.Name, nil)
		}
	}
	return nil
}

// abandon ends an act that was begun and is too late by now. Where it is seen to
// have come to nothing, its grant goes back to the budget.
func (f *function) abandon(ctx context.Context, i *incident) error {
	i.contested = i.Obstacle.Seen != nil
	i.expire(f.now(), f.Policy.Limits().MaxEventAge)
	return f.conclude(ctx, i)
}

// consult asks side by side what the ledger knows of the event and what live
// state says. Where something speaks against the grant already, live state is not
// asked, and the ledger only of what another delivery may have seen otherwise.
func (f *function) consult(ctx context.Context, i *incident) (past ledger.Past, err error) {
	switch {
	case i.Obstacle.Cause == remediate.WouldHelp && i.Decision.Verdict != rules.Ignore:
	case i.contested:
		return f.recall(ctx, i)
	default:
		return past, nil
	}
	questions, asking := errgroup.WithContext(ctx)
	questions.Go(func() (err error) {
		past, err = f.recall(asking, i)
		return err
	})
	questions.Go(func() error { return f.check(asking, i) })
	if err := questions.Wait(); err != nil || i.Obstacle.Cause != remediate.AlreadyHeld || past.Begun || past.Ended != "" {
		return past, err
	}
	return f.recall(ctx, i) // another delivery of the event may have granted it between the two answers
}

// recall asks the ledger, and reads ahead what a grant needs.
func (f *function) recall(ctx context.Context, i *incident) (past ledger.Past, err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Recall)
	defer step.End(ctx, &err)
	book, err := f.ledger(ctx)
	if err != nil {
		return past, err
	}
	if i.enforced() {
		return book.Prepare(ctx, i.key, i.by, f.now())
	}
	return book.Recall(ctx, i.key, f.now())
}

// check asks live state. An alert does not wait for what cannot be read now.
func (f *function) check(ctx context.Context, i *incident) (err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Check)
	defer step.End(ctx, &err)
	answer, err := f.checker.Check(ctx, remediate.Question{
		Grant: i.Grant, Image: i.Finding.Image, Project: i.Finding.Project, Named: i.Decision.Named(),
	})
	transient := (*retry.Transient)(nil)
	switch {
	case err == nil && answer.Cause == remediate.AlreadyHeld:
		i.Obstacle = answer
		return f.since(ctx, i)
	case err == nil:
		i.Obstacle = answer
	case (i.Decision.Verdict == rules.Grant || i.stale) && errors.As(err, &transient):
		return err
	default:
		i.Obstacle = remediate.Answer{Cause: brief.Unread, Why: "live state could not be read"}
		i.record.Error = err.Error()
	}
	return nil
}

// glance asks live state only for the policy, to see what an act has come to.
func (f *function) glance(ctx context.Context, i *incident) error {
	found, trouble := i.Obstacle, i.record.Error
	err := f.check(ctx, i)
	found.Seen = i.Obstacle.Seen
	i.Obstacle, i.record.Error = found, trouble
	return err
}

// since tells how long ago pullfix made the grant that does not help yet.
func (f *function) since(ctx context.Context, i *incident) error {
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	made, err := book.Remembered(ctx, i.by.Binding, f.now())
	if err == nil && !made.At.IsZero() {
		i.Obstacle.Why = remediate.Since(i.Grant, f.now().Sub(made.At))
	}
	return err
}

const (
	// actTime is what an act may take until the policy is changed, within the
	// timeout of an event.
	actTime = 45 * time.Second
	// arrivalTime is how long what was sent may take to be carried out when its
	// sender waits no more, and how far the clocks of instances may be apart.
	arrivalTime = 15 * time.Second
)

// apply takes a grant out of the budget, records the intent, adds the member,
// and records the result. Without the record there is no act. An act that has
// begun goes on when the caller hangs up, so that its result is known.
func (f *function) apply(ctx context.Context, i *incident, past ledger.Past) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < actTime {
		return fmt.Errorf("act: %s are left, want %s", time.Until(deadline).Round(time.Second), actTime)
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	acting, stop := context.WithTimeout(ctx, actTime)
	defer stop()
	i.by.Until = f.now().Add(actTime + arrivalTime)
	start, err := f.reserve(acting, i, book, past)
	switch {
	case err != nil:
		return err
	case start.Ended != "":
		return f.finish(ctx, i, start.Ended)
	case !start.Trip.IsZero():
		i.stopped(start.Trip, f.Policy.Limits().GrantsPerHour)
		i.settle()
		if err := errors.Join(f.done(ctx, i), f.tellTrip(ctx, start.Trip)); err != nil {
			return err
		}
		return f.unchanged(ctx, i)
	}
	if err := f.record(acting, i.intend()); err != nil {
		return errors.Join(err, book.Abandon(ctx, i.key, i.by, f.now()))
	}
	change, err := f.grant(acting, i)
	i.applied(change, err)
	if transient := (*retry.Transient)(nil); errors.As(err, &transient) {
		if !change.Unsure {
			err = errors.Join(err, book.Abandon(ctx, i.key, i.by, f.now()))
		}
		f.settled(ctx, i)
		return errors.Join(err, f.record(ctx, i.record))
	}
	if err == nil && !change.Made && !change.Wider {
		if past, err = book.Recall(ctx, i.key, f.now()); err != nil {
			return errors.Join(err, book.Abandon(ctx, i.key, i.by, f.now()))
		}
		if past.Joined(i.by) { // that delivery may have made the change, and be cut off
			return f.recover(ctx, i)
		}
	}
	return f.end(ctx, i, book)
}

// reserve takes a grant out of the budget.
func (f *function) reserve(ctx context.Context, i *incident, book *ledger.Ledger, past ledger.Past) (start ledger.Start, err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Reserve)
	defer step.End(ctx, &err)
	return book.Begin(ctx, i.key, i.by, past, f.now(), f.Policy.Limits().GrantsPerHour)
}

// grant adds the member.
func (f *function) grant(ctx context.Context, i *incident) (change remediate.Change, err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Grant)
	defer step.End(ctx, &err)
	return f.granter.Grant(ctx, i.Grant, i.Obstacle.Seen, i.record.RequestReason())
}

// recover finishes what an earlier delivery of the event began and was cut off
// in. The intent is recorded once more, because that is not certain either.
func (f *function) recover(ctx context.Context, i *incident) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	intent := i.intend()
	intent.EtagBefore = "" // the policy that is there now holds the member
	if err := f.record(ctx, intent); err != nil {
		return err
	}
	i.recovered()
	return f.end(ctx, i, book)
}

// outlive returns a context with the same deadline, which does not end when the
// caller hangs up.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithoutCancel(ctx), func() {}
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// conclude records a decision that changes nothing, tells about it, and only then
// ends the event: until then it may come again, and be decided otherwise.
func (f *function) conclude(ctx context.Context, i *incident) error {
	i.settle()
	if err := f.done(ctx, i); err != nil {
		return err
	}
	return f.unchanged(ctx, i)
}

// unchanged ends an event that has changed nothing, where that is contested. There is
// no such end while another delivery may change something, nor after it has.
func (f *function) unchanged(ctx context.Context, i *incident) error {
	if !i.contested {
		return nil
	}
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	stands, err := f.ends(ctx, i, book)
	if err == nil && stands != "" {
		err = errors.New("another delivery has ended the event otherwise meanwhile: it is finished when it comes again")
	}
	return err
}

// end remembers how an act ended before it is recorded. When the record or the
// message fails, the event comes again and goes on from there: what was done is
// not done twice, and not taken for something that was there before. What another
// event has granted is not taken for this one's.
func (f *function) end(ctx context.Context, i *incident, book *ledger.Ledger) error {
	stands, err := f.ends(ctx, i, book)
	if errors.Is(err, ledger.ErrTaken) {
		i.applied(remediate.Change{}, nil)
		stands, err = f.ends(ctx, i, book)
	}
	switch {
	case err != nil:
		return err
	case stands != "":
		return f.finish(ctx, i, stands)
	}
	return f.done(ctx, i)
}

// ends notes the end of the event. It returns how another delivery has ended it,
// where that stands.
func (f *function) ends(ctx context.Context, i *incident, book *ledger.Ledger) (stands string, err error) {
	ended, err := i.record.Line()
	if err != nil {
		return "", err
	}
	stands, err = book.End(ctx, i.key, i.by, string(ended), i.made, f.now())
	if stands == string(ended) {
		stands = ""
	}
	return stands, err
}

// finish goes on where a delivery of the event has ended it.
func (f *function) finish(ctx context.Context, i *incident, ended string) error {
	if err := i.resume(ended); err != nil {
		return err
	}
	return f.done(ctx, i)
}

// done records how the event ended, and tells about it.
func (f *function) done(ctx context.Context, i *incident) error {
	if err := f.record(ctx, i.record); err != nil {
		return err
	}
	if i.record.Verdict == rules.Ignore.String() {
		f.decided(ctx, i, false)
		return nil
	}
	return f.tell(ctx, i)
}

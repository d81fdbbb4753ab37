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
	switch {
	case err != nil:
		return err
	case past.Ended != "":
		return f.finish(ctx, i, past.Ended)
	case past.Begun && i.Grant.HeldIn(i.Obstacle.Seen):
		return f.recover(ctx, i)
	case i.stale:
		return f.abandon(ctx, i)
	case past.Begun && i.Obstacle.Seen == nil:
		return errors.New("an act was begun, and the policy cannot be read to see what came of it")
	case i.Decision.Verdict != rules.Grant:
	case i.Obstacle.Cause == remediate.AlreadyHeld:
		i.record.Outcome = audit.OutcomeAlreadyHeld
	case i.Obstacle.Cause != remediate.WouldHelp && !i.lifted():
		i.refuse()
	case i.Decision.Mode == rules.Observe:
		i.record.Outcome = audit.OutcomeObserved
	default:
		return f.apply(ctx, i, past)
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
	book, err := f.ledger(ctx)
	if err == nil && i.Obstacle.Seen != nil {
		err = book.Abandon(ctx, i.key, f.now())
	}
	if err != nil {
		return err
	}
	i.expire(f.now(), f.Policy.Limits().MaxEventAge)
	return f.conclude(ctx, i)
}

// consult asks side by side what the ledger knows of the event and what live
// state says, unless something speaks against the grant already.
func (f *function) consult(ctx context.Context, i *incident) (past ledger.Past, err error) {
	if i.Obstacle.Cause != remediate.WouldHelp {
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
	recall := book.Recall
	if i.Decision.Verdict == rules.Grant && i.Decision.Mode == rules.Enforce {
		recall = book.Prepare
	}
	return recall(ctx, i.key, f.now())
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
	case i.Decision.Verdict == rules.Grant && errors.As(err, &transient):
		return err
	default:
		i.Obstacle = remediate.Answer{Cause: brief.Unread, Why: "live state could not be read"}
		i.record.Error = err.Error()
	}
	return nil
}

// since tells how long ago pullfix made the grant that does not help yet.
func (f *function) since(ctx context.Context, i *incident) error {
	made, err := f.made(ctx, i)
	if err == nil && !made.At.IsZero() {
		i.Obstacle.Why = remediate.Since(i.Grant, f.now().Sub(made.At))
	}
	return err
}

// made is the grant of the same binding that pullfix made lately.
func (f *function) made(ctx context.Context, i *incident) (ledger.Grant, error) {
	book, err := f.ledger(ctx)
	if err != nil {
		return ledger.Grant{}, err
	}
	return book.Remembered(ctx, i.Plan.Binding.String(), f.now())
}

// actTime is what an act may take from the intent to the result, within the
// timeout of an event.
const actTime = 45 * time.Second

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
	trip, err := f.reserve(ctx, i, book, past)
	if err != nil {
		return err
	}
	if !trip.IsZero() {
		i.stopped(trip, f.Policy.Limits().GrantsPerHour)
		return errors.Join(f.conclude(ctx, i), f.tellTrip(ctx, trip))
	}
	if err := f.record(ctx, i.intend()); err != nil {
		return errors.Join(err, book.Abandon(ctx, i.key, f.now()))
	}
	change, err := f.grant(ctx, i)
	i.applied(change, err)
	if transient := (*retry.Transient)(nil); errors.As(err, &transient) {
		if !change.Unsure {
			err = errors.Join(err, book.Abandon(ctx, i.key, f.now()))
		}
		f.settled(ctx, i)
		return errors.Join(err, f.record(ctx, i.record))
	}
	if err == nil && !change.Made {
		if past, err = book.Recall(ctx, i.key, f.now()); err != nil {
			return err
		}
		if past.Joined { // another delivery of the event may have made the change, and be cut off
			return f.recover(ctx, i)
		}
	}
	return f.end(ctx, i, book)
}

// reserve takes a grant out of the budget.
func (f *function) reserve(ctx context.Context, i *incident, book *ledger.Ledger, past ledger.Past) (trip ledger.Trip, err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Reserve)
	defer step.End(ctx, &err)
	return book.Begin(ctx, i.key, past, f.now(), f.Policy.Limits().GrantsPerHour)
}

// grant adds the member.
func (f *function) grant(ctx context.Context, i *incident) (change remediate.Change, err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Grant)
	defer step.End(ctx, &err)
	return f.granter.Grant(ctx, i.Grant, i.Obstacle.Seen, i.record.RequestReason())
}

// recover finishes what an earlier delivery of the event began and was cut off
// in. The intent is recorded once more, because that is not certain either. What
// another event is known to have granted meanwhile is not taken for its own.
func (f *function) recover(ctx context.Context, i *incident) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	book, err := f.ledger(ctx)
	if err != nil {
		return err
	}
	made, err := f.made(ctx, i)
	if err != nil {
		return err
	}
	intent := i.intend()
	intent.EtagBefore = "" // the policy that is there now holds the member
	if err := f.record(ctx, intent); err != nil {
		return err
	}
	if made.Event != "" && made.Event != i.key {
		i.applied(remediate.Change{}, nil)
	} else {
		i.recovered()
	}
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

// end remembers how an act ended before it is recorded. When the record or the
// message fails, the event comes again and goes on from there: what was done is
// not done twice, and not taken for something that was there before.
func (f *function) end(ctx context.Context, i *incident, book *ledger.Ledger) error {
	ended, err := i.record.Line()
	if err != nil {
		return err
	}
	made := ""
	if i.record.Outcome == audit.OutcomeApplied {
		made = i.Plan.Binding.String()
	}
	if err := book.End(ctx, i.key, string(ended), made, f.now()); err != nil {
		return err
	}
	return f.finish(ctx, i, string(ended))
}

func (f *function) finish(ctx context.Context, i *incident, ended string) error {
	if err := i.resume(ended); err != nil {
		return err
	}
	if err := f.record(ctx, i.record); err != nil {
		return err
	}
	return f.tell(ctx, i)
}

// conclude records a decision that changes nothing, and tells about it.
func (f *function) conclude(ctx context.Context, i *incident) error {
	i.settle()
	if err := f.record(ctx, i.record); err != nil {
		return err
	}
	if i.record.Verdict == rules.Ignore.String() {
		f.decided(ctx, i, false)
		return nil
	}
	return f.tell(ctx, i)
}

package pullfix

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// look asks live state whether the grant would help, and grants it where the
// rules and nothing else speak for it. Nobody else in this process looks at the
// same policy meanwhile.
func (f *function) look(ctx context.Context, i *incident) error {
	unlock, err := f.resources.lock(ctx, i.record.Resource)
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.check(ctx, i); err != nil {
		return err
	}
	if i.decision.Verdict != rules.Grant {
		return nil
	}
	switch begun, ok := f.ledger.Begun(i.key, f.now()); {
	case i.obstacle.Cause == remediate.AlreadyHeld && ok:
		i.applied(remediate.Change{Added: true, EtagBefore: begun}, nil)
	case i.obstacle.Cause == remediate.AlreadyHeld:
		i.record.Outcome = audit.OutcomeAlreadyHeld
	case i.obstacle.Cause != remediate.WouldHelp && !i.lifted():
		i.refuse()
	case i.decision.Mode == rules.Observe:
		i.record.Outcome = audit.OutcomeObserved
	case !f.ledger.Spend(i.key, f.now(), f.Policy.Limits().GrantsPerHour):
		i.overBudget(f.Policy.Limits().GrantsPerHour)
	default:
		return f.apply(ctx, i)
	}
	return nil
}

// check asks live state, unless something speaks against the grant already.
// An alert does not wait for what cannot be read now.
func (f *function) check(ctx context.Context, i *incident) error {
	if i.obstacle.Cause != remediate.WouldHelp {
		return nil
	}
	answer, err := f.ask(ctx, i)
	transient := (*remediate.Transient)(nil)
	switch {
	case err == nil:
		i.obstacle = answer
	case i.decision.Verdict == rules.Grant && errors.As(err, &transient):
		return err
	default:
		i.obstacle = remediate.Answer{Cause: causeUnread, Why: "live state could not be read"}
		i.record.Error = err.Error()
	}
	return nil
}

func (f *function) ask(ctx context.Context, i *incident) (remediate.Answer, error) {
	checker, err := f.checker(ctx)
	if err != nil {
		return remediate.Answer{}, &remediate.Transient{Err: err}
	}
	return checker.Check(ctx, remediate.Question{Grant: i.grant, Image: i.finding.Image, Project: i.finding.Project})
}

// actTime is what an act may take from the intent to the result, within the
// timeout of an event.
const actTime = 45 * time.Second

// apply records the intent, adds the member, records the result. Without the
// record there is no act. An act that has begun goes on when the caller hangs
// up, so that its result is known.
func (f *function) apply(ctx context.Context, i *incident) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < actTime {
		return fmt.Errorf("act: %s are left, want %s", time.Until(deadline).Round(time.Second), actTime)
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	granter, err := f.granter(ctx)
	if err != nil {
		return err
	}
	i.record.Phase = audit.PhaseIntent
	if err := f.record(ctx, i.record); err != nil {
		return err
	}
	change, err := granter.Grant(ctx, i.grant)
	i.applied(change, err)
	if transient := (*remediate.Transient)(nil); errors.As(err, &transient) {
		if change.Unsure {
			f.ledger.Begin(i.key, change.EtagBefore, f.now())
		}
		return errors.Join(err, f.record(ctx, i.record))
	}
	if !change.Added {
		f.ledger.Refund(i.key)
	}
	return nil
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
func (f *function) end(ctx context.Context, i *incident) error {
	ended, err := i.record.Line()
	if err != nil {
		return err
	}
	f.ledger.End(i.key, string(ended), f.now())
	ctx, cancel := outlive(ctx)
	defer cancel()
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
		f.log.decision(ctx, i, false)
		return nil
	}
	return f.tell(ctx, i)
}

// tell sends the message, once for each problem in a while. Without a channel
// the log line is the alert.
func (f *function) tell(ctx context.Context, i *incident) error {
	now, every := f.now(), f.Policy.Limits().RepeatAlertsEvery
	missed, due := f.ledger.Claim(i.problem(), i.key, now, every)
	f.log.decision(ctx, i, due && f.Slack.IsZero())
	if !due || f.Slack.IsZero() {
		return nil
	}
	err := f.send(ctx, i.message(missed))
	if err != nil {
		f.ledger.Release(i.problem(), i.key, now, every)
	}
	return err
}

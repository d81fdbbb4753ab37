// Package pullfix is the function that mends failed deploys. An audit log
// entry of a failed deploy comes in as an event; at most one member is added to
// one policy, and a record and a message go out.
//
// The life of a finding: parse reads it out of the entry, remediate plans the
// least binding that would help, rules decide by the policy, remediate checks
// against live state that the binding would really help. Then the intent is
// recorded, the member added, the result recorded, and somebody told. An error
// anywhere makes the event come again; every step may be repeated.
//
// The package exports nothing: importing it registers the function "pullfix"
// with the functions framework.
package pullfix

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

const target = "pullfix"

//go:embed rules.yaml
var defaultRules []byte

// init registers. Where the framework is about to serve this very function,
// bad settings end the process now, not at the first event.
func init() {
	deployed := sync.OnceValues(func() (*function, error) {
		s, err := settings.Read(os.LookupEnv, defaultRules)
		if err != nil {
			return nil, err
		}
		return newFunction(s, os.Stdout), nil
	})
	functions.HTTP(target, func(w http.ResponseWriter, r *http.Request) {
		f, err := deployed()
		if err != nil {
			http.Error(w, "pullfix: "+err.Error(), http.StatusInternalServerError)
			return
		}
		f.ServeHTTP(w, r)
	})
	if os.Getenv("FUNCTION_TARGET") == target {
		if _, err := deployed(); err != nil {
			fmt.Fprintf(os.Stderr, "pullfix: %v\n", err)
			os.Exit(2)
		}
	}
}

// function carries events through the stages.
type function struct {
	settings.Settings
	*clients
	ledger ledger.Memory
	log    *logger
	now    func() time.Time
}

// handle takes one delivery through its whole life. A nil error means that the
// event is done with; any other that it must come again.
func (f *function) handle(ctx context.Context, d delivery) error {
	if d.boring() {
		return nil
	}
	event, err := d.read()
	if err != nil {
		return f.conclude(ctx, unreadable(f.Policy, d, err))
	}
	self, err := f.self(ctx)
	if err != nil {
		return err
	}
	if !self.IsZero() && event.Caller == self {
		return nil
	}
	var errs []error
	for _, finding := range event.Findings {
		errs = append(errs, f.remedy(ctx, newIncident(f.Policy, self, d, event, finding)))
	}
	return errors.Join(errs...)
}

// remedy decides about one finding and carries the decision out.
func (f *function) remedy(ctx context.Context, i *incident) error {
	now := f.now()
	if ended := f.ledger.Ended(i.record.ID(), now); ended != "" {
		return f.finish(ctx, i, ended)
	}
	if i.ignored(now, f.Policy.Limits().MaxEventAge) {
		return f.conclude(ctx, i)
	}
	i.doubt(now)
	if err := f.check(ctx, i); err != nil {
		return err
	}
	switch {
	case i.decision.Verdict != rules.Grant:
	case i.obstacle.Cause == remediate.AlreadyHeld:
		i.record.Outcome = audit.OutcomeAlreadyHeld
	case i.obstacle.Cause != remediate.WouldHelp:
		i.refuse()
	case i.decision.Mode == rules.Observe:
		i.record.Outcome = audit.OutcomeObserved
	case !f.ledger.Spend(i.record.ID(), now, f.Policy.Limits().GrantsPerHour):
		i.overBudget(f.Policy.Limits().GrantsPerHour)
	default:
		return f.apply(ctx, i)
	}
	return f.conclude(ctx, i)
}

// check asks live state, unless something speaks against the grant already.
// An alert does not wait for what cannot be read now.
func (f *function) check(ctx context.Context, i *incident) error {
	if i.obstacle.Cause != remediate.WouldHelp {
		return nil
	}
	checker, err := f.checker(ctx)
	if err == nil {
		i.obstacle, err = checker.Check(ctx, remediate.Question{Grant: i.grant, Image: i.finding.Image, Project: i.finding.Project})
	}
	switch transient := (*remediate.Transient)(nil); {
	case err == nil && i.obstacle.Cause == remediate.Unverified && i.decision.Unverified():
		i.obstacle = remediate.Answer{}
	case err == nil:
	case i.decision.Verdict == rules.Grant && errors.As(err, &transient):
		return err
	default:
		i.obstacle = remediate.Answer{Cause: remediate.Unverified, Why: "live state could not be read"}
		i.record.Error = err.Error()
	}
	return nil
}

// apply records the intent, adds the member, records the result. Without the
// record there is no act.
func (f *function) apply(ctx context.Context, i *incident) error {
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
		return errors.Join(err, f.record(ctx, i.record))
	}
	ended, err := i.record.Line()
	if err != nil {
		return err
	}
	f.ledger.End(i.record.ID(), string(ended), f.now())
	return f.finish(ctx, i, string(ended))
}

// finish records how an act ended and tells about it. When either fails, the
// event comes again and goes on from here: what was done is not done twice,
// and not taken for something that was there before.
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
	i.record.Phase = audit.PhaseDecision
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
	missed, due := f.ledger.Claim(i.problem(), i.record.ID(), now, every)
	f.log.decision(ctx, i, due && f.Slack.IsZero())
	if !due || f.Slack.IsZero() {
		return nil
	}
	err := f.send(ctx, i.message(missed))
	if err != nil {
		f.ledger.Release(i.problem(), i.record.ID(), now, every)
	}
	return err
}

// Package pullfix is the function that mends failed deploys. An audit log
// entry of a failed deploy comes in as an event; at most one member is added to
// one policy, and a record and a message go out.
//
// The life of a finding: parse reads it out of the entry, remediate plans the
// least binding that would help, rules decide by the policy, remediate checks
// against live state that the binding would really help. Then a grant is taken
// out of the budget that all instances share, the intent recorded, the member
// added, the result recorded, and somebody told. An error anywhere makes the
// event come again; every step may be repeated, and cut off after any.
//
// The package exports nothing: importing it registers the function "pullfix"
// with the functions framework.
package pullfix

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/rules"
)

const target = "pullfix"

//go:embed rules.yaml
var defaultRules []byte

// init registers. Where the framework is about to serve this very function,
// bad settings end the process now, not at the first event.
func init() {
	deployed := sync.OnceValues(func() (*function, error) {
		return openFunction(context.Background(), os.LookupEnv, os.Stdout)
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
	events   locks // one delivery of an event at a time
	bindings locks // one look and act for a binding at a time
	trips    tripMemory
	room     room
	slow     *watch
	said     memory // decisions that were logged and counted
	log      *logger
	now      func() time.Time
}

// handle takes one delivery through its whole life. A nil error means that the
// event is done with; any other that it must come again.
func (f *function) handle(ctx context.Context, d delivery) error {
	event, unread, err := f.parse(ctx, d)
	switch {
	case err != nil:
		return err
	case unread != nil:
		return f.conclude(ctx, unreadable(f.Policy, d, unread))
	}
	self, err := f.self(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, finding := range event.Findings {
		if !self.IsZero() && (event.Caller == self || finding.Access.Principal == self) {
			continue // what pullfix itself did, or was refused, never leads to another act
		}
		i := newIncident(f.Policy, self, d, event, finding)
		if err := f.remedy(ctx, i); err != nil {
			errs = append(errs, fmt.Errorf("event %q: %w", i.record.Event, err))
		}
	}
	return errors.Join(errs...)
}

// remedy decides about one finding and carries the decision out.
func (f *function) remedy(ctx context.Context, i *incident) (err error) {
	ctx, i.span = f.telemetry.Step(ctx, telemetry.Finding)
	defer i.span.End(ctx, &err)
	unlock, err := f.events.lock(ctx, i.key)
	if err != nil {
		return err
	}
	defer unlock()
	now := f.now()
	i.by = ledger.Delivery{ID: rand.Text(), Since: now}
	if i.old(now, f.Policy.Limits().MaxEventAge) {
		if err := f.late(ctx, i); err != nil || !i.stale {
			return err
		}
	}
	if err := f.identify(ctx, i); err != nil {
		return err
	}
	f.decide(ctx, i, now)
	if i.Plan.Binding != (iam.Binding{}) {
		i.by.Binding = i.Plan.Binding.String()
	}
	i.contest()
	if i.Decision.Verdict == rules.Ignore {
		i.unignore()
		if !i.contested {
			return f.conclude(ctx, i)
		}
	}
	return f.look(ctx, i)
}

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/rules"
)

func newPause() *cobra.Command {
	var why because
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Stop all grants until pullfix rearm",
		Long: `Stop all grants at once, for all instances of the function, and record that. From
then on everything is decided, checked, recorded and told as in mode observe,
until somebody runs pullfix rearm. What an instance had begun is finished. The
budget, which this stops, is in the Firestore of PULLFIX_PROJECT, and the record
goes where PULLFIX_AUDIT says.

Exit status: 0 grants are stopped, whether they were before or not, 2 anything
else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reason, err := why.sentence("pullfix was paused with pullfix pause")
			if err != nil {
				return err
			}
			return withBudget("pause", func(ctx context.Context, budget *ledger.Ledger, book *recordBook) error {
				p := pausing{budget: budget, record: book.write, reason: reason, now: time.Now(), out: cmd.OutOrStdout()}
				return p.run(ctx)
			})
		},
	}
	why.flag(cmd)
	return cmd
}

// pausing stops all grants.
type pausing struct {
	budget *ledger.Ledger
	record func(context.Context, audit.Record) error
	reason string
	now    time.Time
	out    io.Writer
}

// run stops grants before it records that: what must stop does not wait for a
// record. Run again, it records what was not.
func (p pausing) run(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	trip, err := p.budget.Pause(ctx, p.reason, p.now)
	if err != nil {
		return fmt.Errorf("pause: %w", again(err))
	}
	since := trip.At.Format(time.RFC3339)
	switch {
	case trip.Paused == "":
		fmt.Fprintf(p.out, "everything is only observed since %s, because the budget is used up: nothing was changed\n", since)
		return nil
	case !trip.At.Equal(p.now):
		fmt.Fprintf(p.out, "everything is only observed since %s: nothing was changed\n", since)
	default:
		fmt.Fprintln(p.out, "from now on everything is only observed, until pullfix rearm")
	}
	if err := p.record(ctx, decisionOf(trip)); err != nil {
		return fmt.Errorf("pause: grants are stopped, and that could not be recorded: %w", again(err))
	}
	return nil
}

const causePaused = "paused"

// decisionOf is the record of a pause.
func decisionOf(trip ledger.Trip) audit.Record {
	return audit.Record{
		Phase: audit.PhaseDecision, Event: fmt.Sprintf("pause-%d-%s", trip.Epoch, trip.At.UTC().Format(time.RFC3339)), At: trip.At.UTC(),
		Verdict: rules.Alert.String(), Cause: causePaused, Reason: trip.Paused, Version: audit.FormatVersion,
	}
}

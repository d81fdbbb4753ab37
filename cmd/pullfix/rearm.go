package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/rules"
)

func newRearm() *cobra.Command {
	var why because
	cmd := &cobra.Command{
		Use:   "rearm",
		Short: "Let pullfix grant again after its budget was used up, or after pullfix pause",
		Long: `Lift what stops all grants, for all instances of the function at once, and record
that: more than limits.grantsPerHour of the policy were to be made within an hour,
or somebody ran pullfix pause. Find out first why. The budget is in the Firestore of
PULLFIX_PROJECT, and the record goes where PULLFIX_AUDIT says.

Exit status: 0 grants work, whether they were stopped before or not, 2 anything
else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reason, err := why.sentence("the budget was re-armed with pullfix rearm")
			if err != nil {
				return err
			}
			return withBudget("rearm", func(ctx context.Context, budget *ledger.Ledger, book *recordBook) error {
				r := rearming{budget: budget, record: book.write, reason: reason, now: time.Now(), out: cmd.OutOrStdout()}
				return r.run(ctx)
			})
		},
	}
	why.flag(cmd)
	return cmd
}

// withBudget does something to the budget of all instances.
func withBudget(command string, do func(context.Context, *ledger.Ledger, *recordBook) error) error {
	s, err := deskSettings(map[string]string{"PULLFIX_LEDGER": cmp.Or(os.Getenv("PULLFIX_LEDGER"), "firestore")})
	if err != nil {
		return err
	}
	if !s.Firestore {
		return fmt.Errorf(`%s: PULLFIX_LEDGER "memory": a budget in memory is that of one process: start the function again`, command)
	}
	ctx, stop := untilInterrupted()
	defer stop()
	store, err := ledger.OpenFirestore(ctx, s.Project.String(), s.Options()...)
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	book := &recordBook{settings: s}
	return errors.Join(do(ctx, ledger.New(store), book), book.close(), store.Close())
}

// rearming lifts a trip of the budget.
type rearming struct {
	budget *ledger.Ledger
	record func(context.Context, audit.Record) error
	reason string
	now    time.Time
	out    io.Writer
}

// run records before it acts. Cut off between the two, it starts over.
func (r rearming) run(ctx context.Context) error {
	trip, err := r.budget.Tripped(ctx)
	if err != nil {
		return fmt.Errorf("rearm: %w", again(err))
	}
	if trip.IsZero() {
		fmt.Fprintln(r.out, "nothing stops grants: nothing was changed")
		return nil
	}
	ctx = context.WithoutCancel(ctx) // what has begun goes on
	if err := r.record(ctx, r.decision(trip)); err != nil {
		return fmt.Errorf("rearm: nothing was changed, because that could not be recorded: %w", err)
	}
	lifted, err := r.budget.Rearm(ctx, r.now)
	if err != nil {
		return fmt.Errorf("rearm: %w", again(err))
	}
	if lifted.IsZero() {
		fmt.Fprintln(r.out, "somebody else has re-armed the budget meanwhile: grants work again")
		return nil
	}
	fmt.Fprintf(r.out, "everything was only observed since %s: grants work again, with a full budget\n", lifted.At.Format(time.RFC3339))
	if lifted.Epoch == trip.Epoch {
		return nil
	}
	// Somebody re-armed it meanwhile, and it was used up once more.
	if err := r.record(ctx, r.decision(lifted)); err != nil {
		return fmt.Errorf("rearm: the budget was used up twice, and the record has only the first: %w", err)
	}
	return nil
}

const causeRearmed = "rearmed"

// decision is the record of the lifting of a trip.
func (r rearming) decision(trip ledger.Trip) audit.Record {
	return audit.Record{
		Phase: audit.PhaseDecision, Event: fmt.Sprintf("rearm-%d-%s", trip.Epoch, trip.At.UTC().Format(time.RFC3339)), At: r.now.UTC(),
		Verdict: rules.Alert.String(), Cause: causeRearmed, Reason: r.reason, Version: audit.FormatVersion,
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/remediate"
)

func newUndo() *cobra.Command {
	var (
		file   string
		dryRun bool
		why    because
	)
	cmd := &cobra.Command{
		Use:   "undo EVENT",
		Short: "Take away again what pullfix granted for an event",
		Long: `Remove the member that pullfix added for an event, and nothing else, as carefully
as it was added, and record that. EVENT is the insertId of the log entry: the
Event of an alert, and the event of its records. They are looked up where
PULLFIX_AUDIT says, in PULLFIX_PROJECT, and the undo is recorded there, too.

Exit status: 0 undone, 1 there is nothing to undo, 2 anything else; after that
the same command goes on from where it was cut off.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set := map[string]string{"PULLFIX_LEDGER": "memory"} // an undo needs none
			if cmd.Flags().Changed("file") {
				set["PULLFIX_AUDIT"] = "file:" + file
			}
			s, err := deskSettings(set)
			if err != nil {
				return err
			}
			reason, err := why.sentence("undone with pullfix undo")
			if err != nil {
				return err
			}
			google := remediate.NewClients(s.Options()...)
			u := &undoing{
				event: args[0], reason: reason, book: &recordBook{settings: s}, services: google.Policies, calls: retry.Default,
				out: cmd.OutOrStdout(), errs: cmd.ErrOrStderr(),
			}
			var by undoer = removing{u}
			if dryRun {
				by = rehearsal{u.out}
			}
			ctx, stop := untilInterrupted()
			defer stop()
			return errors.Join(u.run(ctx, by), u.book.close(), google.Close())
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "`file` of records, as PULLFIX_AUDIT=file:FILE")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be removed; change and record nothing")
	why.flag(cmd)
	return cmd
}

// undoing undoes what was granted for one event.
type undoing struct {
	event    string
	reason   string // for the record
	book     *recordBook
	services remediate.Services
	calls    retry.Calls
	out      io.Writer
	errs     io.Writer
}

// refusal says why nothing is undone.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// run looks the event up, and undoes what there is to be undone.
func (u *undoing) run(ctx context.Context, by undoer) error {
	records, err := u.book.find(ctx, u.event)
	if err != nil {
		return u.named(err)
	}
	found := trails(records)
	if !slices.ContainsFunc(found, trail.open) {
		return u.nothing(found)
	}
	return u.each(ctx, found, by)
}

// each undoes every finding by itself. What is refused is said at once, what
// fails is returned.
func (u *undoing) each(ctx context.Context, found []trail, by undoer) error {
	refused := false
	var failed []error
	for _, t := range found {
		if !t.open() {
			fmt.Fprintf(u.out, "left %s: %s\n", t.subject(), t.closed())
			continue
		}
		err := u.undo(ctx, t, by)
		if why := refusal(""); errors.As(err, &why) {
			u.tell(why)
			refused = true
		} else if err != nil {
			failed = append(failed, u.named(err))
		}
	}
	if refused && len(failed) == 0 {
		return errFailed
	}
	return errors.Join(failed...)
}

// nothing refuses for every finding.
func (u *undoing) nothing(found []trail) error {
	if len(found) == 0 {
		u.tell(refusal("there is no record of it in " + u.book.place() + u.book.caveat()))
	}
	for _, t := range found {
		why := t.closed()
		if len(found) > 1 {
			why = t.subject() + ": " + why
		}
		u.tell(refusal(why))
	}
	return errFailed
}

func (u *undoing) named(err error) error { return fmt.Errorf("undo %q: %w", u.event, err) }

func (u *undoing) tell(why refusal) { fmt.Fprintf(u.errs, "pullfix: %v\n", u.named(why)) }

// undo looks whether the policy still has the member as it was added.
func (u *undoing) undo(ctx context.Context, t trail, by undoer) error {
	grant, _ := t.applied()
	away, err := removal(grant)
	if err != nil {
		return refuse("the record names %s, which pullfix cannot have added: %v", t.subject(), err)
	}
	now, policy, err := rehearse(ctx, u.services, u.calls, away)
	if err != nil {
		return again(err)
	}
	if now.Made {
		return by.remove(ctx, grant, away, now)
	}
	if intent, ok := t.begun(); ok {
		return by.finish(ctx, intent, away)
	}
	return refuse("%s, so that nothing is removed: %s%s", missing(away), elsewhere(policy, away), u.book.caveat())
}

// again says of what failed for now that the same command may go on.
func again(err error) error {
	if transient := (*retry.Transient)(nil); errors.As(err, &transient) {
		return fmt.Errorf("%w; run it again", err)
	}
	return err
}

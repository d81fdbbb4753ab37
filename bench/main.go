// Command bench measures what pullfix costs, on one machine in one run: go run
// ./bench. It builds the function as the buildpack does, and a function that does
// nothing, runs both on a core of their own, and sends both events from another
// core, in turn. Flags come in; a table of what was measured goes out, as text,
// JSON or Markdown, with ratios within the run and the targets that they meet or
// miss. bench growth measures how cost grows with the work, and draws it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 2
)

func run(args []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return exitFailed
	}
	return exitDone
}

func newRoot() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what pullfix costs",
		Long: `Measure what pullfix costs, against a function that does nothing: events a
second and their latency, start, memory, calls, storms, decisions and commands.

Everything is built with the go command into a folder that is deleted in the
end. The function runs on the last core with GOMAXPROCS=1, as with the one vCPU
of a deployment; what sends events, and the local Google Cloud, on the others.
Rounds of all that is compared alternate. A value is the median of the rounds,
with the quartiles, and a ratio is that of two values of the same round.

A target that is missed is shown, and does not change the exit status: 0
measured, 2 anything else.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			show, err := o.view(cmd.OutOrStdout())
			if err != nil {
				return err
			}
			plan, err := o.plan()
			if err != nil {
				return err
			}
			table, err := measure(cmd.Context(), plan, o.progress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			if o.page != "" {
				if err := rewrite(o.page, "bench", table.Markdown); err != nil {
					return err
				}
			}
			return show(table)
		},
	}
	o.flags(cmd)
	cmd.AddCommand(newGrowth(), newProfile())
	cmd.CompletionOptions.DisableDefaultCmd = true
	return cmd
}

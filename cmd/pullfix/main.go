// Command pullfix explains and rehearses what the function of the same name
// does, runs it here, and takes back what it did. Arguments, files and standard
// input come in; text or JSON goes out, and an exit status: 0 done or found, 1
// nothing recognised, nothing to undo or a test failed, 2 bad usage or bad input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// errFailed ends a command that has said itself what failed.
var errFailed = errors.New("failed")

// run carries out one command line.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	switch err := root.Execute(); {
	case err == nil:
		return exitDone
	case errors.Is(err, errFailed):
		return exitFailed
	default:
		fmt.Fprintf(errs, "pullfix: %v\n", err)
		return exitUsage
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "pullfix",
		Short: "Mends deploys to Cloud Run that fail because an account may not read the image",
		Long: `Mends deploys to Cloud Run that fail because an account may not read the image.

Exit status: 0 done or found, 1 nothing recognised, nothing to undo or a test
failed, 2 bad usage or bad input.`,
		Version:       thisBuild().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("pullfix {{.Version}}\n")
	root.AddCommand(newDemo(), newServe(), newEmulator(), newExplain(), newRules(), newNotify(), newUndo(), newPause(), newRearm(), newAudit(),
		newSinkFilter(), newMonitoring(), newVersion(), newDoctor(), newDeadLetters())
	complete(root)
	return root
}

// untilInterrupted returns a context that ends with an interrupt or SIGTERM,
// for commands that have something to close. The others just end.
func untilInterrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

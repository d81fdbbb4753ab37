package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/bench/table"
)

// options are what the flags say.
type options struct {
	format string
	quick  bool
	silent bool
	rounds int
	only   []string
	events []string
	page   string
}

func (o *options) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.format, "format", "text", "text, json or markdown")
	cmd.Flags().StringVar(&o.page, "write", "", "`page` in whose block to write the table as well, such as docs/performance.md")
	cmd.Flags().BoolVar(&o.quick, "quick", false, "measure little: to see that everything runs, not how fast it is")
	cmd.Flags().BoolVar(&o.silent, "silent", false, "do not say on standard error what is under way")
	cmd.Flags().StringSliceVar(&o.only, "only", nil, "`parts` to measure: "+strings.Join(partNames(), ", ")+" (default all)")
	cmd.Flags().StringArrayVar(&o.events, "events", nil, "`row` of events to measure, such as \"grant, 0 ms a call\"; may be repeated (default all)")
	cmd.Flags().IntVar(&o.rounds, "rounds", 0, fmt.Sprintf("`rounds` of what is measured in turn (default %d, with --quick %d)", wholePlan.rounds, quickPlan.rounds))
}

func (o *options) plan() (plan, error) {
	p := wholePlan
	if o.quick {
		p = quickPlan
	}
	if o.rounds > 0 {
		p.rounds = o.rounds
	}
	for _, name := range o.only {
		if !slices.Contains(partNames(), name) {
			return p, fmt.Errorf("--only %q: want %s", name, strings.Join(partNames(), ", "))
		}
	}
	for _, of := range o.events {
		if !slices.Contains(eventRows(), of) {
			return p, fmt.Errorf("--events %q: want %q", of, eventRows())
		}
	}
	p.only, p.events = o.only, o.events
	return p, nil
}

func (o *options) progress(errs io.Writer) io.Writer {
	if o.silent {
		return io.Discard
	}
	return errs
}

// view returns what shows a table.
func (o *options) view(out io.Writer) (func(table.Table) error, error) {
	switch o.format {
	case "text":
		return func(t table.Table) error { return t.Text(out) }, nil
	case "json":
		return func(t table.Table) error { return t.JSON(out) }, nil
	case "markdown":
		return func(t table.Table) error { return t.Markdown(out) }, nil
	default:
		return nil, fmt.Errorf("--format %q: want text, json or markdown", o.format)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/bench/chart"
	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/bench/table"
)

func newGrowth() *cobra.Command {
	var o options
	var svg string
	cmd := &cobra.Command{
		Use:   "growth",
		Short: "Measure how cost grows with the work",
		Long: `Measure the same at 1, 10, 100 and 1,000 times the work: rules, members of a
policy, log entries, records, events at once, instances. --svg draws the costs in
one chart, each relative to that of the least work.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := o.growth(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if svg != "" {
				if err := writeChart(svg, g.chart()); err != nil {
					return err
				}
			}
			if o.page != "" {
				if err := rewrite(o.page, "growth", func(out io.Writer) error { return g.show(out, "markdown") }); err != nil {
					return err
				}
			}
			return g.show(cmd.OutOrStdout(), o.format)
		},
	}
	cmd.Flags().StringVar(&o.format, "format", "text", "text, json or markdown")
	cmd.Flags().BoolVar(&o.quick, "quick", false, "measure little, and up to 10 times the work")
	cmd.Flags().BoolVar(&o.silent, "silent", false, "do not say on standard error what is under way")
	cmd.Flags().StringVar(&o.page, "write", "", "`page` in whose block to write the table as well, such as docs/performance.md")
	cmd.Flags().StringVar(&svg, "svg", "", "`file` to draw a chart in")
	return cmd
}

// growth is how some costs grow.
type growth struct {
	Machine string  `json:"machine"`
	Go      string  `json:"go"`
	Lines   []trend `json:"rows"`
}

// trend is one cost by the work.
type trend struct {
	Of    string  `json:"of"`   // what is measured
	By    string  `json:"by"`   // what there is more of
	Unit  string  `json:"unit"` // of the costs
	Least int     `json:"least"`
	Costs []spent `json:"costs"`
}

// spent is a cost at some work.
type spent struct {
	Work int          `json:"work"`
	Cost table.Spread `json:"cost"`
}

// steps are the times of the least work.
func (o *options) steps() []int {
	if o.quick {
		return []int{1, 10}
	}
	return []int{1, 10, 100, 1000}
}

func (o *options) growth(ctx context.Context, errs io.Writer) (g growth, err error) {
	plan, err := o.plan()
	if err != nil {
		return g, err
	}
	if plan.rounds > growthRounds {
		plan.rounds = growthRounds
	}
	b, err := newBench(ctx, plan, o.progress(errs))
	if err != nil {
		return g, err
	}
	defer b.close()
	g = growth{Machine: machine.Describe(), Go: runtime.Version()}
	for _, t := range trends() {
		for _, times := range o.steps() {
			work := t.Least * times
			if t.most > 0 && work > t.most {
				break
			}
			b.say("%s, by %s: %s", t.Of, t.By, table.Thousands(work))
			var costs []float64
			for range plan.rounds {
				cost, err := t.measure(b, ctx, work)
				if err != nil {
					return g, fmt.Errorf("%s with %d %s: %w", t.Of, work, t.By, err)
				}
				costs = append(costs, cost)
			}
			t.Costs = append(t.Costs, spent{work, table.SpreadOf(costs)})
		}
		g.Lines = append(g.Lines, t.trend)
	}
	return g, nil
}

// growthRounds are enough to see a slope.
const growthRounds = 3

func (g growth) show(out io.Writer, format string) error {
	switch format {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(g)
	case "markdown":
		fmt.Fprintf(out, "%s, %s.\n\n| what | by | at | costs |\n|---|---|---|---|\n", g.Machine, g.Go)
		for _, row := range g.cells() {
			fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
		}
		return nil
	case "text":
		fmt.Fprintf(out, "%s, %s\n\n", g.Machine, g.Go)
		columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(columns, "what\tby\tat\tcosts")
		for _, row := range g.cells() {
			fmt.Fprintln(columns, strings.Join(row, "\t"))
		}
		return columns.Flush()
	default:
		return fmt.Errorf("--format %q: want text, json or markdown", format)
	}
}

func (g growth) cells() (rows [][]string) {
	for _, l := range g.Lines {
		var at, costs []string
		for _, c := range l.Costs {
			at = append(at, table.Thousands(c.Work))
			costs = append(costs, table.Number(c.Cost.Median))
		}
		rows = append(rows, []string{l.Of, l.By, strings.Join(at, " / "), strings.Join(costs, " / ") + " " + l.Unit})
	}
	return rows
}

// chart draws all costs relative to those of the least work.
func (g growth) chart() chart.Chart {
	c := chart.Chart{
		Title: "How cost grows with the work", X: "times the work", Y: "times the cost",
		Description: "Lines over two logarithmic axes. A flat line costs the same however much work there is; the dashed one in step costs as many times as there is times the work.",
	}
	step := chart.Series{Name: "in step with the work"}
	for _, times := range new(options).steps() {
		step.Points = append(step.Points, chart.Point{X: float64(times), Y: float64(times)})
	}
	for _, l := range g.Lines {
		s := chart.Series{Name: l.Of + ", by " + l.By}
		for _, p := range l.Costs {
			s.Points = append(s.Points, chart.Point{X: float64(p.Work) / float64(l.Costs[0].Work), Y: p.Cost.Median / l.Costs[0].Cost.Median})
		}
		c.Series = append(c.Series, s)
	}
	c.Series = append(c.Series, step)
	return c
}

func writeChart(path string, c chart.Chart) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := c.SVG(file); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

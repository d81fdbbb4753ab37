package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/pullfix/pullfix/torture/check"
)

const betweenLines = 10 * time.Second

// show writes a line about the progress now and then.
func (r *run) show(ctx context.Context, out io.Writer) {
	for pause(ctx, betweenLines) == nil {
		acked, published, all := r.queue.progress()
		fmt.Fprintf(out, "%6s  %d of %d messages done, %d published, %d deliveries, %d kills\n", time.Since(r.began).Round(time.Second), acked, all,
			published, r.queue.deliveries(), r.killed.Load())
	}
}

// mostShown are the violations of one invariant that are shown.
const mostShown = 10

// report writes what came of the run.
func (r *run) report(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
	h, c := r.history, r.queue.counts
	acked, published, _ := r.queue.progress()
	row("seed", r.seed)
	row("time", r.took.Round(time.Second))
	row("events", len(h.Events))
	row("messages", published)
	row("messages done", acked)
	row("deliveries", c.deliveries)
	row("  of them duplicates", c.duplicates)
	row("  answered with an error", c.refused)
	row("  cut off by a kill", c.unanswered)
	row("  nobody waited for", c.abandoned)
	row("kills", r.killed.Load())
	row("policies written by others", r.others.changes)
	row("  conflicts they met", r.others.conflicts)
	for _, met := range []map[string]int{r.cloud.faults.met, r.slack.met} {
		for _, what := range slices.Sorted(maps.Keys(met)) {
			row("fault: "+what, met[what])
		}
	}
	row("grants", grants(h))
	row("records written", len(h.Records))
	for _, tone := range tones(h) {
		row("told: "+tone.name, tone.times)
	}
	row("events of which it is not known whether a channel was told", distinct(h.Unsure))
	for _, message := range slices.Sorted(maps.Keys(r.said.errors)) {
		row("other ERROR lines: "+message, r.said.errors[message])
	}
	fmt.Fprintf(t, "\ninvariant\theld against\texcused\tbroken\twhat must be true\n")
	for _, i := range r.results {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", i.Name, i.Examined, i.Excused, len(i.Broken), i.Says)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, i := range r.results {
		for _, b := range i.Broken[:min(len(i.Broken), mostShown)] {
			fmt.Fprintf(out, "%s: %s\n", i.Name, b)
		}
	}
	verdict := "everything holds"
	if !check.AllHold(r.results) {
		verdict = "something is broken; the same again: go run ./torture " + r.arguments()
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}

// arguments are what makes the same run.
func (p *plan) arguments() string {
	return fmt.Sprintf("--seed %d --events %d --kills %d --instances %d --budget %d", p.seed, p.events, p.kills, p.instances, p.perHour)
}

func grants(h *check.History) (all int) {
	for _, w := range h.Writes {
		if w.Ours {
			all += len(w.Added)
		}
	}
	return all
}

func distinct(lines []check.Line) int {
	all := map[check.Line]bool{}
	for _, l := range lines {
		all[l] = true
	}
	return len(all)
}

type tone struct {
	name  string
	times int
}

func tones(h *check.History) (all []tone) {
	times := map[string]int{}
	for _, m := range h.Messages {
		times[m.Tone]++
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		all = append(all, tone{name, times[name]})
	}
	return all
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/pullfix/pullfix/internal/report"
	"github.com/pullfix/pullfix/internal/report/lines"
)

// reportText prints a report for a person at a terminal.
func reportText(out io.Writer, r *report.Report) error {
	fmt.Fprintf(out, "What pullfix granted, and what it did not\n\n")
	writeRow(out, "period", reportPeriod(r))
	writeRow(out, "read from", lines.Plain(r.Source))
	writeRow(out, "records", recordCount(r))
	writeRow(out, "times", "those of the denials; an act is dated like the one that led to it, and so is its undo")
	reportDoubts(out, r)
	reportCounts(out, r)
	for _, l := range []struct {
		title string
		list  report.List
	}{
		{"Grants", r.Grants},
		{"Refused, failed and unfinished grants", r.NotGranted},
		{"Undone grants", r.Undos},
		{"Budget of grants", r.Budget},
		{"Alerts that were not delivered", r.Untold},
	} {
		reportList(out, l.title, l.list)
	}
	reportTimeline(out, r.Timeline)
	reportRules(out, r)
	return nil
}

func reportPeriod(r *report.Report) string {
	from, to := r.From.Format(time.RFC3339), r.To.Format(time.RFC3339)
	switch {
	case r.From.IsZero() && r.To.IsZero():
		return "all records"
	case r.From.IsZero():
		return "until " + to
	case r.To.IsZero():
		return "from " + from
	default:
		return from + " to " + to
	}
}

func recordCount(r *report.Report) string {
	words := strconv.Itoa(r.Records)
	if r.Records > 0 {
		words += fmt.Sprintf(", from %s to %s", r.First.UTC().Format(time.RFC3339), r.Last.UTC().Format(time.RFC3339))
	}
	if r.Repeated > 0 {
		words += fmt.Sprintf(", %d of them repeated and counted once", r.Repeated)
	}
	return words
}

// reportDoubts says what is missing.
func reportDoubts(out io.Writer, r *report.Report) {
	if r.Untraced > 0 {
		writeRow(out, "incomplete", fmt.Sprintf("acts that were begun while too many others were, and count only where they ended: %d", r.Untraced))
	}
	if r.Unreadable > 0 {
		writeRow(out, "incomplete", fmt.Sprintf("entries that are no records, and are not counted: %d", r.Unreadable))
	}
}

func reportCounts(out io.Writer, r *report.Report) {
	fmt.Fprintf(out, "\n%-15s %-8s %-13s %9s\n", "WHAT CAME OF IT", "VERDICT", "OUTCOME", "COUNT")
	for _, e := range report.Endings() {
		fmt.Fprintf(out, "%-15s %-8s %-13s %9d\n", e, cmp.Or(e.Verdict(), "-"), cmp.Or(e.Outcome(), "-"), r.Counts[e])
	}
}

func reportTimeline(out io.Writer, t report.Timeline) {
	used := t.Used()
	if len(used) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%-16s", "BY "+strings.ToUpper(t.Unit()))
	for _, e := range used {
		fmt.Fprintf(out, " %*s", columnOf(e), e)
	}
	fmt.Fprintln(out)
	for _, p := range t.Periods {
		if p.Counts == (report.Counts{}) {
			continue
		}
		fmt.Fprintf(out, "%-16s", p.From.Format("2006-01-02 15:04"))
		writeCounts(out, p.Counts, used)
	}
}

func reportRules(out io.Writer, r *report.Report) {
	used := r.UsedByRules()
	if len(used) == 0 {
		return
	}
	fmt.Fprint(out, "\n")
	for i, e := range used {
		if i > 0 {
			fmt.Fprint(out, " ")
		}
		fmt.Fprintf(out, "%*s", columnOf(e), e)
	}
	fmt.Fprintln(out, "  BY RULE, AND POLICY")
	for _, u := range r.Rules {
		writeRuleCounts(out, u.Counts, used, cmp.Or(lines.Plain(u.Rule), "no rule")+", "+lines.Plain(u.PolicyDigest))
	}
	if r.OtherRules != (report.Counts{}) {
		writeRuleCounts(out, r.OtherRules, used, "all other rules")
	}
}

func writeRuleCounts(out io.Writer, counts report.Counts, used []report.Ending, name string) {
	for i, e := range used {
		if i > 0 {
			fmt.Fprint(out, " ")
		}
		fmt.Fprintf(out, "%*d", columnOf(e), counts[e])
	}
	fmt.Fprintf(out, "  %s\n", name)
}

func writeCounts(out io.Writer, counts report.Counts, used []report.Ending) {
	for _, e := range used {
		fmt.Fprintf(out, " %*d", columnOf(e), counts[e])
	}
	fmt.Fprintln(out)
}

func columnOf(e report.Ending) int { return max(7, len(e.String())) }

func reportList(out io.Writer, title string, l report.List) {
	fmt.Fprintf(out, "\n%s: %d\n", title, l.Total)
	if l.Cut() > 0 {
		fmt.Fprintf(out, "The latest %d are listed; pullfix audit report --format csv writes them all.\n", len(l.Entries))
	}
	for _, e := range l.Entries {
		fmt.Fprintln(out)
		reportEntry(out, e)
	}
}

func reportEntry(out io.Writer, e report.Entry) {
	r := e.Record
	ending := e.Ending.String()
	if e.Undone {
		ending += ", undone later"
	}
	fmt.Fprintf(out, "  %s %s\n", r.At.UTC().Format(time.RFC3339), ending)
	writeRows(out, []row{
		{"event", r.Event},
		{"kind", r.Kind},
		{"who", r.Principal},
		{"role", r.Role},
		{"on", r.Resource},
		{"image", r.Image},
		{"deploys", r.Workload},
		{"project", r.SourceProject},
		{"by", r.Caller},
		{"rule", r.Rule},
		{"policy", r.PolicyDigest},
		{"why", r.Reason},
		{"cause", r.Cause},
		{"error", r.Error},
		{"etag", etags(r)},
	})
}

// writeRows prints what is known, in a form in which it can be seen.
func writeRows(out io.Writer, rows []row) {
	for _, r := range rows {
		if r.value != "" {
			writeRow(out, r.name, lines.Plain(r.value))
		}
	}
}

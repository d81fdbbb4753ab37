package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report/lines"
)

func newAuditShow() *cobra.Command {
	var (
		file   recordFile
		format string
	)
	cmd := &cobra.Command{
		Use:   "show EVENT",
		Short: "Tell the whole story of one event",
		Long: `Tell what is recorded of one event: what was denied, what was decided by which
rule, every step in order, also tries that failed, alerts that were not
delivered and undos, and what came of it, for each finding by itself. EVENT is
the insertId of the log entry: the Event of an alert, and the event of its
records.

` + whereRecorded + `

Exit status: 0 shown, 1 there is no record of it, 2 anything else.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			view, ok := map[string]func(io.Writer, string, []trail) error{"text": storyText, "json": storyJSON}[format]
			if !ok {
				return wrongFormat(format, "text or json")
			}
			book, err := file.book(cmd)
			if err != nil {
				return err
			}
			ctx, stop := untilInterrupted()
			defer stop()
			outliveReader()
			return showEvent(ctx, cmd, book, args[0], view)
		},
	}
	file.flag(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func showEvent(ctx context.Context, cmd *cobra.Command, book *recordBook, event string, view func(io.Writer, string, []trail) error) error {
	records, err := book.find(ctx, event)
	if err != nil {
		err = fmt.Errorf("audit show %q: %w", event, err)
	}
	if err != nil && len(records) == 0 {
		return err
	}
	if len(records) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "pullfix: audit show %q: there is no record of it in %s%s\n", event, book.place(), book.caveat())
		return errFailed
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if err := view(out, event, trails(records)); err != nil {
		return err
	}
	return cmp.Or(untilUnread(out.Flush()), err)
}

// storyJSON prints one object with the records of each finding.
func storyJSON(out io.Writer, event string, found []trail) error {
	type finding struct {
		CameTo  string         `json:"came_to"`
		Records []audit.Record `json:"records"`
	}
	story := struct {
		Event    string    `json:"event"`
		Findings []finding `json:"findings"`
	}{Event: event}
	for _, t := range found {
		story.Findings = append(story.Findings, finding{t.cameTo(), t})
	}
	return writeJSON(out, story)
}

// storyText tells the findings one after the other.
func storyText(out io.Writer, event string, found []trail) error {
	first := found[0][0]
	fmt.Fprintf(out, "event %s\n\n", lines.Plain(event))
	writeRows(out, []row{{"log", first.Log}, {"logged", first.At.UTC().Format(time.RFC3339Nano)}})
	for n, t := range found {
		title := "finding"
		if len(found) > 1 {
			title = fmt.Sprintf("finding %d of %d", n+1, len(found))
		}
		fmt.Fprintf(out, "\n%s: %s\n\n", title, t.cameTo())
		t.tell(out)
	}
	return nil
}

// tell prints who, what and where, the decision, and the steps.
func (t trail) tell(out io.Writer) {
	r := t.furthest()
	if r.Phase == "" { // a notice stands alone
		r = t[0]
	}
	writeRows(out, []row{
		{"kind", r.Kind},
		{"who", r.Principal},
		{"lacks", r.Permission},
		{"on", r.Resource},
		{"image", r.Image},
		{"deploys", r.Workload},
		{"project", r.SourceProject},
		{"by", r.Caller},
		{"least role", r.Role},
		{"decided", decided(r)},
		{"policy", r.PolicyDigest},
	})
	for n, r := range t {
		fmt.Fprintf(out, "\n  %d. %s\n", n+1, step(&r))
		writeRows(out, []row{{"why", r.Reason}, {"cause", r.Cause}, {"error", r.Error}, {"etag", etags(r)}})
	}
}

func decided(r audit.Record) string {
	words := r.Verdict
	if r.Mode != "" {
		words += " in mode " + r.Mode
	}
	return words + byRule(r)
}

// step says what a record stands for.
func step(r *audit.Record) string {
	if words, ok := stepWords[lines.What(r)]; ok {
		return words
	}
	return "decided: " + strings.TrimSpace(r.Verdict+" "+r.Outcome)
}

var stepWords = map[string]string{
	"intent":       "about to be granted",
	"applied":      "granted",
	"failed":       "the try failed for now, and the event comes again",
	"untold":       "an alert was not delivered",
	"undo":         "about to be undone",
	"undone":       "undone",
	"undo-refused": "not undone: refused",
	"undo-failed":  "not undone: failed for now",
}

// etags are those of the policy before and after a step.
func etags(r audit.Record) string {
	switch {
	case r.EtagAfter != "":
		return r.EtagBefore + " -> " + r.EtagAfter
	default:
		return r.EtagBefore
	}
}

// cameTo says in a sentence how a finding ended.
func (t trail) cameTo() string {
	if n := t.untold(); n > 0 {
		return fmt.Sprintf("%s; %s not delivered", t.ending(), plural(n, "alert"))
	}
	return t.ending()
}

func (t trail) untold() (n int) {
	for _, r := range t {
		if r.Phase == audit.PhaseNotice {
			n++
		}
	}
	return n
}

func (t trail) ending() string {
	if _, ok := t.undone(); ok {
		return "granted, and undone later"
	}
	if _, ok := t.applied(); ok {
		return "granted"
	}
	r := t.furthest()
	if words, ok := outcomeWords[r.Outcome]; ok {
		return words
	}
	switch {
	case r.Phase == audit.PhaseIntent:
		return "begun, and how it ended is not recorded"
	case r.Verdict == "ignore":
		return "ignored: nothing was changed"
	default:
		return "alert: nothing was changed"
	}
}

var outcomeWords = map[string]string{
	audit.OutcomeAlreadyHeld: "the member held the role already: nothing was changed",
	audit.OutcomeObserved:    "only observed: nothing was changed",
	audit.OutcomeRefused:     "refused: nothing was changed",
	audit.OutcomeFailed:      "failed for now: the event comes again",
}

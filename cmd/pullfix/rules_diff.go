package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/rules"
)

func newRulesDiff() *cobra.Command {
	var format string
	var flags knownFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW EVENTS…",
		Short: "Say what a changed policy would decide differently about past events",
		Long: `Hold two policy files against log entries in JSON: one, an array, or one a line,
in files or on standard input (-), such as

  gcloud logging read 'log_id("cloudaudit.googleapis.com/system_event")' \
    --format=json | pullfix rules diff old.yaml rules.yaml -

and say which decisions change. What is decided is what can be said without
looking at live state. What holds the projects that deploy is not in an entry,
nor both names of a project; --above and --number say it, for all of them.

--format markdown is for a comment on a pull request.

Exit status: 0 nothing changes, 1 something does, 2 bad usage or bad input.`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			show, ok := map[string]func(io.Writer, policyDiff) error{"text": diffText, "json": diffJSON, "markdown": diffMarkdown}[format]
			if !ok {
				return wrongFormat(format, "text, json or markdown")
			}
			known, err := flags.known()
			if err != nil {
				return err
			}
			d, err := newDiffer(args[0], args[1], args[2:], cmd.InOrStdin())
			if err != nil {
				return err
			}
			d.known = known
			err = d.read(cmd, args[2:])
			diff := d.diff()
			if diff.Entries > 0 || err == nil {
				out := bufio.NewWriter(cmd.OutOrStdout())
				err = errors.Join(err, show(out, diff), out.Flush())
			}
			if err != nil {
				return fmt.Errorf("rules: %w", err)
			}
			if len(diff.Changes) > 0 {
				return errFailed
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or markdown")
	flags.add(cmd.Flags())
	return cmd
}

// policyDiff is what two policies decide differently.
type policyDiff struct {
	Old     policyView       `json:"old"`
	New     policyView       `json:"new"`
	Entries int              `json:"entries"`
	Denials int              `json:"denials"` // findings of the entries
	Changed int              `json:"changed"` // of them
	Notes   []string         `json:"notes"`
	Changes []decisionChange `json:"changes"`
}

type policyView struct {
	File   string `json:"file"`
	Mode   string `json:"mode"`
	Digest string `json:"digest"`
}

// decisionChange is a number of denials that are alike, and decided otherwise
// alike.
type decisionChange struct {
	Count int `json:"count"`
	change
}

type change struct {
	asked
	Old outcome `json:"old"`
	New outcome `json:"new"`
}

// differ holds entries against two policies. What it remembers grows with the
// changes that differ, not with the entries.
type differ struct {
	old, new         *rules.Policy
	oldFile, newFile string
	entries, denials int
	changed          int
	changes          map[change]int
	needs            rules.Facts
	known            ruling.Known
	missing          map[string]struct{}
}

func newDiffer(oldFile, newFile string, events []string, in io.Reader) (*differ, error) {
	if err := onlyOnce(append([]string{oldFile, newFile}, events...)...); err != nil {
		return nil, err
	}
	d := &differ{oldFile: oldFile, newFile: newFile, changes: map[change]int{}, missing: map[string]struct{}{}}
	var err error
	if d.old, err = readPolicy(oldFile, in); err != nil {
		return nil, err
	}
	if d.new, err = readPolicy(newFile, in); err != nil {
		return nil, err
	}
	a, b := d.old.Needs(), d.new.Needs()
	d.needs = rules.Facts{FromNumber: a.FromNumber || b.FromNumber, ToNumber: a.ToNumber || b.ToNumber, Above: a.Above || b.Above}
	return d, nil
}

// read reads every file, and goes on after what is no log entry. The error is
// the first of each file.
func (d *differ) read(cmd *cobra.Command, names []string) error {
	var failed []error
	for _, name := range names {
		in, err := openInput(cmd, name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if err := d.readEntries(in); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
		_ = in.Close()
	}
	return errors.Join(failed...)
}

func (d *differ) readEntries(in io.Reader) error {
	var first error
	n, unread := 0, 0
	for document, err := range parse.Documents(in) {
		if err != nil {
			return errors.Join(first, err)
		}
		n++
		event, err := parse.Entry(document)
		if err != nil {
			if unread++; first == nil {
				first = fmt.Errorf("document %d: %w", n, err)
			}
			continue
		}
		d.entries++
		for _, finding := range event.Findings {
			d.compare(event, finding)
		}
	}
	if unread > 1 {
		return fmt.Errorf("%w; and %d more cannot be read", first, unread-1)
	}
	return first
}

func (d *differ) compare(event parse.Event, finding parse.Finding) {
	d.denials++
	before, facts := ruled(d.old, event, finding, d.known)
	after, _ := ruled(d.new, event, finding, d.known)
	q := before.Request(facts)
	for _, note := range unknownFacts(d.needs, q) {
		d.missing[note] = struct{}{}
	}
	c := change{asked: askedOf(q), Old: outcomeOf(before), New: outcomeOf(after)}
	if c.Old != c.New {
		d.changed++
		d.changes[c]++
	}
}

// diff puts the changes in order: what is granted, hidden and alerted about
// anew, and the most frequent first.
func (d *differ) diff() policyDiff {
	diff := policyDiff{
		Old: viewPolicy(d.oldFile, d.old), New: viewPolicy(d.newFile, d.new),
		Entries: d.entries, Denials: d.denials, Changed: d.changed, Notes: []string{}, Changes: []decisionChange{},
	}
	for note := range d.missing {
		diff.Notes = append(diff.Notes, note)
	}
	slices.Sort(diff.Notes)
	for c, n := range d.changes {
		diff.Changes = append(diff.Changes, decisionChange{n, c})
	}
	slices.SortFunc(diff.Changes, func(a, b decisionChange) int {
		return cmp.Or(
			cmp.Compare(a.New.weight(), b.New.weight()), compareOutcomes(a.New, b.New),
			cmp.Compare(a.Old.weight(), b.Old.weight()), compareOutcomes(a.Old, b.Old),
			cmp.Compare(b.Count, a.Count),
			strings.Compare(a.Kind, b.Kind), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Member, b.Member),
		)
	})
	return diff
}

// weight orders outcomes by how much somebody should look at them.
func (o outcome) weight() int {
	return slices.Index([]string{"grant enforce", "grant observe", "ignore ", "alert "}, o.Verdict+" "+o.Mode)
}

func compareOutcomes(a, b outcome) int {
	return cmp.Or(strings.Compare(a.Verdict, b.Verdict), strings.Compare(a.Mode, b.Mode), strings.Compare(a.Rule, b.Rule))
}

func viewPolicy(file string, p *rules.Policy) policyView {
	return policyView{File: file, Mode: p.Mode().String(), Digest: p.Digest()}
}

// summary says in a sentence how much changes.
func (d policyDiff) summary() string {
	of := fmt.Sprintf("%s in %s", plural(d.Denials, "denial"), entries(d.Entries))
	switch d.Changed {
	case 0:
		return "nothing changes for " + of
	case 1:
		return fmt.Sprintf("1 of %s is decided differently", of)
	default:
		return fmt.Sprintf("%d of %s are decided differently", d.Changed, of)
	}
}

func entries(n int) string {
	if n == 1 {
		return "1 log entry"
	}
	return fmt.Sprintf("%d log entries", n)
}

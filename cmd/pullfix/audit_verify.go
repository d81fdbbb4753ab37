package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
)

func newAuditVerify() *cobra.Command {
	var v verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the record against itself and against Google's own log",
		Long: `Check the record: that every act that was begun has a result, and that policies
decided that are known (--rules). With --activity or --projects, also check it
against Google's own audit log of policy changes: that no policy was changed
without an intent on record, and that what is said to be done was done. In a file
the lines are chained by their hashes, and the first one that was altered, taken
out or moved is named.

Google's entries come from files, such as

  gcloud logging read 'log_id("cloudaudit.googleapis.com/activity") AND
    protoPayload.methodName:"SetIamPolicy"' --project=shared-images \
    --freshness=30d --format=json > activity.json

or from the Cloud Logging of the projects that hold the resources. They should be
of all projects whose resources pullfix may change, and of everybody: an undo is
made by whoever runs it.

` + whereRecorded + `

Exit status: 0 everything matches, 1 something does not, or nothing is recorded,
2 anything else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			show, ok := map[string]func(io.Writer, verified) error{"text": verifyText, "json": verifyJSON}[v.format]
			if !ok {
				return wrongFormat(v.format, "text or json")
			}
			report, err := v.run(cmd)
			if err != nil {
				return fmt.Errorf("audit verify: %w", err)
			}
			if err := show(cmd.OutOrStdout(), report); err != nil {
				return err
			}
			if !report.OK() || report.Records == 0 {
				return errFailed
			}
			return nil
		},
	}
	v.add(cmd)
	return cmd
}

// verifyFlags are what the record is held against.
type verifyFlags struct {
	recordFile
	format, account, chain string
	from                   string
	rules, activity        []string
	projects               []string
	window, grace          time.Duration
}

func (v *verifyFlags) add(cmd *cobra.Command) {
	v.flag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&v.format, "format", "text", "text or json")
	flags.StringSliceVar(&v.rules, "rules", nil, "policy `files` that may have decided")
	flags.StringSliceVar(&v.activity, "activity", nil, "`files` with Google's entries of policy changes, or -")
	flags.StringSliceVar(&v.projects, "projects", nil, "`projects` whose Cloud Logging has them")
	flags.StringVar(&v.account, "account", "", "`email` of the account that pullfix runs as; without it every change must be pullfix's")
	flags.StringVar(&v.from, "from", "", "since when both are complete: an RFC 3339 `time`, a date in UTC, or an age such as 30d")
	flags.DurationVar(&v.window, "window", 24*time.Hour, "how long after its event a grant may be made: maxEventAge of the policy")
	flags.DurationVar(&v.grace, "grace", 10*time.Minute, "what is younger may be unfinished")
	flags.StringVar(&v.chain, "chain", "", "the `chain` that an earlier check of the same file ended in")
}

// verified is what was checked, and what was found.
type verified struct {
	audit.Report
	where    string
	compared bool // with Google's log
	policies int  // that are known
}

func (v *verifyFlags) run(cmd *cobra.Command) (verified, error) {
	if err := onlyOnce(slices.Concat(v.activity, v.rules)...); err != nil {
		return verified{}, err
	}
	book, err := v.book(cmd)
	if err != nil {
		return verified{}, err
	}
	if err := errors.Join(notNegative("--window", v.window), notNegative("--grace", v.grace)); err != nil {
		return verified{}, err
	}
	now := time.Now()
	options := audit.VerifyOptions{Account: v.account, Window: v.window, Grace: v.grace, Now: now, Chain: v.chain}
	if options.Since, err = parseWhen("--from", v.from, now, 0); err != nil {
		return verified{}, err
	}
	if options.Digests, err = v.digests(cmd); err != nil {
		return verified{}, err
	}
	ctx, stop := untilInterrupted()
	defer stop()
	if options.Changes, err = v.changes(ctx, cmd, book, options.Since); err != nil {
		return verified{}, err
	}
	out := verified{where: book.place(), compared: options.Changes != nil, policies: len(options.Digests)}
	if file := book.settings.AuditFile; file != "" {
		out.Report, err = audit.VerifyFile(ctx, file, options, watched(cmd, file, true))
		return out, err
	}
	if v.chain != "" {
		return out, errors.New("--chain: Cloud Logging has no chain: want it with --file")
	}
	// A change may have begun with an event before --from, and its undo with one
	// long before.
	records := audit.ReadCloud(ctx, book.log(), audit.Query{}, book.settings.Options()...)
	out.Report, err = audit.Verify(ctx, counted(cmd, records, true), options)
	return out, err
}

func notNegative(flag string, length time.Duration) error {
	if length < 0 {
		return fmt.Errorf("%s %q: want no less than 0s", flag, length)
	}
	return nil
}

// digests are those of the policy files.
func (v *verifyFlags) digests(cmd *cobra.Command) (map[string]bool, error) {
	known := map[string]bool{}
	for _, file := range v.rules {
		policy, err := readPolicy(file, cmd.InOrStdin())
		if err != nil {
			return nil, err
		}
		known[policy.Digest()] = true
	}
	return known, nil
}

// changes are Google's entries, one source after the other; nil where there is
// none.
func (v *verifyFlags) changes(ctx context.Context, cmd *cobra.Command, book *recordBook, since time.Time) (iter.Seq2[*audit.PolicyChange, error], error) {
	var sources []iter.Seq2[*audit.PolicyChange, error]
	for _, name := range v.projects {
		project, err := iam.ParseProject(name)
		if err != nil {
			return nil, fmt.Errorf("--projects: %w", err)
		}
		sources = append(sources, audit.ReadPolicyChangesCloud(ctx, project.String(), "", since, time.Time{}, book.settings.Options()...))
	}
	for _, name := range v.activity {
		sources = append(sources, changesOf(cmd, name))
	}
	if sources == nil {
		return nil, nil
	}
	return inTurn(sources), nil
}

func changesOf(cmd *cobra.Command, name string) iter.Seq2[*audit.PolicyChange, error] {
	return func(yield func(*audit.PolicyChange, error) bool) {
		in, err := openInput(cmd, name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = in.Close() }()
		audit.ReadPolicyChanges(name, in)(yield)
	}
}

// inTurn yields what the sources do, one after the other.
func inTurn[T any](sources []iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, source := range sources {
			for v, err := range source {
				if !yield(v, err) {
					return
				}
			}
		}
	}
}

func verifyText(out io.Writer, v verified) error {
	for _, m := range v.Mismatches {
		writeWrapped(out, mismatchText(m))
	}
	for _, kind := range slices.Sorted(maps.Keys(v.Counts)) {
		if shown := shownOf(v.Mismatches, kind); v.Counts[kind] > shown {
			fmt.Fprintf(out, "and %d more of %s\n", v.Counts[kind]-shown, kind)
		}
	}
	if !v.OK() {
		fmt.Fprintln(out)
	}
	writeWrapped(out, v.summary())
	if v.Chain != "" {
		fmt.Fprintf(out, "chain %s\n", v.Chain)
	}
	return nil
}

func shownOf(all []audit.Mismatch, kind audit.MismatchKind) (n int) {
	for _, m := range all {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

func mismatchText(m audit.Mismatch) string {
	where := ""
	if m.Line > 0 {
		where = fmt.Sprintf("line %d, ", m.Line)
	}
	if m.Event != "" {
		where += fmt.Sprintf("event %q, ", m.Event)
	}
	if !m.At.IsZero() {
		where += m.At.UTC().Format(time.RFC3339) + ", "
	}
	return fmt.Sprintf("%s: %s%s", m.Kind, where, m.Why)
}

// summary says in a sentence what was checked, so that silence is not taken for
// more than it is.
func (v verified) summary() string {
	result := "everything matches"
	switch n := v.total(); {
	case n == 0 && v.Records == 0:
		result = "so nothing is known to match"
	case n == 1:
		result = "1 mismatch"
	case n > 1:
		result = fmt.Sprintf("%d mismatches", n)
	}
	text := fmt.Sprintf("%s: %s, %s; checked: %s", v.where, plural(v.Records, "record"), result, strings.Join(v.checked(), ", "))
	if v.unchained() {
		text += "; not checked: the chain, which no line of this file has"
	}
	return text
}

// unchained reports whether nothing holds the lines of a file together.
func (v verified) unchained() bool { return v.Chain != "" && v.Chained == 0 }

// checked names the checks that were made.
func (v verified) checked() []string {
	checked := []string{"acts without a result"}
	switch {
	case v.Chain == "" || v.unchained():
	case v.Chained < v.Records:
		checked = append([]string{fmt.Sprintf("the chain, which %d of the lines have", v.Chained)}, checked...)
	default:
		checked = append([]string{"the chain of the lines"}, checked...)
	}
	if v.policies > 0 {
		checked = append(checked, fmt.Sprintf("digests against %s", plural(v.policies, "policy file")))
	}
	if v.compared {
		checked = append(checked, fmt.Sprintf("acts against %s in Google's log", plural(v.Changes, "policy change")))
	}
	return checked
}

func (v verified) total() (n int) {
	for _, count := range v.Counts {
		n += count
	}
	return n
}

// verifyView is the report in JSON.
type verifyView struct {
	Records    int                        `json:"records"`
	Changes    int                        `json:"changes"`
	OK         bool                       `json:"ok"`
	Checked    []string                   `json:"checked"`
	Counts     map[audit.MismatchKind]int `json:"counts"`
	Chain      string                     `json:"chain"`   // that the lines end in; "" where there are none
	Chained    int                        `json:"chained"` // lines that have a value of it
	Mismatches []mismatchView             `json:"mismatches"`
}

type mismatchView struct {
	Kind  audit.MismatchKind `json:"kind"`
	Line  int                `json:"line"` // 0 where there is none
	Event string             `json:"event"`
	ID    string             `json:"id"`
	At    string             `json:"at"` // "" where there is none
	Why   string             `json:"why"`
}

func verifyJSON(out io.Writer, v verified) error {
	view := verifyView{Records: v.Records, Changes: v.Changes, OK: v.OK(), Checked: v.checked(), Counts: v.Counts, Chain: v.Chain, Chained: v.Chained, Mismatches: []mismatchView{}}
	if view.Counts == nil {
		view.Counts = map[audit.MismatchKind]int{}
	}
	for _, m := range v.Mismatches {
		at := ""
		if !m.At.IsZero() {
			at = m.At.UTC().Format(time.RFC3339Nano)
		}
		view.Mismatches = append(view.Mismatches, mismatchView{m.Kind, m.Line, m.Event, m.ID, at, m.Why})
	}
	return writeJSON(out, view)
}

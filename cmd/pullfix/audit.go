package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
)

func newAudit() *cobra.Command {
	return group("audit", "List, tell, report and check what is recorded", newAuditList(), newAuditShow(), newAuditReport(), newAuditVerify())
}

// whereRecorded ends what the commands say of themselves.
const whereRecorded = `The record is read where PULLFIX_AUDIT says, in PULLFIX_PROJECT, or from a file of
records with --file. --view names a log bucket that the record is routed to, which
has what the project itself does not show any more.`

// recordFile are the flags that say where the record is.
type recordFile struct{ path, view string }

func (f *recordFile) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.path, "file", "", "`file` of records, as PULLFIX_AUDIT=file:FILE")
	cmd.Flags().StringVar(&f.view, "view", "", "`view` of a log bucket, as projects/P/locations/L/buckets/B/views/V")
	cmd.MarkFlagsMutuallyExclusive("file", "view")
}

// book is where the record is, for a command that only reads.
func (f *recordFile) book(cmd *cobra.Command) (*recordBook, error) {
	set := map[string]string{"PULLFIX_LEDGER": "memory"}
	if cmd.Flags().Changed("file") {
		set["PULLFIX_AUDIT"] = "file:" + f.path
	}
	if cmd.Flags().Changed("view") {
		if _, err := audit.ParseView(f.view); err != nil {
			return nil, fmt.Errorf("--view: %w", err)
		}
		set["PULLFIX_AUDIT"] = "cloud"
	}
	s, err := deskSettings(set)
	return &recordBook{settings: s, view: f.view}, err
}

// recordQuery are the flags that say which records are wanted.
type recordQuery struct {
	recordFile
	from, to string
	query    audit.Query
}

func (q *recordQuery) flags(cmd *cobra.Command) {
	q.flag(cmd)
	cmd.Flags().StringVar(&q.from, "from", "", "only what is not older: an RFC 3339 `time`, a date in UTC, or an age such as 24h or 30d")
	cmd.Flags().StringVar(&q.to, "to", "", "only what is older: a `time` likewise; a date is to its end")
	for _, f := range []struct {
		value       *string
		name, usage string
	}{
		{&q.query.Project, "project", "only of this `project`, which deploys or holds the resource"},
		{&q.query.Repository, "repository", "only on this `resource`: its name, or the last part of it"},
		{&q.query.Principal, "principal", "only for this `account`, with or without serviceAccount: and what follows the @"},
		{&q.query.Rule, "rule", "only what this `rule` has decided"},
		{&q.query.Kind, "kind", "only of this `kind`"},
	} {
		cmd.Flags().StringVar(f.value, f.name, "", f.usage)
	}
}

// parse checks the flags.
func (q *recordQuery) parse(now time.Time) (err error) {
	if q.query.From, err = parseWhen("--from", q.from, now, 0); err != nil {
		return err
	}
	if q.query.To, err = parseWhen("--to", q.to, now, day); err != nil {
		return err
	}
	if !q.query.From.IsZero() && !q.query.To.IsZero() && !q.query.From.Before(q.query.To) {
		return fmt.Errorf("--from %q --to %q: want a beginning before the end", q.from, q.to)
	}
	return errors.Join(
		knownWord("--kind", q.query.Kind, iam.KindNames()),
		knownWord("--verdict", q.query.Verdict, recordVerdicts()),
		knownWord("--outcome", q.query.Outcome, recordOutcomes()),
	)
}

// knownWord refuses a word that no record has.
func knownWord(flag, word string, known []string) error {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	if near := iam.Nearest(word, known); near != "" {
		return fmt.Errorf("%s %q: did you mean %q?", flag, word, near)
	}
	last := len(known) - 1
	return fmt.Errorf("%s %q: want %s or %s", flag, word, strings.Join(known[:last], ", "), known[last])
}

const day = 24 * time.Hour

// parseWhen reads a time, a date, to which so much is added, or an age.
func parseWhen(flag, text string, now time.Time, dated time.Duration) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC(), nil
	}
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		return date.Add(dated), nil
	}
	if age, ok := parseAge(text); ok {
		return now.Add(-age).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%s %q: want a time such as 2026-03-04T05:06:07Z, a date such as 2026-03-04, or an age such as 24h or 30d", flag, text)
}

// mostDays keeps an age within what a duration holds.
const mostDays = 100 * 366

func parseAge(text string) (age time.Duration, ok bool) {
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * day, err == nil && n >= 0 && n <= mostDays
	}
	age, err := time.ParseDuration(text)
	return age, err == nil && age >= 0
}

// reading reads the wanted records for a command.
type reading struct {
	name     string // of the command
	book     *recordBook
	query    audit.Query
	errs     io.Writer
	progress func(read, size int64)
	counted  func(recordSeq) recordSeq
	skipped  int
}

// reading prepares to read for a command that writes as it reads, or at the end.
func (q *recordQuery) reading(cmd *cobra.Command, name string, atTheEnd bool) (*reading, error) {
	if err := q.parse(time.Now()); err != nil {
		return nil, err
	}
	book, err := q.book(cmd)
	if err != nil {
		return nil, err
	}
	return &reading{
		name: name, book: book, query: q.query, errs: cmd.ErrOrStderr(),
		progress: watched(cmd, book.settings.AuditFile, atTheEnd), counted: func(all recordSeq) recordSeq { return counted(cmd, all, atTheEnd) },
	}, nil
}

type recordSeq = iter.Seq2[*audit.Record, error]

// watching reports whether a bar can be shown: on a terminal, and not among the
// output, unless that comes as a whole at the end.
func watching(cmd *cobra.Command, atTheEnd bool) bool {
	return isTerminal(cmd.ErrOrStderr()) && (atTheEnd || !isTerminal(cmd.OutOrStdout()))
}

// counted shows on a terminal how many records of Cloud Logging were read: how
// many there are is not known.
func counted(cmd *cobra.Command, all recordSeq, atTheEnd bool) recordSeq {
	if !watching(cmd, atTheEnd) {
		return all
	}
	return func(yield func(*audit.Record, error) bool) {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(cmd.ErrOrStderr()), progressbar.OptionShowCount(),
			progressbar.OptionSetDescription("records"), progressbar.OptionClearOnFinish())
		defer func() { _ = bar.Finish() }()
		for r, err := range all {
			_ = bar.Add(1)
			if !yield(r, err) {
				return
			}
		}
	}
}

// watched shows on a terminal how far a long file is read, or returns nil.
func watched(cmd *cobra.Command, file string, atTheEnd bool) func(read, size int64) {
	if file == "" || !watching(cmd, atTheEnd) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(read, size int64) {
		if bar == nil && size >= longFile {
			bar = newBar(cmd.ErrOrStderr(), file, size)
		}
		if bar != nil {
			_ = bar.Set64(read)
		}
	}
}

// mostSkipped bounds the entries that are told of one by one.
const mostSkipped = 10

// records yields the wanted records until one of them cannot be had. Whatever
// is no record is told of, and left out.
func (r *reading) records(ctx context.Context) iter.Seq2[*audit.Record, error] {
	return func(yield func(*audit.Record, error) bool) {
		for record, err := range r.all(ctx) {
			if line := (*audit.LineError)(nil); errors.As(err, &line) {
				r.skip(err)
				continue
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

func (r *reading) all(ctx context.Context) iter.Seq2[*audit.Record, error] {
	if file := r.book.settings.AuditFile; file != "" {
		return audit.ReadFile(ctx, file, r.query, r.progress)
	}
	return r.counted(audit.ReadCloud(ctx, r.book.log(), r.query, r.book.settings.Options()...))
}

func (r *reading) skip(err error) {
	if r.skipped++; r.skipped <= mostSkipped {
		fmt.Fprintf(r.errs, "pullfix: %v\n", r.named(err))
	}
}

func (r *reading) named(err error) error { return fmt.Errorf("%s: %w", r.name, err) }

// end says how it went, given how many records there were.
func (r *reading) end(found int) error {
	switch {
	case r.skipped > 0:
		return r.named(fmt.Errorf("%s: entries that are no records, and were left out: %d", r.book.place(), r.skipped))
	case found == 0:
		fmt.Fprintf(r.errs, "pullfix: %s: there is no such record in %s%s\n", r.name, r.book.place(), r.book.caveat())
		return errFailed
	default:
		return nil
	}
}

// untilUnread returns an error of nil where whoever reads the output has enough,
// as head does.
func untilUnread(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// outliveReader lets a write to a closed pipe return an error instead of ending
// the program.
func outliveReader() { signal.Ignore(syscall.SIGPIPE) }

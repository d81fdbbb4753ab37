package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/letters"
	"github.com/pullfix/pullfix/internal/rest"
	"github.com/pullfix/pullfix/parse"
)

func newDeadLetters() *cobra.Command {
	return group("dead-letters", "See what could not be delivered, or deliver it again", newDeadLettersList(), newDeadLettersReplay())
}

const whereDeadLetters = `They wait in the subscription pullfix-dead-letters of PULLFIX_PROJECT, for 31 days
at most.`

func newDeadLettersList() *cobra.Command {
	var limit int
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the log entries that could not be delivered",
		Long: `List the log entries that could not be delivered, a line each, oldest first: when
each was given up, the project and the kind of failure that it is about, how
often it was tried, and the id of its message. Nothing is taken away; while this
runs nobody else gets what it lists.

` + whereDeadLetters + `

Exit status: 0 listed, 1 there is none, 2 anything else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDeadLetters(format, limit, cmd.OutOrStdout(), func(ctx context.Context, q letters.Queue, view letterView) error {
				found, err := q.List(ctx, orAll(limit))
				if err == nil && len(found) == 0 {
					fmt.Fprintln(cmd.ErrOrStderr(), "pullfix: dead-letters list: none waits")
					return errFailed
				}
				return errors.Join(view.all(found), err)
			})
		},
	}
	deadLetterFlags(cmd, &limit, &format, 1000, "list at most so `many`")
	return cmd
}

func newDeadLettersReplay() *cobra.Command {
	var (
		limit  int
		format string
		dryRun bool
	)
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Publish the log entries that could not be delivered once more",
		Long: `Publish the log entries that could not be delivered to the topic pullfix once
more, and list each that was. What is on the topic again is taken away here, and
nothing before that: whenever this is cut off, nothing is lost, and some may come
twice, which pullfix notices. An entry older than maxEventAge of the policy is
recorded and left alone.

` + whereDeadLetters + `

Mend first what kept them from being delivered: pullfix doctor helps.

Exit status: 0 all were published, or there is none, 2 anything else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDeadLetters(format, limit, cmd.OutOrStdout(), func(ctx context.Context, q letters.Queue, view letterView) error {
				if dryRun {
					found, err := q.List(ctx, orAll(limit))
					return errors.Join(view.all(found), err)
				}
				return q.Replay(ctx, orAll(limit), view.one)
			})
		},
	}
	deadLetterFlags(cmd, &limit, &format, 0, "publish at most so `many` (default all)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list what would be published, and publish nothing")
	return cmd
}

func deadLetterFlags(cmd *cobra.Command, limit *int, format *string, usual int, meaning string) {
	cmd.Flags().IntVar(limit, "limit", usual, meaning)
	cmd.Flags().StringVar(format, "format", "text", "text or json")
}

// orAll lets 0 stand for all.
func orAll(limit int) int {
	if limit == 0 {
		return math.MaxInt
	}
	return limit
}

// letterPatience is how long Pub/Sub may take to find a message.
const letterPatience = 3 * time.Second

func withDeadLetters(format string, limit int, out io.Writer, do func(context.Context, letters.Queue, letterView) error) error {
	if format != "text" && format != "json" {
		return wrongFormat(format, "text or json")
	}
	if limit < 0 {
		return fmt.Errorf("--limit \"%d\": want a number of letters", limit)
	}
	project := projectOr("")
	if project == "" {
		return errors.New("PULLFIX_PROJECT: missing: want the project of pullfix, which has its dead letters")
	}
	s, err := deployedSettings(project)
	if err != nil {
		return err
	}
	ctx, stop := untilInterrupted()
	defer stop()
	client, err := rest.New(ctx, s.Endpoint, rest.Default)
	if err != nil {
		return fmt.Errorf("dead-letters: %w", err)
	}
	at := "projects/" + s.Project.String()
	queue := letters.Queue{
		Client: client, Subscription: at + "/subscriptions/" + deploy.DeadLetters, Topic: at + "/topics/" + deploy.Topic, Patience: letterPatience,
	}
	err = do(ctx, queue, letterView{out: out, json: format == "json"})
	switch {
	case err == nil, errors.Is(err, errFailed):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("dead-letters: cut off, and nothing is lost: run it again: %w", err)
	default:
		return fmt.Errorf("dead-letters: %w", err)
	}
}

// letterView shows letters, a line each.
type letterView struct {
	out  io.Writer
	json bool
}

func (v letterView) all(found []letters.Letter) error {
	for _, l := range found {
		if err := v.one(l); err != nil {
			return err
		}
	}
	return nil
}

func (v letterView) one(l letters.Letter) error {
	row := letterRow{At: l.At.UTC(), Message: l.ID, Attempts: l.Attempts}
	row.Project, row.Kind = about(l.Data)
	if v.json {
		return writeJSON(v.out, row)
	}
	attempts := "?"
	if row.Attempts > 0 {
		attempts = strconv.Itoa(row.Attempts)
	}
	_, err := fmt.Fprintf(v.out, "%s  %-30s  %-17s  %3s  %s\n", row.At.Format(time.RFC3339), orUnknown(row.Project), orUnknown(row.Kind), attempts, row.Message)
	return err
}

// letterRow is how scripts see a letter.
type letterRow struct {
	At       time.Time `json:"at"`
	Project  string    `json:"project"`  // "" where it is not known
	Kind     string    `json:"kind"`     // "" where the entry is no denial that pullfix knows
	Attempts int       `json:"attempts"` // 0 where that is not known
	Message  string    `json:"message"`
}

func orUnknown(s string) string {
	if s == "" {
		return "?"
	}
	return s
}

// about says which project an entry is of, and what kind of failure it tells.
func about(entry []byte) (project, kind string) {
	var named struct {
		LogName string `json:"logName"`
	}
	if json.Unmarshal(entry, &named) == nil {
		if rest, ok := strings.CutPrefix(named.LogName, "projects/"); ok {
			project, _, _ = strings.Cut(rest, "/")
		}
	}
	event, err := parse.Entry(entry)
	if err != nil || len(event.Findings) == 0 {
		return project, ""
	}
	return project, event.Findings[0].Kind.String()
}

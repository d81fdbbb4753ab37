package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/parse"
)

func newSinkFilter() *cobra.Command {
	var account, entries string
	cmd := &cobra.Command{
		Use:   "sink-filter",
		Short: "Print the filter of the sink that brings the log entries",
		Long: `Print the filter of the sink that brings the log entries to pullfix: failed
deploys to Cloud Run, and refused calls to it, to Artifact Registry and to
Secret Manager. What pullfix itself does is kept out.

  gcloud logging sinks update pullfix --log-filter="$(pullfix sink-filter)"

With --explain it says of each log entry in a file whether the filter lets it
through. Then the exit status is 1 where it lets none through.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if account == "" {
				var err error
				if account, err = functionAccount(); err != nil {
					return err
				}
			}
			filter, err := deploy.SinkFilter(account)
			if err != nil {
				return fmt.Errorf("sink-filter: %w", err)
			}
			if entries == "" {
				_, err = io.WriteString(cmd.OutOrStdout(), filter)
				return err
			}
			in, err := openInput(cmd, entries)
			if err != nil {
				return fmt.Errorf("sink-filter: %w", err)
			}
			defer func() { _ = in.Close() }()
			return tryFilter(cmd.OutOrStdout(), filter, in)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "`email` of the account that pullfix runs as (default pullfix@$PULLFIX_PROJECT.iam.gserviceaccount.com)")
	cmd.Flags().StringVar(&entries, "explain", "", "say which log entries of this `file` pass, - for standard input")
	return cmd
}

// functionAccount is the account of the function in the project of pullfix.
func functionAccount() (string, error) {
	from, text := ownProject()
	if text == "" {
		return "", errors.New("sink-filter: want --account, or the project of pullfix in PULLFIX_PROJECT")
	}
	p, err := projectID(from, text)
	if err != nil {
		return "", fmt.Errorf("sink-filter: %w", err)
	}
	project := p.String()
	if domain, id, scoped := strings.Cut(project, ":"); scoped {
		project = id + "." + domain
	}
	return deploy.Function + "@" + project + ".iam.gserviceaccount.com", nil
}

// tryFilter says of each log entry whether the filter lets it through.
func tryFilter(out io.Writer, filter string, in io.Reader) error {
	f, err := emulator.ParseFilter(filter)
	if err != nil {
		return fmt.Errorf("sink-filter: %w", err)
	}
	passed, n := 0, 0
	for document, err := range parse.Documents(in) {
		if err != nil {
			return fmt.Errorf("sink-filter: %w", err)
		}
		n++
		name, err := entryName(document, n)
		if err != nil {
			return err
		}
		passes, err := f.Matches(document)
		if err != nil {
			return fmt.Errorf("sink-filter: document %d: %w", n, err)
		}
		says := "does not pass"
		if passes {
			says = "passes"
			passed++
		}
		if _, err := fmt.Fprintf(out, "%s %s\n", name, says); err != nil {
			return err
		}
	}
	if passed == 0 {
		return errFailed
	}
	return nil
}

// entryName is what an entry is called: its insertId, or its number.
func entryName(document []byte, n int) (string, error) {
	var e struct {
		InsertID string `json:"insertId"`
		LogName  string `json:"logName"`
	}
	if err := json.Unmarshal(document, &e); err != nil || e.LogName == "" {
		return "", fmt.Errorf(`sink-filter: document %d: not a log entry in JSON with its "logName"`, n)
	}
	if e.InsertID == "" {
		return fmt.Sprintf("entry %d", n), nil
	}
	return e.InsertID, nil
}

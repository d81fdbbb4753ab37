package main

import (
	"bufio"
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report/lines"
)

func newAuditList() *cobra.Command {
	var (
		wanted recordQuery
		format string
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List records, one a line",
		Long: `List records, one a line, in the order of the record: all of them, or those that
every flag wants. --format text is a table, json the records as they were
recorded, and csv all of their values for a spreadsheet.

` + whereRecorded + `

Exit status: 0 listed, 1 there is none, 2 anything else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := newListing(format, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if l.reading, err = wanted.reading(cmd, "audit list", false); err != nil {
				return err
			}
			ctx, stop := untilInterrupted()
			defer stop()
			outliveReader()
			return l.run(ctx)
		},
	}
	wanted.flags(cmd)
	cmd.Flags().StringVar(&wanted.query.Verdict, "verdict", "", "only with this `verdict`: alert, grant or ignore")
	cmd.Flags().StringVar(&wanted.query.Outcome, "outcome", "", "only with this `outcome`, such as applied or refused")
	cmd.Flags().StringVar(&format, "format", "text", "text, json or csv")
	return cmd
}

// listing prints a record a line.
type listing struct {
	*reading
	out    *bufio.Writer
	header string
	append func([]byte, *audit.Record) []byte
}

func newListing(format string, out io.Writer) (*listing, error) {
	l := &listing{out: bufio.NewWriterSize(out, 64<<10)}
	switch format {
	case "text":
		layout := lines.NewLayout(width(out))
		l.header, l.append = layout.Header(), layout.Append
	case "json":
		l.append = lines.AppendJSON
	case "csv":
		l.header, l.append = lines.CSVHeader, lines.AppendCSV
	default:
		return nil, wrongFormat(format, "text, json or csv")
	}
	return l, nil
}

// width is that of a terminal, 0 where it is none.
func width(out io.Writer) int {
	if file, ok := out.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

func (l *listing) run(ctx context.Context) error {
	found := 0
	var line []byte
	for r, err := range l.records(ctx) {
		if err != nil {
			_ = l.out.Flush()
			return l.named(err)
		}
		if line = line[:0]; found == 0 {
			line = append(line, l.header...)
		}
		found++
		line = l.append(line, r)
		if _, err := l.out.Write(line); err != nil {
			return untilUnread(err)
		}
	}
	if err := l.out.Flush(); err != nil {
		return untilUnread(err)
	}
	return l.end(found)
}

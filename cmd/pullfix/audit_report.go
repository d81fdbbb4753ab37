package main

import (
	"bufio"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/internal/report"
	"github.com/pullfix/pullfix/internal/report/page"
)

func newAuditReport() *cobra.Command {
	var (
		wanted         recordQuery
		format, output string
	)
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Report what was granted in a time, and what was not",
		Long: `Report what was granted, for whom, on what, by which rule of which policy, what
was refused, failed or undone, and whom no alert has reached, with counts over
time. An act counts once, by how it ended. --format html is one page to print
and to keep, best with --output FILE; json is one object; csv has a line for
each act, however many there are. The other formats list the latest.

` + whereRecorded + `

Exit status: 0 reported, 1 reported that there is nothing, 2 anything else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, ok := reportFormats[format]
			if !ok {
				return wrongFormat(format, "text, json, csv or html")
			}
			r, err := wanted.reading(cmd, "audit report", format != "csv" || output != "")
			if err != nil {
				return err
			}
			ctx, stop := untilInterrupted()
			defer stop()
			outliveReader()
			return write(ctx, r, func(content func(io.Writer) error) error { return into(output, cmd.OutOrStdout(), content) })
		},
	}
	wanted.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text, json, csv or html")
	cmd.Flags().StringVar(&output, "output", "", "write to this `file`")
	return cmd
}

// destination is where a report goes, opened when there is something to go there.
type destination func(content func(io.Writer) error) error

var reportFormats = map[string]func(context.Context, *reading, destination) error{
	"text": summedUp(reportText), "json": summedUp(report.WriteJSON), "html": summedUp(page.Write), "csv": tabled,
}

func (r *reading) collector() *report.Collector {
	return report.NewCollector(r.book.place(), r.query.From, r.query.To)
}

// collect reads everything there is to be read.
func (r *reading) collect(ctx context.Context, c *report.Collector) (*report.Report, error) {
	for record, err := range r.records(ctx) {
		if err != nil {
			return nil, r.named(err)
		}
		c.Add(record)
	}
	c.Unreadable(r.skipped)
	return c.Report(), nil
}

// summedUp writes what can be written when everything is read.
func summedUp(write func(io.Writer, *report.Report) error) func(context.Context, *reading, destination) error {
	return func(ctx context.Context, r *reading, to destination) error {
		sum, err := r.collect(ctx, r.collector())
		if err != nil {
			return err
		}
		err = to(func(out io.Writer) error {
			buffered := bufio.NewWriter(out)
			if err := write(buffered, sum); err != nil {
				return err
			}
			return buffered.Flush()
		})
		if err != nil {
			return untilUnread(err)
		}
		return r.end(sum.Records)
	}
}

// tabled writes every act as it ends.
func tabled(ctx context.Context, r *reading, to destination) error {
	records := 0
	err := to(func(out io.Writer) (err error) {
		records, err = r.table(ctx, bufio.NewWriterSize(out, 64<<10))
		return err
	})
	if err != nil {
		return untilUnread(err)
	}
	return r.end(records)
}

func (r *reading) table(ctx context.Context, out *bufio.Writer) (records int, err error) {
	ctx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	line := []byte(report.CSVHeader)
	c := r.collector()
	c.Each(func(e *report.Entry) {
		line = report.AppendCSV(line, e)
		if _, err := out.Write(line); err != nil {
			enough(err)
		}
		line = line[:0]
	})
	sum, err := r.collect(ctx, c)
	switch {
	case err != nil && context.Cause(ctx) != nil:
		return 0, r.named(context.Cause(ctx))
	case err != nil:
		return 0, err
	}
	_, _ = out.Write(line) // of no acts only the header is left; Flush tells of an error
	return sum.Records, out.Flush()
}

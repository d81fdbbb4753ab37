package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/pullfix/pullfix/bench/event"
	"github.com/pullfix/pullfix/bench/table"
)

// commands measures the command line on files.
func (b *bench) commands(ctx context.Context) error {
	entries, err := b.entriesFile(b.plan.entries)
	if err != nil {
		return err
	}
	record, err := b.recordFile(b.plan.records)
	if err != nil {
		return err
	}
	for round := range b.plan.rounds {
		b.say("commands, round %d of %d", round+1, b.plan.rounds)
		for _, one := range []struct {
			of, measure string
			lines       int
			args        []string
		}{
			{table.Explain, "entries/s", b.plan.entries, []string{"explain", "--format", "json", entries}},
			{table.List, "records/s", b.plan.records, []string{"audit", "list", "--file", record}},
			{table.Report, "records/s", b.plan.records, []string{"audit", "report", "--file", record}},
			{table.Verify, "records/s", b.plan.records, []string{"audit", "verify", "--file", record}},
		} {
			took, err := b.command(ctx, one.args...)
			if err != nil {
				return err
			}
			b.add(one.of, one.measure, float64(one.lines)/took.Seconds())
		}
	}
	return nil
}

// command runs pullfix on the server's core and returns how long that took.
func (b *bench) command(ctx context.Context, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, b.built.pullfix, args...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	cmd.Env = append(cmd.Environ(), "GOMAXPROCS=1")
	began := time.Now()
	if err := b.cores.StartServer(cmd); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("pullfix %s: %w: %s", args[0], err, &failed)
	}
	return time.Since(began), nil
}

// entriesFile writes so many log entries, one a line, each of another deploy.
func (b *bench) entriesFile(lines int) (path string, err error) {
	var text []byte
	entry := event.Entry(event.Grant, event.Wide, b.now)
	for n := range lines {
		text = append(entry(text, n), '\n')
	}
	return b.write(fmt.Sprintf("entries-%d.json", lines), text)
}

// recordFile writes so many records, one a line.
func (b *bench) recordFile(lines int) (path string, err error) {
	path = b.path(fmt.Sprintf("record-%d.jsonl", lines))
	text, err := event.Record(lines, b.now)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, text, 0o600)
}

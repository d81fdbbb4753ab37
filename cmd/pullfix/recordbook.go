package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/lazy"
	"github.com/pullfix/pullfix/internal/settings"
)

// deskSettings reads those of the function's settings that a person's command
// needs from the same variables of the environment. The others may be anything:
// the paths and secrets of a deployed function need not be here. set goes before
// the environment.
func deskSettings(set map[string]string) (settings.Settings, error) {
	needed := []string{"PULLFIX_PROJECT", "GOOGLE_CLOUD_PROJECT", "PULLFIX_AUDIT", "PULLFIX_ENDPOINT", "PULLFIX_LEDGER"}
	return settings.Read(func(name string) (string, bool) {
		if value, ok := set[name]; ok {
			return value, true
		}
		if !slices.Contains(needed, name) {
			return "", false
		}
		return os.LookupEnv(name)
	}, emptyPolicy)
}

// recordBook is where the compliance record is kept.
type recordBook struct {
	settings settings.Settings
	view     string // of a log bucket, to read from; "" for the project
	writer   lazy.Value[recordWriter]
}

// recordWriter is opened by the first record that is written: opening a file
// mends it.
type recordWriter interface {
	Write(context.Context, audit.Record) error
	Close() error
}

// findTime bounds the search for an event.
const findTime = time.Minute

func (b *recordBook) find(ctx context.Context, event string) ([]audit.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	if b.settings.AuditFile != "" {
		return audit.FindInFile(ctx, b.settings.AuditFile, event)
	}
	return audit.FindInCloud(ctx, b.log(), event, b.settings.Options()...)
}

// log is where the record is that is read from Cloud Logging.
func (b *recordBook) log() audit.Log {
	return audit.Log{Project: b.settings.Project.String(), View: b.view}
}

func (b *recordBook) write(ctx context.Context, r audit.Record) error {
	to, err := b.writer.Get(func() (recordWriter, error) { return b.open(context.WithoutCancel(ctx)) })
	if err != nil {
		return err
	}
	return to.Write(ctx, r)
}

func (b *recordBook) open(ctx context.Context) (recordWriter, error) {
	if b.settings.AuditFile != "" {
		return audit.OpenFile(ctx, b.settings.AuditFile)
	}
	return audit.OpenCloud(ctx, b.settings.Project.String(), b.settings.Options()...)
}

// place names the book.
func (b *recordBook) place() string {
	if b.settings.AuditFile != "" {
		return fmt.Sprintf("the file %q", b.settings.AuditFile)
	}
	name := fmt.Sprintf("projects/%s/logs/%s", b.settings.Project, audit.LogID)
	if b.view != "" {
		name += " of " + b.view
	}
	return name
}

// caveat says what may be in the book although it is not found there.
func (b *recordBook) caveat() string {
	if b.settings.AuditFile != "" {
		return ""
	}
	return "; what was recorded a moment ago shows some seconds later, and nothing does past the retention of its bucket"
}

func (b *recordBook) close() error {
	if to, ok := b.writer.Made(); ok {
		return to.Close()
	}
	return nil
}

// because is the flag with which a person says why, for the record.
type because struct{ text string }

func (b *because) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.text, "reason", "", "why, in a line of `text` for the record")
}

const longestReason = 500

// sentence joins what was done with why.
func (b *because) sentence(done string) (string, error) {
	switch {
	case b.text == "":
		return done, nil
	case len(b.text) > longestReason || !utf8.ValidString(b.text) || strings.ContainsFunc(b.text, unicode.IsControl):
		return "", fmt.Errorf("--reason %q: want one line of at most %d bytes", b.text, longestReason)
	}
	return done + ": " + b.text, nil
}

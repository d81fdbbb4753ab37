package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/emulator"
)

// demoJSON prints the records, one a line, and the summary on the last line.
type demoJSON struct{ out *json.Encoder }

func (demoJSON) begin(string, string) {}

func (v demoJSON) event(r demoResult) {
	for _, record := range r.records {
		_ = v.out.Encode(record)
	}
}

func (v demoJSON) end(s demoSummary, _ time.Duration) error { return v.out.Encode(s) }

// demoText prints the journey of every event for a terminal of 80 columns.
type demoText struct {
	out   io.Writer
	paint palette
}

func newDemoText(out io.Writer) demoText { return demoText{out, newPalette(out)} }

const (
	columns = 80
	indent  = 12
)

func (v demoText) begin(endpoint, function string) {
	fmt.Fprintf(v.out, "A local Google Cloud listens on %s, the function on\n%s. Each event below is a log entry that Cloud\n"+
		"Run writes, sent to the function over HTTP.\n", endpoint, function)
}

func (v demoText) event(r demoResult) {
	last := audit.Record{}
	if len(r.records) > 0 {
		last = r.records[len(r.records)-1]
	}
	fmt.Fprintf(v.out, "\n%s\n", v.paint.bold(fmt.Sprintf("%d. %s", r.number, r.incident.Title)))
	if len(r.records) == 0 {
		v.row("decided", "nothing to do, nothing recorded")
		return
	}
	if last.Principal != "" {
		_, who, _ := strings.Cut(last.Principal, ":")
		v.row("who", who)
		v.row("lacks", last.Permission)
		v.row("on", last.Resource)
		v.row("image", last.Image)
	}
	verdict, paint := v.verdict(last)
	v.painted("decided", verdict+plainCause(last)+byRule(last), func(line string) string {
		return strings.Replace(line, verdict, paint(verdict), 1)
	})
	v.row("why", last.Reason)
	v.row("told", cmp.Or(r.told.line(0), "nobody"))
	if next := r.told.line(1); next != "" {
		v.row("to do", next)
	}
	v.command(r.told.command())
	v.row("record", recordWords(r.records))
	v.diff(r.before, r.after)
}

func (v demoText) verdict(r audit.Record) (words string, paint func(string) string) {
	switch {
	case r.Outcome == audit.OutcomeApplied:
		return "granted " + r.Role, v.paint.green
	case r.Verdict == "alert":
		return "alert", v.paint.red
	default:
		return cmp.Or(r.Outcome, r.Verdict), v.paint.yellow
	}
}

func plainCause(r audit.Record) string {
	if r.Cause == "" || r.Cause == r.Outcome {
		return ""
	}
	return ", " + r.Cause
}

func byRule(r audit.Record) string {
	if r.Rule == "" {
		return ""
	}
	return ", rule " + r.Rule
}

func recordWords(records []audit.Record) string {
	var words []string
	for _, r := range records {
		words = append(words, strings.TrimSpace(r.Phase+" "+r.Outcome))
	}
	return strings.Join(words, ", then ")
}

// row prints a word and a text, wrapped beside it.
func (v demoText) row(word, text string) {
	v.painted(word, text, func(line string) string { return line })
}

// painted prints a row whose lines are coloured after they are wrapped.
func (v demoText) painted(word, text string, paint func(string) string) {
	for _, line := range wrap(text, columns-indent) {
		fmt.Fprintf(v.out, "   %-*s%s\n", indent-3, word, paint(line))
		word = ""
	}
}

// command prints a command as it stands, to be copied.
func (v demoText) command(command string) {
	word := "run"
	for line := range strings.Lines(command) {
		fmt.Fprintf(v.out, "   %-*s%s\n", indent-3, word, strings.TrimSuffix(line, "\n"))
		word = ""
	}
}

// diff prints the policies that changed, line by line.
func (v demoText) diff(before, after map[string][]string) {
	names := make([]string, 0, len(after))
	for name := range after {
		names = append(names, name)
	}
	slices.Sort(names)
	changed := false
	for _, name := range names {
		if slices.Equal(before[name], after[name]) {
			continue
		}
		changed = true
		v.row("policy", "of "+name)
		for _, line := range diffLines(before[name], after[name]) {
			v.diffLine(line)
		}
	}
	if !changed {
		v.row("policy", "unchanged")
	}
}

func (v demoText) diffLine(line string) {
	sign, text := line[:1], line[1:]
	inner := len(text) - len(strings.TrimLeft(text, " "))
	for n, part := range wrap(strings.TrimSpace(text), columns-indent-inner-2) {
		if n > 0 {
			part = "  " + part
		}
		out := fmt.Sprintf("%s %*s%s", sign, inner, "", part)
		switch sign {
		case "+":
			out = v.paint.green(out)
		case "-":
			out = v.paint.red(out)
		}
		fmt.Fprintf(v.out, "%*s%s\n", indent-2, "", out)
	}
}

func (v demoText) end(s demoSummary, took time.Duration) error {
	_, err := fmt.Fprintf(v.out, "\n%d events in %.1f s: %d granted, %d alerted, %d ignored, %d failed\n",
		s.Events, took.Seconds(), s.Granted, s.Alerted, s.Ignored, s.Failed)
	return err
}

// policyLines writes every policy of a local Google Cloud as lines.
func policyLines(cloud *emulator.Cloud) map[string][]string {
	out := map[string][]string{}
	for name, policy := range cloud.Policies() {
		var lines []string
		for _, b := range policy.GetBindings() {
			role := b.GetRole()
			if c := b.GetCondition(); c != nil {
				role += " if " + c.GetTitle()
			}
			lines = append(lines, role)
			for _, m := range b.GetMembers() {
				lines = append(lines, "  "+m)
			}
		}
		out[name] = lines
	}
	return out
}

// diffLines marks the lines of after that before has not with "+", those that
// only before has with "-", and the others with " ".
func diffLines(before, after []string) []string {
	var out []string
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(before) > 0 && len(after) > 0 && before[0] == after[0]:
			out = append(out, " "+after[0])
			before, after = before[1:], after[1:]
		case len(after) > 0 && (len(before) == 0 || !slices.Contains(before, after[0])):
			out = append(out, "+"+after[0])
			after = after[1:]
		default:
			out = append(out, "-"+before[0])
			before = before[1:]
		}
	}
	return out
}

// wrap breaks a text into lines of at most width bytes: at spaces, and within a
// word that is longer after a character that joins names.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for len(word) > width {
			at := strings.LastIndexAny(word[:width], "/:@.-") + 1
			if at == 0 {
				at = width
			}
			lines, word = append(lines, word[:at]), word[at:]
		}
		line = word
	}
	return append(lines, line)
}

// palette colours text on a terminal, and leaves it alone elsewhere and where
// NO_COLOR is set (https://no-color.org).
type palette struct{ on bool }

func newPalette(out io.Writer) palette {
	file, ok := out.(*os.File)
	return palette{ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))}
}

func (p palette) in(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bold(s string) string   { return p.in("1", s) }
func (p palette) red(s string) string    { return p.in("31", s) }
func (p palette) green(s string) string  { return p.in("32", s) }
func (p palette) yellow(s string) string { return p.in("33", s) }

package main

import (
	"fmt"
	"io"
	"strings"
)

func diffJSON(out io.Writer, d policyDiff) error { return writeJSON(out, d) }

// diffText prints what changes for a person at a terminal.
func diffText(out io.Writer, d policyDiff) error {
	writeWrapped(out, fmt.Sprintf("%s -> %s: %s", d.Old.File, d.New.File, d.summary()))
	for _, note := range d.Notes {
		writeWrapped(out, "note: "+note)
	}
	for i, c := range d.Changes {
		if i == 0 || c.Old != d.Changes[i-1].Old || c.New != d.Changes[i-1].New {
			fmt.Fprintln(out)
			writeWrapped(out, fmt.Sprintf("%s -> %s", c.Old, c.New))
		}
		fmt.Fprintf(out, "\n  %dx %s\n", c.Count, c.Kind)
		writeRow(out, "from", orNotKnown(c.From))
		writeRow(out, "to", orNotKnown(c.To))
		writeRow(out, "member", orNotKnown(c.Member))
	}
	return nil
}

// writeWrapped prints a sentence; what does not fit on a line goes on indented.
func writeWrapped(out io.Writer, text string) {
	for n, line := range wrap(text, columns-2) {
		if n > 0 {
			line = "  " + line
		}
		fmt.Fprintln(out, line)
	}
}

// longestComment is less than GitHub lets a comment be, 65536 characters.
const longestComment = 60_000

// diffMarkdown prints what changes for a comment on a pull request.
func diffMarkdown(out io.Writer, d policyDiff) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### pullfix: %s\n\n%s → %s\n", d.summary(), code(d.Old.File), code(d.New.File))
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "\n> %s\n", plainMarkdown(note))
	}
	if len(d.Changes) > 0 {
		b.WriteString("\n| | before | after | kind | from | to | member |\n|--:|---|---|---|---|---|---|\n")
	}
	for i, c := range d.Changes {
		line := fmt.Sprintf("| %d | %s | %s | %s | %s | %s | %s |\n",
			c.Count, c.Old.markdown(), c.New.markdown(), code(c.Kind), code(c.From), code(c.To), code(c.Member))
		if b.Len()+len(line) > longestComment {
			fmt.Fprintf(&b, "\nand %s of other denials\n", plural(len(d.Changes)-i, "change"))
			break
		}
		b.WriteString(line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (o outcome) markdown() string {
	s := "**" + o.Verdict + "**"
	if o.Mode != "" {
		s += ", " + o.Mode
	}
	if o.Rule == "" {
		return s + ", no rule"
	}
	return s + ", rule " + code(o.Rule)
}

// code is a code span, or words where nothing is known.
func code(name string) string {
	if name == "" {
		return "not known"
	}
	return "`" + codeSpan.Replace(name) + "`"
}

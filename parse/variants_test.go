package parse

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"
)

// variants are what terminals, CI systems, editors and loggers make of a text.
var variants = map[string]func(string) string{
	"box":          prefixed("│ "),
	"quoted":       prefixed("> "),
	"pipe":         prefixed("| "),
	"indented":     prefixed("\t    "),
	"build step":   prefixed(`Step #3 - "deploy": `),
	"BuildKit":     prefixed("#12 1.234 "),
	"time":         prefixed("2026-03-01T10:00:00.123Z "),
	"date":         prefixed("2026/03/01 10:00:00 "),
	"clock":        prefixed("[10:00:00] "),
	"compose":      prefixed("web-1  | "),
	"npm":          prefixed("npm error "),
	"CRLF":         func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"colour":       func(s string) string { return "\x1b[31m" + s + "\x1b[0m" },
	"HTML":         html.EscapeString,
	"typographic":  func(s string) string { return typographic.ReplaceAllString(s, "“$1”") },
	"fenced":       func(s string) string { return "I get this:\n\n```\n" + s + "\n```\n\nAny idea?" },
	"JSON":         logged,
	"JSON in JSON": func(s string) string { return logged(logged(s)) },
	"twice":        func(s string) string { return s + "\n\n" + s },
	"wrapped": func(s string) string {
		return wrapped(s, 72)
	},
	"wrapped in a box": func(s string) string {
		return prefixed("│ ")(wrapped(s, 76))
	},
}

var typographic = regexp.MustCompile(`"([^"\n]*)"`)

func prefixed(prefix string) func(string) string {
	return func(s string) string { return prefix + strings.ReplaceAll(s, "\n", "\n"+prefix) }
}

func logged(s string) string {
	b, err := json.Marshal(map[string]string{"severity": "ERROR", "message": s})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// wrapped breaks lines between words, as a terminal or mail program does.
func wrapped(s string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.SplitAfter(s, " ") {
		first, _, _ := strings.Cut(word, "\n")
		if i > 0 && column+len(strings.TrimRight(first, " ")) > width {
			b.WriteByte('\n')
			column = 0
		}
		b.WriteString(word)
		if end := strings.LastIndexByte(word, '\n'); end >= 0 {
			column = len(word) - end - 1
		} else {
			column += len(word)
		}
	}
	return b.String()
}

// TestVariants holds that what surrounds and breaks up a text changes nothing
// in what is found in it.
func TestVariants(t *testing.T) {
	shown := cmpopts.IgnoreFields(Finding{}, "Message")
	for _, path := range archives(t) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			name, isText := strings.CutSuffix(f.Name, ".txt")
			text := strings.TrimSuffix(string(f.Data), "\n")
			if !isText || fragile[name] {
				continue
			}
			want := Text(text)
			for variant, change := range variants {
				if diff := cmp.Diff(want, Text(change(text)), byValue, shown); diff != "" {
					t.Errorf("%s, %s (-plain +variant):\n%s", f.Name, variant, diff)
				}
			}
		}
	}
}

// fragile are the fixtures that a variant turns into another text.
var fragile = map[string]bool{
	"resource-two":     true, // wrapping takes the space out of it
	"resource-cut-off": true, // the quote that ends the log line ends the name too
}

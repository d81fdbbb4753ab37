package rules

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// secretive finds where a secret could stand that somebody has written into the
// file: behind such keys, in an address, and where a token shows itself.
var secretive = onUse(`(?i)(secret|token|password|webhook)["']?\s*:\s*|https?://[^\s/"']*/|://[^\s/@:]*:|xox[a-z]-`)

// shownLine is the last line that was shown, so that a long one with many
// problems is looked through once.
type shownLine struct {
	line int
	text string
}

func (d *document) masked(line int) string {
	if d.shown.line != line {
		d.shown = shownLine{line, masked(d.lines[line-1])}
	}
	return d.shown.text
}

// masked is a line without what could be a secret, as long as it was.
func masked(line string) string {
	for _, at := range secretive().FindAllStringIndex(line, -1) {
		word := line[at[1]:]
		if end := strings.IndexAny(word, ",} "); end >= 0 {
			word = word[:end]
		}
		if !reference().MatchString(strings.Trim(word, `"'`)) && word != "" && !port().MatchString(word) {
			return line[:at[1]] + strings.Repeat("*", utf8.RuneCountInString(line[at[1]:]))
		}
	}
	return line
}

// port is what stands behind a host.
var port = onUse(`^[0-9]{1,5}["'/]?$`)

// onUse compiles an expression when it is first used. To compile those of the
// channels was 1.5 ms of every cold start, of which most policies need none.
func onUse(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

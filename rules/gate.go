package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// What the YAML parser takes time for that grows with the square of the file is
// refused before it runs: a file of 1 MiB could keep it busy for hours.
const (
	mostBlankLines = 100 // in a row: the lexer copies the text above them once for each
	mostNested     = 10  // lists and mappings in one another; a policy has five
	mostKeys       = 100 // in one mapping; a rule has ten
)

// clean returns the text of the file as the YAML parser is to see it, and sets
// the lines that problems show: without a byte order mark, carriage returns and
// blanks at the ends of lines, which the parser miscounts. Blanks in a policy's
// texts mean nothing. The text ends in a line feed: without it the lexer loses
// what stands behind the brackets in "[a]!b". What does not belong into a text
// file is reported.
func (d *document) clean(data []byte) string {
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	d.lines = strings.Split(text, "\n")
	blank := 0
	for i, line := range d.lines {
		d.printable(i, line)
		d.lines[i] = strings.TrimRight(line, " ")
		if d.lines[i] != "" {
			blank = 0
		} else if blank++; blank > mostBlankLines && i < len(d.lines)-1 {
			d.report(i+1, 1, "more than %d empty lines in a row", mostBlankLines)
			break
		}
	}
	return strings.Join(d.lines, "\n") + "\n"
}

// printable reports the first character of a line that has no place in it.
func (d *document) printable(i int, line string) {
	column := 0
	for at, r := range line {
		column++
		if what := misfit(r, line[at:]); what != "" {
			d.report(i+1, column, "%s", what)
			return
		}
	}
}

// misfit says why a character at the start of a text has no place in a policy.
func misfit(r rune, text string) string {
	switch {
	case strings.HasPrefix(text, "\t"):
		return "a tab: want spaces"
	case strings.HasPrefix(text, "\r"):
		return "a carriage return without a line feed: want lines that end in one"
	case r == utf8.RuneError && !strings.HasPrefix(text, string(utf8.RuneError)):
		return fmt.Sprintf("the byte 0x%02x: want UTF-8", text[0])
	case unprintable(r):
		return fmt.Sprintf("the character %U: want none that cannot be seen", r)
	default:
		return ""
	}
}

// unprintable finds what makes a text look other than it is: control
// characters, ends of lines that YAML does not know, and marks that turn the
// direction of writing (https://trojansource.codes).
func unprintable(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return false
	default:
		return unicode.IsControl(r) || 0x2028 <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 ||
			r == 0xfeff || r == 0xfffe || r == 0xffff
	}
}

// refused are the parts of YAML that a policy does without: it says what it
// means where it stands.
var refused = map[token.Type]string{
	token.AnchorType:     `an anchor: want the value itself, in quotes where it begins with "&"`,
	token.AliasType:      `an alias: want the value itself, in quotes where it begins with "*"`,
	token.TagType:        `a tag: want the value itself, in quotes where it begins with "!"`,
	token.MergeKeyType:   `a merge key: want the keys themselves`,
	token.MappingKeyType: `a key after "?": want "key: value"`,
	token.DirectiveType:  `a directive: want a policy, and quotes around a text that begins with "%"`,
}

// tokens returns the words of the file, if they can be those of a policy.
func (d *document) tokens(text string) (tokens token.Tokens, ok bool) {
	tokens = lexer.Tokenize(text)
	var n nesting
	var e ending
	q := quoting{document: d}
	for _, t := range tokens {
		at := t.Position
		if e.past(t) {
			d.report(at.Line, at.Column, "a second document: want one policy a file")
			break
		}
		if what := n.add(t); what != "" {
			d.report(at.Line, at.Column, "%s", what)
			break
		}
		if why, bad := refused[t.Type]; bad && t.PreviousType() != t.Type {
			d.report(at.Line, at.Column, "%s", why)
		}
		if t.Type == token.DirectiveType {
			break
		}
		if t.Type == token.DoubleQuoteType {
			q.check(at)
		}
	}
	return tokens, d.problems == nil
}

// ending follows where the first document of a file ends.
type ending struct{ begun, ended bool }

// past reports whether the token belongs to another document.
func (e *ending) past(t *token.Token) bool {
	if t.Type == token.CommentType {
		return false
	}
	if e.ended || e.begun && t.Type == token.DocumentHeaderType {
		return true
	}
	e.begun, e.ended = true, t.Type == token.DocumentEndType
	return false
}

// quoting reports escapes that YAML does not have: the parser makes something up
// for them.
type quoting struct {
	*document
	line int
	text []rune // of the line, so that it is not made anew for each of a thousand quotes
}

func (q *quoting) at(line int) []rune {
	if q.line != line {
		q.line, q.text = line, []rune(q.lines[line-1])
	}
	return q.text
}

// check reads on from the quote that begins a text.
func (q *quoting) check(at *token.Position) {
	column := at.Column // of what comes next, from 0
	for line := at.Line; line <= len(q.lines); line++ {
		text := q.at(line)
		for ; column < len(text) && text[column] != '"'; column++ {
			if text[column] != '\\' {
				continue
			}
			length := escape(string(text[column+1 : min(column+12, len(text))]))
			if length == 0 {
				q.report(line, column+1, `not YAML: no such escape: want "\\" for a backslash`)
			}
			column += max(1, length)
		}
		if column < len(text) {
			return
		}
		column = 0
	}
}

// escape returns how many characters stand behind a backslash for one, and 0
// where YAML has no such escape. At the end of a line it joins the next one.
func escape(s string) int {
	if s == "" || strings.IndexByte("abefnrtv0\"/\\NLP_ ", s[0]) >= 0 {
		return 1
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	code, err := codePoint(s, digits)
	switch {
	case digits == 0 || err != nil:
		return 0
	case utf8.ValidRune(rune(code)):
		return 1 + digits
	case digits == 4 && strings.HasPrefix(s[5:], `\u`): // JSON writes some letters as two
		low, err := codePoint(s[6:], digits)
		if err == nil && utf16.DecodeRune(rune(code), rune(low)) != utf8.RuneError {
			return len(`u0000\u0000`)
		}
	}
	return 0
}

func codePoint(s string, digits int) (code uint64, err error) {
	if len(s) <= digits {
		return 0, errors.New("too short")
	}
	return strconv.ParseUint(s[1:digits+1], 16, 31)
}

// nesting follows how deep in lists and mappings the tokens of a file are.
type nesting struct{ open []level }

// level is a list or a mapping that is not closed yet.
type level struct {
	flow   bool // in brackets
	column int  // of its entries, where it has no brackets
	keys   int
}

// add says what is wrong where the token goes too deep or gives a mapping too
// many keys.
func (n *nesting) add(t *token.Token) string {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.open = append(n.open, level{flow: true})
	case token.SequenceEndType, token.MappingEndType:
		n.leave()
	case token.SequenceEntryType:
		if n.enter(t.Position.Column).flow {
			return `not YAML: "-" begins no entry of a list in brackets`
		}
	case token.MappingValueType:
		column := t.Position.Column
		if t.Prev != nil {
			column = t.Prev.Position.Column
		}
		n.enter(column).keys++
	}
	switch {
	case len(n.open) > mostNested:
		return fmt.Sprintf("more than %d lists and mappings in one another", mostNested)
	case len(n.open) > 0 && n.open[len(n.open)-1].keys > mostKeys:
		return fmt.Sprintf("more than %d keys in one mapping", mostKeys)
	default:
		return ""
	}
}

// leave closes the innermost brackets.
func (n *nesting) leave() {
	for i, l := range slices.Backward(n.open) {
		if l.flow {
			n.open = n.open[:i]
			return
		}
	}
}

// enter returns the level that an entry at a column belongs to.
func (n *nesting) enter(column int) *level {
	for len(n.open) > 0 {
		last := &n.open[len(n.open)-1]
		if last.flow || last.column == column {
			return last
		}
		if last.column < column {
			break
		}
		n.open = n.open[:len(n.open)-1]
	}
	n.open = append(n.open, level{column: column})
	return &n.open[len(n.open)-1]
}

package lines

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pullfix/pullfix/audit"
)

// Columns is the width of a line where nobody knows a wider one. Only the event
// reaches over it, where it is long: it is what a story is asked for by.
const Columns = 137

// Layout writes records as the rows of a table.
type Layout struct{ widths [9]int }

var titles = [...]string{"TIME (UTC)", "RECORD", "VERDICT", "KIND", "PROJECT", "PRINCIPAL", "RESOURCE", "RULE", "EVENT"}

// least are the widths that fill Columns. What a wider line has more goes to
// the names.
var least = [...]int{19, 12, 7, 17, 12, 20, 16, 10, 16}

const (
	firstName, event = 4, 8
	longestEvent     = 64
)

// NewLayout fits lines into so many columns, and Columns at least.
func NewLayout(columns int) *Layout {
	l := &Layout{widths: least}
	more := max(0, columns-Columns)
	for i := firstName; i < event; i++ {
		l.widths[i] += more / (event - firstName)
	}
	l.widths[event] = longestEvent
	return l
}

// Header is the first line.
func (l *Layout) Header() string {
	var b []byte
	for i, title := range titles {
		b = l.cell(b, i, title, "")
	}
	return string(append(b, '\n'))
}

// Append appends a record as a row.
func (l *Layout) Append(b []byte, r *audit.Record) []byte {
	b = append(r.At.UTC().AppendFormat(b, time.DateTime), ' ')
	b = l.cell(b, 1, What(r), "")
	b = l.cell(b, 2, r.Verdict, "")
	b = l.cell(b, 3, r.Kind, "")
	b = l.cell(b, 4, r.SourceProject, "")
	account, home := shortPrincipal(r.Principal)
	b = l.cell(b, 5, account, home)
	project, resource := shortResource(r.Resource)
	b = l.cell(b, 6, project, resource)
	b = l.cell(b, 7, r.Rule, "")
	b = l.cell(b, event, r.Event, "")
	return append(bytes.TrimRight(b, " "), '\n')
}

var spaces = strings.Repeat(" ", 2*Columns)

// cell appends a text in its column, filled up unless it is the last. One that
// is too long is cut, before its end where that is short.
func (l *Layout) cell(b []byte, column int, text, end string) []byte {
	width := l.widths[column]
	b, used := appendCut(b, text, max(width-len(end), width/2))
	b, more := appendCut(b, end, width-used)
	if column == len(l.widths)-1 {
		return b
	}
	return append(b, spaces[:min(width-used-more+1, len(spaces))]...)
}

// appendCut appends at most width characters of a text, as [Plain] shows it, and
// returns how many.
func appendCut(b []byte, text string, width int) (out []byte, used int) {
	if isPlain(text) && len(text) <= width {
		return append(b, text...), len(text)
	}
	// A rune is shown by one character at least.
	text = Plain(text[:runes(text, width+1)])
	if n := utf8.RuneCountInString(text); n <= width {
		return append(b, text...), n
	}
	if width == 0 {
		return b, 0
	}
	return append(append(b, text[:runes(text, width-1)]...), "…"...), width
}

// runes returns the length of the first so many runes of a text.
func runes(text string, most int) (length int) {
	for range most {
		_, size := utf8.DecodeRuneInString(text[length:])
		length += size
	}
	return length
}

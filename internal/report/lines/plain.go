package lines

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Plain returns a text in which everything can be seen: what a terminal would
// obey, or not show, is written as in Go's quoted strings.
func Plain(s string) string {
	if isPlain(s) {
		return s
	}
	return string(appendPlain(nil, s))
}

// isPlain reports whether a text is printable ASCII, as nearly all are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func appendPlain(b []byte, s string) []byte {
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		b = appendRune(b, s[:size], r)
		s = s[size:]
	}
	return b
}

// appendRune writes a rune that is written as text.
func appendRune(b []byte, text string, r rune) []byte {
	if unicode.IsPrint(r) && (r != utf8.RuneError || len(text) > 1) {
		return append(b, text...)
	}
	quoted := strconv.AppendQuote(nil, text)
	return append(b, quoted[1:len(quoted)-1]...)
}

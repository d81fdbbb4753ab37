package lines

import (
	"time"
	"unicode/utf8"

	"github.com/pullfix/pullfix/audit"
)

// AppendJSON appends a record as the line that it was recorded as, byte for
// byte what encoding/json makes of it.
func AppendJSON(b []byte, r *audit.Record) []byte {
	before := byte('{')
	for i, field := range Texts(r) {
		if i == beforeTime {
			b = append(r.At.AppendFormat(append(b, `,"at":"`...), time.RFC3339Nano), '"')
		}
		b = append(append(append(b, before, '"'), Keys[i]...), '"', ':')
		b = appendString(b, *field)
		before = ','
	}
	return append(b, '}', '\n')
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if verbatim[s[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if escaped := escapeJSON(s[i:i+size], r); escaped != "" {
			b = append(append(b, s[start:i]...), escaped...)
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

// verbatim are the bytes of ASCII that stand for themselves.
var verbatim = func() (verbatim [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		verbatim[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return verbatim
}()

// escapeJSON returns "" for a rune that stands for itself.
func escapeJSON(text string, r rune) string {
	const hex = "0123456789abcdef"
	switch {
	case r == utf8.RuneError && len(text) == 1:
		return `\ufffd`
	case r == '\u2028' || r == '\u2029':
		return `\u202` + hex[r&0xf:r&0xf+1]
	case r >= utf8.RuneSelf:
		return ""
	}
	if short, ok := shortEscapes[r]; ok {
		return short
	}
	return `\u00` + hex[r>>4:r>>4+1] + hex[r&0xf:r&0xf+1]
}

var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}

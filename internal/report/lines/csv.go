package lines

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pullfix/pullfix/audit"
)

// CSVHeader is the first line: the keys of a record.
var CSVHeader = strings.Join(Keys[:beforeTime], ",") + ",at," + strings.Join(Keys[beforeTime:], ",") + "\n"

// AppendCSV appends a record as a line of comma-separated values.
func AppendCSV(b []byte, r *audit.Record) []byte {
	for i, field := range Texts(r) {
		if i == beforeTime {
			b = append(r.At.AppendFormat(b, time.RFC3339Nano), ',')
		}
		b = append(AppendCell(b, *field), ',')
	}
	b[len(b)-1] = '\n'
	return b
}

// AppendCell appends one value of a line of comma-separated values. A
// spreadsheet takes what begins like a formula for one, so that gets an
// apostrophe before it (https://owasp.org/www-community/attacks/CSV_Injection),
// also after a semicolon, at which some spreadsheets part values.
func AppendCell(b []byte, s string) []byte {
	if harmless(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	first := true
	for len(s) > 0 {
		if n := plainRun(s); n > 0 && !first {
			b, s = append(b, s[:n]...), s[n:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if first && strings.ContainsRune("=+-@＝＋－＠", r) {
			b = append(b, '\'')
		}
		if r == '"' {
			b = append(b, '"')
		}
		b = appendRune(b, s[:size], r)
		first = r == ';'
		s = s[size:]
	}
	return append(b, '"')
}

// harmless reports whether a value can stand as it is.
func harmless(s string) bool {
	return s == "" || plainRun(s) == len(s) && !strings.ContainsRune("=+-@ ", rune(s[0]))
}

// plainRun is how many bytes from the first one on stand for themselves.
func plainRun(s string) int {
	for i := range len(s) {
		if !harmlessByte[s[i]] {
			return i
		}
	}
	return len(s)
}

var harmlessByte = func() (harmless [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		harmless[c] = !strings.ContainsRune(`",;`, rune(c))
	}
	return harmless
}()

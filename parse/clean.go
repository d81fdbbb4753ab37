package parse

import (
	"strings"
	"unicode/utf8"
)

// clean undoes what terminals, CI systems, editors and quoting do to a message
// without changing what it says: escapes are decoded, typographic quotes become
// ASCII ones, colours, link targets and the prefix of each line go. Characters
// that are invisible, or look like others, stay: an identifier that holds one
// is not an identifier.
func clean(text string) string { return tidy(decode(text)) }

// tidy is clean for text without escapes.
func tidy(text string) string {
	c := cleaner{in: text, out: make([]byte, 0, len(text))}
	for c.at < len(c.in) {
		if len(c.out) == 0 || c.out[len(c.out)-1] == '\n' {
			c.at += linePrefix(c.in[c.at:])
		}
		if !c.plain(&tidyPlain) {
			c.mark()
		}
	}
	return string(c.out)
}

type cleaner struct {
	in  string
	at  int
	out []byte
}

// mark reads what is not plain.
func (c *cleaner) mark() {
	if c.at == len(c.in) {
		return
	}
	switch b := c.in[c.at]; {
	case b == 0x1b:
		c.at += escapeSequence(c.in[c.at:])
	case b == '%':
		c.verb()
	case b == '\r':
		c.emit('\n', 1)
		if c.at < len(c.in) && c.in[c.at] == '\n' {
			c.at++
		}
	case b == '*':
		c.stars()
	case b == ']' && hasLink(c.in[c.at+1:], '('):
		c.emit(']', 1)
		c.at = skipPast(c.in, c.at, ')')
	case b == '<' && hasLink(c.in[c.at:], '<'):
		c.angleLink()
	case b >= utf8.RuneSelf:
		c.rune()
	default:
		c.emit(b, 1)
	}
}

func (c *cleaner) emit(b byte, n int) {
	c.out = append(c.out, b)
	c.at += n
}

// plain copies a run of bytes that need no care.
func (c *cleaner) plain(ok *[256]bool) bool {
	from := c.at
	for c.at < len(c.in) && ok[c.in[c.at]] {
		c.at++
	}
	c.out = append(c.out, c.in[from:c.at]...)
	return c.at > from
}

// tidyPlain holds the bytes that tidy copies.
var tidyPlain = func() (plain [256]bool) {
	for b := range 128 {
		plain[b] = b >= ' ' && b != 0x7f && strings.IndexByte("%*]<", byte(b)) < 0
	}
	return plain
}()

// escapeSequence returns the length of a terminal's control sequence
// (ECMA-48), which ends with a byte from @ to ~.
func escapeSequence(s string) int {
	if len(s) < 2 || s[1] != '[' {
		return 1
	}
	for i := 2; i < len(s) && i < 32; i++ {
		if '@' <= s[i] && s[i] <= '~' {
			return i + 1
		}
	}
	return 1
}

// verb keeps of "%!F(MISSING)" what shows that something is missing, without
// the brackets, so that it stays part of the name that it damages.
func (c *cleaner) verb() {
	const missing = "(MISSING)"
	if rest := c.in[c.at:]; len(rest) > 3 && rest[1] == '!' && strings.HasPrefix(rest[3:], missing) {
		c.out = append(c.out, rest[:3]...)
		c.at += 3 + len(missing)
		return
	}
	c.emit('%', 1)
}

// stars drops the "**" of Markdown and keeps "*" and the masking "***".
func (c *cleaner) stars() {
	n := 1
	for c.at+n < len(c.in) && c.in[c.at+n] == '*' {
		n++
	}
	if n != 2 || c.inName(n) {
		c.out = append(c.out, c.in[c.at:c.at+n]...)
	}
	c.at += n
}

// inName reports whether the n bytes that come stand inside a name, where they
// hide a part of it.
func (c *cleaner) inName(n int) bool {
	if c.at == 0 || !wordByte(c.in[c.at-1]) || c.at+n >= len(c.in) {
		return false
	}
	next := c.in[c.at+n]
	return next > ' ' && strings.IndexByte(".,:;)\"'", next) < 0
}

// hasLink reports whether s begins with the bracket and an address that an
// editor made a link of.
func hasLink(s string, bracket byte) bool {
	if s == "" || s[0] != bracket {
		return false
	}
	for _, scheme := range []string{"http://", "https://", "mailto:"} {
		if strings.HasPrefix(s[1:], scheme) {
			return true
		}
	}
	return false
}

const longestLink = 512

// skipPast returns the index after the next byte end, or at where the line
// ends first.
func skipPast(s string, at int, end byte) int {
	for i := at; i < len(s) && i < at+longestLink && s[i] != '\n'; i++ {
		if s[i] == end {
			return i + 1
		}
	}
	return at
}

// angleLink reads <https://…>, and keeps the text of <https://…|text>.
func (c *cleaner) angleLink() {
	end := skipPast(c.in, c.at, '>')
	if end == c.at {
		c.emit('<', 1)
		return
	}
	link := c.in[c.at+1 : end-1]
	if _, text, ok := strings.Cut(link, "|"); ok {
		link = text
	}
	c.out = append(c.out, strings.TrimPrefix(link, "mailto:")...)
	c.at = end
}

// rune normalises what is not ASCII.
func (c *cleaner) rune() {
	r, n := utf8.DecodeRuneInString(c.in[c.at:])
	c.at += n
	c.write(r)
}

func (c *cleaner) write(r rune) {
	switch {
	case strings.ContainsRune("“”„‟«»″「」『』", r):
		c.out = append(c.out, '"')
	case strings.ContainsRune("‘’‚‛‹›′´", r):
		c.out = append(c.out, '\'')
	case strings.ContainsRune("\u00a0\u2007\u202f\u3000", r), isRule(r):
		c.out = append(c.out, ' ')
	default:
		c.out = utf8.AppendRune(c.out, r)
	}
}

// isRule reports whether r draws boxes and lines.
func isRule(r rune) bool { return 0x2500 <= r && r <= 0x259f }

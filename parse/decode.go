package parse

import (
	"strings"
	"unicode/utf8"
)

// mostEscapings bounds how often a text may have been escaped in different
// ways, as HTML in JSON is.
const mostEscapings = 3

// decode undoes the escapes of JSON, of programming languages and of HTML.
func decode(text string) string {
	for range mostEscapings {
		if strings.IndexByte(text, '\\') < 0 && strings.IndexByte(text, '&') < 0 {
			break
		}
		c := cleaner{in: text, out: make([]byte, 0, len(text))}
		for c.at < len(c.in) {
			if c.plain(&decodePlain) {
				continue
			}
			if c.in[c.at] == '\\' {
				c.backslash()
			} else {
				c.entity()
			}
		}
		if string(c.out) == text {
			break
		}
		text = string(c.out)
	}
	return text
}

// decodePlain holds the bytes that decode copies.
var decodePlain = func() (plain [256]bool) {
	for b := range plain {
		plain[b] = b != '\\' && b != '&'
	}
	return plain
}()

// backslash decodes escapes, however often they were escaped again. What
// stands for no character, as in a Windows path, stays.
func (c *cleaner) backslash() {
	n := 1
	for c.at+n < len(c.in) && c.in[c.at+n] == '\\' {
		n++
	}
	rest := c.in[c.at+n:]
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case rest == "":
		c.at += n
	case strings.ContainsRune("\"'`/ \n*_<>“”‘’", r):
		c.at += n
		c.copy(size)
	case rest[0] == 'n':
		c.emit('\n', n+1)
	case rest[0] == 'r' || rest[0] == 't':
		c.emit(' ', n+1)
	case rest[0] == 'u' && len(rest) > 4:
		r, used := unicodeEscape(rest[1:])
		if used == 0 {
			c.copy(n)
			return
		}
		if r == '\r' {
			r = '\n'
		}
		c.out = utf8.AppendRune(c.out, r)
		c.at += n + 1 + used
	default:
		c.copy(n)
	}
}

func (c *cleaner) copy(n int) {
	c.out = append(c.out, c.in[c.at:c.at+n]...)
	c.at += n
}

var entities = [...]struct {
	name string
	char byte
}{
	{"&quot;", '"'},
	{"&#34;", '"'},
	{"&#39;", '\''},
	{"&#x27;", '\''},
	{"&apos;", '\''},
	{"&lt;", '<'},
	{"&gt;", '>'},
	{"&amp;", '&'},
	{"&nbsp;", ' '},
}

func (c *cleaner) entity() {
	for _, e := range entities {
		if strings.HasPrefix(c.in[c.at:], e.name) {
			c.emit(e.char, len(e.name))
			return
		}
	}
	c.emit('&', 1)
}

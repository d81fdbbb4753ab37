package parse

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An entry nests about ten levels deep. Whoever nests deeper than this wants
// to exhaust the stack.
const deepest = 100

// longestDocument keeps offsets within 32 bits.
const longestDocument = 1 << 30

type nodeKind byte

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	arrayNode
	objectNode
)

var nodeNames = [...]string{
	nullNode: "null", boolNode: "a boolean", numberNode: "a number", stringNode: "a string",
	arrayNode: "an array", objectNode: "an object",
}

type span struct{ from, to int32 }

// node is one JSON value. Nodes lie in one slice in the order of the text, and
// refer to each other by index. Node 0 stands for what is absent, so that
// looking into it finds nothing; the document is node 1.
type node struct {
	kind        nodeKind
	escaped     bool // the string holds backslashes
	keyEscaped  bool
	key, val    span // without the quotes; val of an object or array includes its brackets
	next, child int32
}

const (
	absent int32 = iota
	root
)

// tree is a decoded JSON document.
type tree struct {
	text  string
	nodes []node
	fold  bool // keys are compared without case and underscores
	err   error
}

// formError says where an entry is not what it should be.
type formError struct {
	offset int
	field  string // path of the field, "" where not known
	why    string
}

func (e *formError) Error() string {
	if e.field == "" {
		return fmt.Sprintf("entry: byte %d: %s", e.offset, e.why)
	}
	return fmt.Sprintf("entry: byte %d: field %q: %s", e.offset, e.field, e.why)
}

// decoder reads JSON (RFC 8259) into a tree.
type decoder struct {
	text  string
	at    int
	nodes []node
	path  []span
}

// decodeJSON reads one value and demands that nothing follows it.
func decodeJSON(text string) (*tree, error) {
	d := newDecoder(text, len(text)/20)
	if err := d.document(); err != nil {
		return nil, err
	}
	if d.space(); d.at < len(text) {
		return nil, d.fail("text follows the end of the value")
	}
	return &tree{text: text, nodes: d.nodes}, nil
}

func newDecoder(text string, nodes int) *decoder {
	return &decoder{text: text, nodes: make([]node, root, min(nodes, 4096)+8)}
}

// document reads one value from the front of the text.
func (d *decoder) document() error {
	if len(d.text) > longestDocument {
		return d.fail("longer than 1 GiB")
	}
	if d.space(); d.at == len(d.text) {
		return d.fail("empty input")
	}
	_, err := d.value(0)
	return err
}

func (d *decoder) fail(why string) error {
	return &formError{offset: d.at, field: d.field(), why: why}
}

const longestFieldShown = 200

func (d *decoder) field() string {
	var b strings.Builder
	for i, key := range d.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(d.text[key.from:key.to])
	}
	return cut(b.String(), longestFieldShown)
}

func (d *decoder) space() {
	for d.at < len(d.text) && (d.text[d.at] == ' ' || d.text[d.at] == '\n' || d.text[d.at] == '\t' || d.text[d.at] == '\r') {
		d.at++
	}
}

func (d *decoder) value(depth int) (int32, error) {
	if depth == deepest {
		return 0, d.fail(fmt.Sprintf("nested deeper than %d levels", deepest))
	}
	if d.at == len(d.text) {
		return 0, d.fail("cut off where a value should be")
	}
	n := int32(len(d.nodes))
	d.nodes = append(d.nodes, node{val: span{from: int32(d.at)}})
	var err error
	switch c := d.text[d.at]; c {
	case '{':
		d.nodes[n].kind = objectNode
		err = d.members(n, depth)
	case '[':
		d.nodes[n].kind = arrayNode
		err = d.elements(n, depth)
	case '"':
		s, escaped, serr := d.quoted()
		d.nodes[n].kind, d.nodes[n].val, d.nodes[n].escaped = stringNode, s, escaped
		return n, serr
	case 't':
		err = d.word(n, boolNode, "true")
	case 'f':
		err = d.word(n, boolNode, "false")
	case 'n':
		err = d.word(n, nullNode, "null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			return n, d.fail(fmt.Sprintf("not JSON: %q where a value should be", rune(c)))
		}
		d.nodes[n].kind = numberNode
		d.number()
	}
	d.nodes[n].val.to = int32(d.at)
	return n, err
}

// close reads what follows a member or element: a comma, or the closing
// bracket.
func (d *decoder) close(bracket byte, what string) (done bool, err error) {
	d.space()
	switch {
	case d.at == len(d.text):
		return false, d.fail("cut off inside " + what)
	case d.text[d.at] == bracket:
		d.at++
		return true, nil
	case d.text[d.at] == ',':
		d.at++
		d.space()
		return false, nil
	default:
		return false, d.fail(fmt.Sprintf("not JSON: %q where a comma should be", rune(d.text[d.at])))
	}
}

func (d *decoder) members(n int32, depth int) error {
	d.at++
	if d.space(); d.at < len(d.text) && d.text[d.at] == '}' {
		d.at++
		return nil
	}
	for last := absent; ; {
		if d.at == len(d.text) {
			return d.fail("cut off inside an object")
		}
		if d.text[d.at] != '"' {
			return d.fail(fmt.Sprintf("not JSON: %q where a key should be", rune(d.text[d.at])))
		}
		key, escaped, err := d.quoted()
		if err != nil {
			return err
		}
		d.path = append(d.path, key)
		if d.space(); d.at == len(d.text) || d.text[d.at] != ':' {
			return d.fail("no colon after the key")
		}
		d.at++
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
		d.nodes[v].key, d.nodes[v].keyEscaped = key, escaped
		d.link(n, last, v)
		last = v
		if done, err := d.close('}', "an object"); done || err != nil {
			return err
		}
	}
}

func (d *decoder) elements(n int32, depth int) error {
	d.at++
	if d.space(); d.at < len(d.text) && d.text[d.at] == ']' {
		d.at++
		return nil
	}
	for last := absent; ; {
		v, err := d.value(depth + 1)
		if err != nil {
			return err
		}
		d.link(n, last, v)
		last = v
		if done, err := d.close(']', "an array"); done || err != nil {
			return err
		}
	}
}

func (d *decoder) link(parent, last, v int32) {
	if last == absent {
		d.nodes[parent].child = v
	} else {
		d.nodes[last].next = v
	}
}

func (d *decoder) quoted() (s span, escaped bool, err error) {
	d.at++
	s.from = int32(d.at)
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			s.to = int32(d.at)
			d.at++
			return s, escaped, nil
		case c == '\\':
			if escaped = true; d.at+1 < len(d.text) && strings.IndexByte(`"\/bfnrtu`, d.text[d.at+1]) < 0 {
				return s, escaped, d.fail("an escape that JSON does not know")
			}
			d.at += 2
		case c < ' ':
			return s, escaped, d.fail("a control character inside a string")
		default:
			d.at++
		}
	}
	d.at = len(d.text)
	return s, escaped, d.fail("cut off inside a string")
}

func (d *decoder) word(n int32, kind nodeKind, word string) error {
	if !strings.HasPrefix(d.text[d.at:], word) {
		return d.fail(fmt.Sprintf("not JSON: want %s", word))
	}
	d.at += len(word)
	d.nodes[n].kind = kind
	return nil
}

func (d *decoder) number() {
	for d.at < len(d.text) && strings.IndexByte("0123456789+-.eE", d.text[d.at]) >= 0 {
		d.at++
	}
}

// unescape decodes the escapes of a JSON string; one that is malformed stands
// for U+FFFD.
func unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		run := strings.IndexByte(s[i:], '\\')
		if run < 0 || i+run+1 == len(s) {
			b.WriteString(s[i:])
			break
		}
		b.WriteString(s[i : i+run])
		r, n := escape(s[i+run+1:])
		b.WriteRune(r)
		i += run + n
	}
	return b.String()
}

// escape reads what follows a backslash, and returns the number of bytes read.
func escape(s string) (r rune, n int) {
	switch s[0] {
	case 'n':
		return '\n', 1
	case 't':
		return '\t', 1
	case 'r':
		return '\r', 1
	case 'b', 'f':
		return ' ', 1
	case 'u':
		r, n := unicodeEscape(s[1:])
		return r, n + 1
	default:
		return utf8.DecodeRuneInString(s)
	}
}

// spells reports whether a JSON string with escapes reads as s.
func spells(escaped, s string) bool {
	for {
		run := strings.IndexByte(escaped, '\\')
		if run < 0 || run+1 == len(escaped) {
			return escaped == s
		}
		if !strings.HasPrefix(s, escaped[:run]) {
			return false
		}
		r, n := escape(escaped[run+1:])
		first, size := utf8.DecodeRuneInString(s[run:])
		if size == 0 || r != first {
			return false
		}
		escaped, s = escaped[run+1+n:], s[run+size:]
	}
}

// unicodeEscape reads what follows `\u`: four hexadecimal digits, and the
// second half of a surrogate pair. It returns the number of bytes read.
func unicodeEscape(s string) (r rune, n int) {
	r, ok := hex4(s)
	if !ok {
		return utf8.RuneError, 0
	}
	if utf16.IsSurrogate(r) {
		if len(s) >= 10 && s[4] == '\\' && s[5] == 'u' {
			if low, ok := hex4(s[6:]); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return pair, 10
				}
			}
		}
		return utf8.RuneError, 4
	}
	return r, 4
}

func hex4(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for i := range 4 {
		c := s[i] | 0x20
		switch {
		case '0' <= s[i] && s[i] <= '9':
			r = r<<4 | rune(s[i]-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// cut shortens s to at most limit bytes, between characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

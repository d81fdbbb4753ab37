package rules

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// Expect is what a test is to expect.
type Expect struct {
	Verdict Verdict
	Rule    string // "" where no rule decides
}

// Rewrite returns a valid policy file with other expectations in some of its
// tests, by their place in [Policy.Tests]. A rule is written only into a test
// that names one, and taken out where none decides. Everything else stays as it
// stands, byte for byte, comments and quotes too. An expectation that is written
// in a way that cannot be changed in place is an error.
func Rewrite(file string, data []byte, expected map[int]Expect) ([]byte, error) {
	before, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	w := newRewriting(data)
	for i, t := range before.tests {
		want, change := expected[i]
		if !change {
			continue
		}
		if err := w.expect(t, want); err != nil {
			return nil, fmt.Errorf("test %q: %w", t.Name, err)
		}
	}
	after := w.apply()
	if err := before.proves(after, expected); err != nil {
		return nil, err
	}
	return after, nil
}

var errInPlace = errors.New("what it expects is written in a way that cannot be changed in place: change it by hand")

// proves reads what was written, and wants nothing else to be changed.
func (p *Policy) proves(after []byte, expected map[int]Expect) error {
	q, err := Parse(p.file, after)
	if err != nil || q.digest != p.digest || len(q.tests) != len(p.tests) {
		return errInPlace
	}
	for i, want := range p.tests {
		if e, changed := expected[i]; changed {
			want.Verdict = e.Verdict.String()
			if want.Rule != "" {
				want.Rule = e.Rule
			}
		}
		got := q.tests[i]
		if got.Name != want.Name || got.Event != want.Event || got.Verdict != want.Verdict || got.Rule != want.Rule ||
			!slices.Equal(got.Above, want.Above) || !slices.Equal(got.Numbers, want.Numbers) {
			return fmt.Errorf("test %q: %w", want.Name, errInPlace)
		}
	}
	return nil
}

// rewriting is a policy file while it is changed.
type rewriting struct {
	text  []byte
	lines []int // where every line begins
	edits []edit
}

// edit puts other text in the place of text[from:to].
type edit struct {
	from, to int
	with     string
}

func newRewriting(text []byte) *rewriting {
	w := &rewriting{text: text, lines: []int{0}}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		w.lines[0] = len("\ufeff")
	}
	for i, b := range text {
		if b == '\n' {
			w.lines = append(w.lines, i+1)
		}
	}
	return w
}

// apply returns nothing where two edits overlap.
func (w *rewriting) apply() []byte {
	slices.SortFunc(w.edits, func(a, b edit) int { return a.from - b.from })
	var out bytes.Buffer
	at := 0
	for _, e := range w.edits {
		if e.to < e.from || e.from < at {
			return nil
		}
		out.Write(w.text[at:e.from])
		out.WriteString(e.with)
		at = e.to
	}
	out.Write(w.text[at:])
	return out.Bytes()
}

// expect changes what one test expects.
func (w *rewriting) expect(t Test, want Expect) error {
	m, ok := t.expect.(*ast.MappingNode)
	if !ok {
		return errInPlace
	}
	for i, v := range m.Values {
		word := want.Rule
		if v.Key.GetToken().Value == "verdict" {
			word = want.Verdict.String()
		}
		s, err := w.scalar(v)
		switch {
		case err != nil:
			return err
		case word == "":
			err = w.remove(m, i)
		default:
			w.edits = append(w.edits, s.write(word))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scalar is where one word stands, with its quotes, which plain words lack.
type scalar struct {
	from, to int
	quoted   bool
}

// write puts another word between the quotes.
func (s scalar) write(word string) edit {
	switch {
	case s.quoted:
		return edit{s.from + 1, s.to - 1, word}
	case word[0] <= '9' || slices.Contains([]string{"null", "true", "false"}, word): // a plain one may be no text
		return edit{s.from, s.to, `"` + word + `"`}
	default:
		return edit{s.from, s.to, word}
	}
}

// scalar finds where the word of a key stands. It reads on from the key: the
// YAML parser misplaces a plain word that blanks follow.
func (w *rewriting) scalar(v *ast.MappingValueNode) (scalar, error) {
	at, ok := w.offset(start(v.Key))
	if !ok {
		return scalar{}, errInPlace
	}
	key, ok := w.word(at, v.Key.GetToken().Value)
	if at = w.skip(key.to, blanks); !ok || at == len(w.text) || w.text[at] != ':' {
		return scalar{}, errInPlace
	}
	s, ok := w.word(w.skip(at+1, blanks+ends), v.Value.GetToken().Value)
	if _, block := v.Value.(*ast.LiteralNode); block || !ok {
		return scalar{}, errInPlace
	}
	return s, nil
}

// word finds a word at a place, in quotes or plain.
func (w *rewriting) word(at int, value string) (s scalar, ok bool) {
	rest := w.text[at:]
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
		return scalar{at, at + quotedLength(rest), true}, true
	}
	return scalar{from: at, to: at + len(value)}, bytes.HasPrefix(rest, []byte(value))
}

// quotedLength is the length of a text in quotes, the quotes included, at the
// start of text.
func quotedLength(text []byte) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\':
			i++
		case text[i] != quote:
		case quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(text)
}

// offset returns where a position of the YAML parser is, which counts columns in
// characters.
func (w *rewriting) offset(p position) (at int, ok bool) {
	if p.line < 1 || p.line > len(w.lines) {
		return 0, false
	}
	at = w.lines[p.line-1]
	for range p.column - 1 {
		_, size := utf8.DecodeRune(w.text[at:])
		at += size
	}
	return at, at < len(w.text)
}

const (
	blanks = " "
	ends   = "\r\n" // of a line
)

// remove takes a key and its value out of a mapping, with the comma of a flow
// mapping and with the line where nothing else stands on it.
func (w *rewriting) remove(m *ast.MappingNode, i int) error {
	v := m.Values[i]
	from, ok := w.offset(start(v.Key))
	value, err := w.scalar(v)
	if !ok || err != nil {
		return errInPlace
	}
	to := value.to
	if m.IsFlowStyle {
		if next := w.skip(to, blanks+ends); next < len(w.text) && w.text[next] == ',' {
			to = next + 1
		} else if err := w.removeComma(m, i); err != nil {
			return err
		}
	}
	w.edits = append(w.edits, w.widen(from, to))
	return nil
}

// removeComma takes out the comma before the last entry of a flow mapping.
func (w *rewriting) removeComma(m *ast.MappingNode, i int) error {
	if i == 0 {
		return errInPlace
	}
	before, err := w.scalar(m.Values[i-1])
	if err != nil {
		return err
	}
	comma := w.skip(before.to, blanks+ends)
	if comma == len(w.text) || w.text[comma] != ',' {
		return errInPlace
	}
	w.edits = append(w.edits, edit{from: comma, to: comma + 1})
	return nil
}

// widen takes the blanks along that text[from:to] leaves behind, and the end of
// the line where nothing is left of the line.
func (w *rewriting) widen(from, to int) edit {
	begin := from
	for begin > 0 && strings.IndexByte(blanks, w.text[begin-1]) >= 0 {
		begin--
	}
	end := w.skip(to, blanks)
	first := begin == 0 || w.text[begin-1] == '\n'
	last := end == len(w.text) || strings.IndexByte(ends, w.text[end]) >= 0
	switch {
	case first && last:
		return edit{from: begin, to: min(w.skip(end, "\r")+1, len(w.text))}
	case first || !last && w.text[to-1] == ',':
		return edit{from: from, to: end}
	default:
		return edit{from: begin, to: to}
	}
}

// skip returns where the bytes of a set end that begin at a place.
func (w *rewriting) skip(at int, set string) int {
	for at < len(w.text) && strings.IndexByte(set, w.text[at]) >= 0 {
		at++
	}
	return at
}

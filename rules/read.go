package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Problem is one thing wrong in a policy file, and where.
type Problem struct {
	File   string
	Line   int    // from 1
	Column int    // from 1, in characters
	Source string // the line
	What   string // what is wrong and what was wanted
}

// Error returns "file:line:column: what", and the line with a mark below the
// column. Of a long line it shows what is near.
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.What)
	if p.Source == "" {
		return s
	}
	source, at := p.near()
	number := fmt.Sprint(p.Line)
	return fmt.Sprintf("%s\n  %s | %s\n  %*s | %*s^", s, number, source, len(number), "", at, "")
}

const longestSource = 200

// near returns the part of the line to be shown, and where in it the mark
// belongs.
func (p Problem) near() (source string, at int) {
	line := []rune(p.Source)
	at = max(0, min(p.Column-1, len(line)))
	from := 0
	if len(line) > longestSource {
		from = max(0, min(at-longestSource/2, len(line)-longestSource))
	}
	to := min(len(line), from+longestSource)
	source = strings.Map(seen, string(line[from:to]))
	if from > 0 {
		source, at = "…"+source, at-from+1
	}
	if to < len(line) {
		source += "…"
	}
	return source, at
}

// seen keeps a line that is shown from doing something to the terminal.
func seen(r rune) rune {
	if unprintable(r) || r == '\t' || r == '\r' {
		return utf8.RuneError
	}
	return r
}

// Problems is everything wrong in a policy file, in the order of its lines.
type Problems []Problem

// Error returns one paragraph a problem.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

const largestFile = 1 << 20

// document walks the syntax tree of a policy file and collects every problem,
// so that one run shows them all.
type document struct {
	file     string
	lines    []string
	problems Problems
	shown    shownLine
}

// parse returns the mapping at the top of the file, or nil where there
// is none.
func (d *document) parse(data []byte) ast.Node {
	if len(data) > largestFile {
		d.report(1, 1, "the file has %d bytes: want at most %d", len(data), largestFile)
		return nil
	}
	text := d.clean(data)
	if d.problems != nil {
		return nil
	}
	tokens, ok := d.tokens(text)
	if !ok {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		d.report(1, 1, "the file is empty: want a policy that begins with apiVersion: %s", apiVersion)
		return nil
	}
	return f.Docs[0].Body
}

// syntax reports what the YAML parser says. Its error's own text is not asked
// for: it quotes the file, which takes time that grows with the square of it.
func (d *document) syntax(err error) {
	if syntax := (*yaml.SyntaxError)(nil); errors.As(err, &syntax) {
		at := syntax.Token.Position
		d.report(at.Line, at.Column, "not YAML: %s", syntax.Message)
		return
	}
	d.report(1, 1, "not YAML: %v", err)
}

// mostProblems is more than anybody mends in one go.
const mostProblems = 100

func (d *document) report(line, column int, format string, args ...any) {
	if d.full() {
		return
	}
	p := Problem{File: d.file, Line: max(1, min(line, len(d.lines))), Column: column, What: fmt.Sprintf(format, args...)}
	if len(d.lines) > 0 {
		p.Source = d.masked(p.Line)
	}
	p.Column = max(1, min(p.Column, utf8.RuneCountInString(p.Source)+1))
	d.problems = append(d.problems, p)
}

// full reports whether more problems would not be kept.
func (d *document) full() bool { return len(d.problems) >= mostProblems }

// fail reports a problem at a node.
func (d *document) fail(n ast.Node, format string, args ...any) {
	at := start(n)
	d.report(at.line, at.column, format, args...)
}

type position struct{ line, column int }

// start returns where a node begins; the token of a mapping is its first colon.
func start(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return start(m.Values[0].Key)
	}
	at := n.GetToken().Position
	return position{at.Line, at.Column}
}

func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	return d.sorted()
}

// sorted returns the problems in the order of their lines, and says where there
// may be more of them.
func (d *document) sorted() Problems {
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if !d.full() {
		return d.problems
	}
	more := d.problems[len(d.problems)-1]
	more.What = fmt.Sprintf("there may be more: at most %d are told at once", mostProblems)
	return append(d.problems, more)
}

// fields says how to read each key of a mapping.
type fields map[string]func(ast.Node)

// mapping reads a mapping and returns the keys that it has. Unknown and
// repeated keys are problems.
func (d *document) mapping(n ast.Node, what string, known fields) map[string]bool {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fail(n, "%s: want a mapping with %s", what, list(keys(known)))
		return nil
	}
	seen := map[string]bool{}
	for _, v := range m.Values {
		key := v.Key.GetToken().Value
		read, ok := known[key]
		switch {
		case !ok:
			d.fail(v.Key, "%s: %v", what, unknownWord("key", cut(key), keys(known)))
		case seen[key]:
			d.fail(v.Key, "%s: key %q stands here a second time", what, key)
		default:
			seen[key] = true
			read(v.Value)
		}
	}
	return seen
}

// each reads every entry of a list, which must have one.
func (d *document) each(n ast.Node, what string, read func(ast.Node)) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n, "%s: want a list", what)
		return
	}
	if len(s.Values) == 0 {
		d.fail(n, "%s: the list is empty: leave the key out, or name at least one", what)
	}
	for _, v := range s.Values {
		if d.full() {
			return
		}
		read(v)
	}
}

// longestText is more than any name or reason has.
const longestText = 2000

// scalar returns the text of a scalar, and what it is in YAML where that is not
// a text.
func (d *document) scalar(n ast.Node, what string) (text, other string, ok bool) {
	return d.text(n, what, longestText)
}

func (d *document) text(n ast.Node, what string, longest int) (text, other string, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		text, other = n.GetToken().Value, aNumber
	case *ast.BoolNode:
		text, other = n.GetToken().Value, "true or false"
	case *ast.MappingNode: // so the parser reads [user:ann@example.com]
		d.fail(n, "%s: want one text, in quotes where it has a colon", what)
		return "", "", false
	default:
		d.fail(n, "%s: want one text", what)
		return "", "", false
	}
	if length := utf8.RuneCountInString(text); length > longest {
		d.fail(n, "%s: %d characters: want at most %d", what, length, longest)
		return "", "", false
	}
	if i := strings.IndexFunc(text, unprintable); i >= 0 {
		d.fail(n, "%s: %q: want no character that cannot be seen", what, text)
		return "", "", false
	}
	return text, other, true
}

const aNumber = "a number"

// value reads a scalar through the parser of its type. What YAML takes for
// something else than a text is an error even where its letters would do: other
// programs would not read it as we do.
func value[T any](d *document, n ast.Node, what string, parse func(string) (T, error)) (v T, ok bool) {
	s, other, ok := d.scalar(n, what)
	if !ok {
		return v, false
	}
	v, err := parse(s)
	switch {
	case err != nil:
		d.fail(n, "%s: %v", what, err)
	case other != "":
		d.fail(n, "%s: %s is %s to YAML: want a text, in quotes", what, s, other)
	}
	return v, err == nil && other == ""
}

// count returns a reader that stores a whole number.
func count(d *document, to *int, what string) func(ast.Node) {
	return func(n ast.Node) {
		s, other, ok := d.scalar(n, what)
		if !ok {
			return
		}
		v, err := parseCount(s)
		switch {
		case err != nil:
			d.fail(n, "%s: %v", what, err)
		case other != aNumber:
			d.fail(n, "%s: %q is a text: want a number, without quotes", what, s)
		default:
			*to = v
		}
	}
}

// set returns a reader that stores a scalar.
func set[T any](d *document, to *T, what string, parse func(string) (T, error)) func(ast.Node) {
	return func(n ast.Node) {
		if v, ok := value(d, n, what, parse); ok {
			*to = v
		}
	}
}

// collect returns a reader that appends every scalar of a list.
func collect[T any](d *document, to *[]T, what string, parse func(string) (T, error)) func(ast.Node) {
	return func(n ast.Node) {
		d.each(n, what, func(n ast.Node) {
			if v, ok := value(d, n, what, parse); ok {
				*to = append(*to, v)
			}
		})
	}
}

func keys(known fields) []string {
	words := make([]string, 0, len(known))
	for word := range known {
		words = append(words, word)
	}
	slices.Sort(words)
	return words
}

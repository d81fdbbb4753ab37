package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Problem is one thing wrong in a policy file, and where.
type Problem struct {
	File   string
	Line   int    // from 1
	Column int    // from 1, in bytes
	Source string // the line
	What   string // what is wrong and what was wanted
}

// Error returns "file:line:column: what", and the line with a mark below the
// column.
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.What)
	if p.Source == "" {
		return s
	}
	number := fmt.Sprint(p.Line)
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, p.Source[:min(p.Column-1, len(p.Source))])
	return fmt.Sprintf("%s\n  %s | %s\n  %*s | %s^", s, number, p.Source, len(number), "", indent)
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
}

// parseDocument returns the mapping at the top of the file, or nil where there
// is none.
func (d *document) parse(data []byte) ast.Node {
	if len(data) > largestFile {
		d.report(1, 1, "the file has %d bytes: want at most %d", len(data), largestFile)
		return nil
	}
	d.lines = strings.Split(string(data), "\n")
	f, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, column, what := 1, 1, err.Error()
		if syntax := (*yaml.SyntaxError)(nil); errors.As(err, &syntax) {
			line, column, what = syntax.Token.Position.Line, syntax.Token.Position.Column, syntax.Message
		}
		d.report(line, column, "not YAML: %s", what)
		return nil
	}
	switch {
	case len(f.Docs) == 0 || f.Docs[0].Body == nil:
		d.report(1, 1, "the file is empty: want a policy that begins with apiVersion: %s", apiVersion)
		return nil
	case len(f.Docs) > 1:
		at := f.Docs[1].Start.Position
		d.report(at.Line, at.Column, "a second document: want one policy a file")
		return nil
	}
	return f.Docs[0].Body
}

func (d *document) report(line, column int, format string, args ...any) {
	p := Problem{File: d.file, Line: line, Column: column, What: fmt.Sprintf(format, args...)}
	if line <= len(d.lines) {
		p.Source = strings.TrimRight(d.lines[line-1], "\r")
	}
	d.problems = append(d.problems, p)
}

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
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return d.problems
}

// fields says how to read each key of a mapping.
type fields map[string]func(ast.Node)

// mapping reads a mapping and returns the keys that it has. Unknown and
// repeated keys are problems.
func (d *document) mapping(n ast.Node, what string, known fields) map[string]bool {
	m, ok := n.(*ast.MappingNode)
	if d.referring(n, what) {
		return nil
	}
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
			d.fail(v.Key, "%s: %v", what, unknownWord("key", key, keys(known)))
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
	if d.referring(n, what) {
		return
	}
	if !ok {
		d.fail(n, "%s: want a list", what)
		return
	}
	if len(s.Values) == 0 {
		d.fail(n, "%s: the list is empty: leave the key out, or name at least one", what)
	}
	for _, v := range s.Values {
		read(v)
	}
}

// referring refuses anchors, aliases and tags: a policy says what it means
// where it stands.
func (d *document) referring(n ast.Node, what string) bool {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		d.fail(n, "%s: anchors, aliases and tags are not allowed: want the value itself", what)
		return true
	default:
		return false
	}
}

// text reads a scalar.
func (d *document) text(n ast.Node, what string) (string, bool) {
	if d.referring(n, what) {
		return "", false
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	default:
		d.fail(n, "%s: want one text", what)
		return "", false
	}
}

// value reads a scalar through the parser of its type.
func value[T any](d *document, n ast.Node, what string, parse func(string) (T, error)) (v T, ok bool) {
	s, ok := d.text(n, what)
	if !ok {
		return v, false
	}
	v, err := parse(s)
	if err != nil {
		d.fail(n, "%s: %v", what, err)
		return v, false
	}
	return v, true
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

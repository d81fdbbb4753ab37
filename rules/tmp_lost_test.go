package rules

import (
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

type visitor func(ast.Node)

func (v visitor) Visit(n ast.Node) ast.Visitor { v(n); return v }

func lost(text []byte) (string, bool) {
	d := document{file: "f"}
	s := d.clean(text)
	if d.problems != nil {
		return "", false
	}
	tokens, ok := d.tokens(s)
	if !ok {
		return "", false
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return "", false
	}
	seen := map[*token.Token]bool{}
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		ast.Walk(visitor(func(n ast.Node) {
			seen[n.GetToken()] = true
			if m, ok := n.(*ast.LiteralNode); ok {
				seen[m.Value.GetToken()] = true
			}
		}), doc.Body)
	}
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType, token.CollectEntryType, token.SequenceEntryType, token.MappingValueType, token.SequenceEndType, token.MappingEndType, token.DocumentHeaderType, token.DocumentEndType, token.SequenceStartType, token.MappingStartType:
		default:
			if !seen[t] {
				return t.Value + " " + t.Type.String() + " " + t.Position.String(), true
			}
		}
	}
	return "", false
}

func FuzzLost(f *testing.F) {
	for _, data := range policies(f) {
		f.Add(data)
	}
	for _, s := range []string{"a: [b] c", "a: {b: c} d", "- a\n b\n", "a: b\n c\nd", "{a: b} c", "[a] b", "a: [b]\nc", "a: |\n  b\n c", "a: {b: c d: e}", "a: {b c}", "a: {b}", "a: {b, c: d}", "a: 'b' c", "a: \"b\" c: d", "a: 'b' 'c'", "- - a\n  b", "a:\n- b\nc\n", "a: {b: [c], d}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if what, yes := lost(data); yes {
			t.Fatalf("lost %q in %q", what, data)
		}
	})
}

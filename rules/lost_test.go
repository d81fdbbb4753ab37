package rules

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// FuzzNothingIsLost holds what the reader relies on: whatever stands in a file
// is a token or an error, and every word among the tokens is in the tree or an
// error. A deny that a parser passes over would deny nothing.
func FuzzNothingIsLost(f *testing.F) {
	for _, data := range policies(f) {
		f.Add(data)
	}
	for _, s := range []string{"a: [b] c", "a: {b: c} d", "- a\n b\n", "a: b\n c\nd", "a: |\n  b\n c", "a: 'b' c", "a: {b c: d}", "a: {b}", "a: [b]!c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := document{file: "f"}
		text := d.clean(data)
		if d.problems != nil {
			return
		}
		tokens, ok := d.tokens(text)
		if !ok || tokens.InvalidToken() != nil {
			return
		}
		if got, want := solid(origins(tokens)), solid(text); got != want && !strings.Contains(text, `\`) { // the lexer drops what it reads of escapes
			t.Fatalf("got tokens of %q, want of %q", got, want)
		}
		file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
		if err != nil {
			return
		}
		seen := map[*token.Token]bool{}
		for _, doc := range file.Docs {
			if doc.Body != nil {
				ast.Walk(visitor(func(n ast.Node) { seen[n.GetToken()] = true }), doc.Body)
			}
		}
		for _, word := range tokens {
			if !punctuation[word.Type] && !seen[word] {
				t.Fatalf("the tree lacks %q: %q", word.Value, text)
			}
		}
	})
}

type visitor func(ast.Node)

func (v visitor) Visit(n ast.Node) ast.Visitor {
	v(n)
	return v
}

var punctuation = map[token.Type]bool{
	token.CommentType: true, token.CollectEntryType: true, token.SequenceEntryType: true, token.MappingValueType: true,
	token.SequenceStartType: true, token.SequenceEndType: true, token.MappingStartType: true, token.MappingEndType: true,
	token.DocumentHeaderType: true, token.DocumentEndType: true,
}

func origins(tokens token.Tokens) string {
	var all strings.Builder
	for _, t := range tokens {
		all.WriteString(t.Origin)
	}
	return all.String()
}

// solid is a text without blanks.
func solid(s string) string { return strings.Join(strings.Fields(s), "") }

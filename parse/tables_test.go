package parse

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestEveryShapeHasAFixture keeps the tables honest: a sentence that no
// fixture shows, or that an earlier row always takes, has no place in them.
func TestEveryShapeHasAFixture(t *testing.T) {
	seen := map[*shape]bool{}
	for _, path := range archives(t) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".want") {
				shapesIn(clean(string(f.Data)), seen)
			}
		}
	}
	for _, shapes := range shapes().byWord {
		for _, sh := range shapes {
			if seen[sh] {
				continue
			}
			if sh.row != nil {
				t.Errorf("no fixture has %q", sh.row.text)
			} else {
				t.Errorf("no fixture has %q", sh.remark.text)
			}
			seen[sh] = true
		}
	}
}

func shapesIn(s string, seen map[*shape]bool) {
	var m match
	for i := 0; i < len(s); {
		if !wordByte(s[i]) || i > 0 && wordByte(s[i-1]) {
			i++
			continue
		}
		next := i + 1
		if sh := shapeAt(s, i, &m); sh != nil {
			seen[sh] = true
			next = max(m.to, next)
		}
		i = next
	}
}

// Every word of a pattern must be one that the reader can come to: letters and
// digits, no longer than an anchor.
func TestPatternsAreWords(t *testing.T) {
	for word := range vocabulary() {
		if len(word) > longestAnchor || strings.IndexFunc(word, func(r rune) bool { return r > 'z' || !wordByte(byte(r)) }) >= 0 {
			t.Errorf("%q is no word", word)
		}
	}
	for _, shapes := range shapes().byWord {
		for _, sh := range shapes {
			if len(sh.anchor()) == 0 || sh.elements[0].optional {
				t.Errorf("a pattern begins with what may be missing: %+v", sh.pattern)
			}
		}
	}
}

package docs_test

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/remediate"
)

var setting = regexp.MustCompile(`^PULLFIX_[A-Z_]+$`)

// TestSettings wants a row of the README for every variable that the function
// reads, and none for another.
func TestSettings(t *testing.T) {
	read := map[string]bool{}
	for _, file := range sources(t, "internal/settings") {
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if name, err := strconv.Unquote(l.Value); err == nil && setting.MatchString(name) {
					read[name] = true
				}
			}
			return true
		})
	}
	if want, got := slices.Sorted(maps.Keys(read)), rowsOf(t, readme, setting.MatchString); !slices.Equal(want, got) {
		t.Errorf("the README explains %q, the function reads %q", got, want)
	}
}

// TestKindsThatAreGranted wants a row of the README for every kind that pullfix
// grants something for, and none for another.
func TestKindsThatAreGranted(t *testing.T) {
	var want []string
	for _, word := range iam.KindNames() {
		if remediate.Grants(must(iam.ParseKind(word))) {
			want = append(want, word)
		}
	}
	slices.Sort(want)
	isKind := func(word string) bool { _, err := iam.ParseKind(word); return err == nil }
	if got := rowsOf(t, readme, isKind); !slices.Equal(want, got) {
		t.Errorf("the README has the kinds %q, pullfix grants for %q", got, want)
	}
}

// rowsOf returns, sorted, the words of a page that begin a row of a table.
func rowsOf(t *testing.T, path string, wanted func(string) bool) []string {
	t.Helper()
	var words []string
	for _, l := range pageOf(t, path).prose {
		rest, row := strings.CutPrefix(strings.Replace(l.text, "| [`", "| `", 1), "| `")
		if word, _, ended := strings.Cut(rest, "`"); row && ended && wanted(word) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

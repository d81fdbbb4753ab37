package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/internal/retry"
)

const checks = "checks.md"

// told are the packages whose words stand in alerts and records.
var told = []string{".", "parse", "remediate", "internal/ruling", "internal/brief", "audit", "cmd/pullfix"}

// sources parses the code of packages, without their tests.
func sources(t *testing.T, dirs ...string) []*ast.File {
	t.Helper()
	var all []*ast.File
	for _, dir := range dirs {
		paths, err := fs.Glob(os.DirFS("../"+dir), "*.go")
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: no code: %v", dir, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), "../"+dir+"/"+path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, file)
		}
	}
	return all
}

// causeName is how the constants of a cause are called where they have no type
// of their own.
var causeName = regexp.MustCompile(`^[cC]ause[A-Z]`)

// causes returns the words of all causes that the code has: constants of type
// Cause, and those that are called so.
func causes(t *testing.T) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	for _, file := range sources(t, told...) {
		for _, decl := range file.Decls {
			constants, ok := decl.(*ast.GenDecl)
			if !ok || constants.Tok != token.CONST {
				continue
			}
			for _, spec := range constants.Specs {
				c, _ := spec.(*ast.ValueSpec)
				if len(c.Values) != 1 || !causeName.MatchString(c.Names[0].Name) && !isCause(c.Type) {
					continue
				}
				if word := said(c.Values[0]); word != "" {
					words[word] = true
				}
			}
		}
	}
	return words
}

// isCause reports whether a type is Cause, of its own package or another.
func isCause(e ast.Expr) bool {
	if of, ok := e.(*ast.SelectorExpr); ok {
		e = of.Sel
	}
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "Cause"
}

// verb is where a format has a value.
var verb = regexp.MustCompile(`%[-+#]?[a-z]`)

// said returns the text that an expression makes, with "…" for what is only
// known when it runs.
func said(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return verb.ReplaceAllString(text, "…")
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return said(e.X) + said(e.Y)
		}
	}
	return "…"
}

// sentences returns every text in the code.
func sentences(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, file := range sources(t, told...) {
		ast.Inspect(file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			s := said(e)
			if s != "…" {
				all = append(all, s)
			}
			return s == "…"
		})
	}
	return all
}

// cause is the section of one cause.
type cause struct {
	quotes []string
	advice bool
}

func causeSections(t *testing.T) map[string]*cause {
	t.Helper()
	all := map[string]*cause{}
	var open *cause
	for _, s := range pageOf(t, checks).lines {
		quote, quoted := strings.CutPrefix(s, "> ")
		switch {
		case strings.HasPrefix(s, "### "):
			open = &cause{quotes: []string{""}}
			all[strings.Trim(s, "# `")] = open
		case strings.HasPrefix(s, "#"):
			open = nil
		case open == nil:
		case quoted:
			last := &open.quotes[len(open.quotes)-1]
			*last = strings.TrimSpace(*last + " " + quote)
		case open.quotes[len(open.quotes)-1] != "":
			open.quotes = append(open.quotes, "")
		case strings.HasPrefix(s, "What to do: "):
			open.advice = true
		}
	}
	return all
}

func pageOf(t *testing.T, path string) *page {
	t.Helper()
	all := pages(t)
	i := slices.IndexFunc(all, func(p *page) bool { return p.path == path })
	if i < 0 {
		t.Fatalf("%s is missing", path)
	}
	return all[i]
}

// TestEveryCauseHasASection wants a section for every cause that a record can
// have, and none for another, with what the alert says in the code's own words.
func TestEveryCauseHasASection(t *testing.T) {
	known, sections, code := causes(t), causeSections(t), sentences(t)
	for word := range known {
		if sections[word] == nil {
			t.Errorf("%s: want a section for the cause %q", checks, word)
		}
	}
	for word, section := range sections {
		if !known[word] {
			t.Errorf("%s: a section for %q, which is no cause: want one of %q", checks, word, slices.Sorted(maps.Keys(known)))
		}
		if section.quotes[0] == "" || !section.advice {
			t.Errorf("%s: %s: want what the alert says, and what to do", checks, word)
		}
		for _, quote := range section.quotes {
			if !slices.ContainsFunc(code, func(s string) bool { return strings.Contains(s, quote) }) {
				t.Errorf("%s: %s: nothing in the code says %q", checks, word, quote)
			}
		}
	}
}

// TestReactions compares the table on the page with the one in the code.
func TestReactions(t *testing.T) {
	steps := []retry.Step{retry.Check, retry.Read, retry.Write, retry.Record, retry.Share}
	var want, got []string
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		row := "| `" + code.String() + "` |"
		for _, step := range steps {
			row += fmt.Sprintf(" %s |", retry.React(step, status.Error(code, "")))
		}
		want = append(want, row)
	}
	p := pageOf(t, checks)
	for _, l := range p.prose {
		if word, _, ok := strings.Cut(strings.TrimPrefix(l.text, "| `"), "`"); ok && slices.ContainsFunc(want, func(row string) bool {
			return strings.HasPrefix(row, "| `"+word+"`")
		}) {
			got = append(got, l.text)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%s: the table of reactions is\n%s\nwant\n%s", checks, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	d := retry.Default
	attempts := fmt.Sprintf("%d attempts of %s, with pauses that grow from %s to %s", d.Attempts, d.Timeout, d.Backoff.Initial, d.Backoff.Max)
	if !strings.Contains(p.words(), attempts) {
		t.Errorf("%s does not say %q", checks, attempts)
	}
}

// TestApart compares the codes for which a write is halved.
func TestApart(t *testing.T) {
	var apart []string
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if retry.Apart(status.Error(code, "")) {
			apart = append(apart, "`"+code.String()+"`")
		}
	}
	if want := "(" + strings.Join(apart, ", ") + ")"; !strings.Contains(pageOf(t, checks).words(), want) {
		t.Errorf("%s does not say %q", checks, want)
	}
}

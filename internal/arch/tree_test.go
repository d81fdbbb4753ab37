package arch

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	top    = "../.."
	module = "github.com/pullfix/pullfix"
)

// source is one Go file of the module.
type source struct {
	path string // from the top, with slashes
	text []byte
	*ast.File
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// dir is the folder of the file from the top, "." for the root package.
func (s source) dir() string { return path.Dir(s.path) }

func (s source) imports() []string {
	var all []string
	for _, i := range s.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			all = append(all, p)
		}
	}
	return all
}

// files visits the files of the tree, but not what git, a build or a person's
// editor keeps there.
func files(visit func(name string, text []byte) error) error {
	return filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if hidden := strings.HasPrefix(d.Name(), ".") && name != top; hidden && d.Name() != ".ci" && d.Name() != ".github" {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(rel), text)
	})
}

// sources returns every Go file that the go command would build.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var parsed = sync.OnceValues(func() (all []source, err error) {
	err = files(func(name string, text []byte) error {
		if !strings.HasSuffix(name, ".go") || strings.Contains("/"+name, "/testdata/") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		all = append(all, source{name, text, f})
		return err
	})
	return all, err
})

func TestFormatted(t *testing.T) {
	for _, s := range sources(t) {
		formatted, err := format.Source(s.text)
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(formatted, s.text) {
			t.Errorf("%s: not formatted: run gofmt -w", s.path)
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test() {
			documented[s.dir()] = documented[s.dir()] || strings.TrimSpace(s.Doc.Text()) != ""
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment: say in one paragraph what comes in and what goes out", dir)
		}
	}
}

func TestPackageNamesSaySomething(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "model", "models", "type", "types", "misc", "shared", "pkg"}
	for _, s := range sources(t) {
		for _, name := range append(strings.Split(s.dir(), "/"), s.Name.Name) {
			if slices.Contains(empty, name) {
				t.Errorf("%s: a package named %s: name it for what it does", s.path, name)
			}
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, name := range undocumented(s.File) {
			t.Errorf("%s: %s has no comment", s.path, name)
		}
	}
}

func undocumented(f *ast.File) []string {
	var names []string
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !selfEvident(d) {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedSpec(d, spec)...)
			}
		}
	}
	return names
}

// undocumentedSpec lets one comment speak for a group of constants or
// variables, and for a group of one.
func undocumentedSpec(group *ast.GenDecl, spec ast.Spec) []string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && group.Doc == nil {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || group.Doc != nil {
			return nil
		}
		for _, name := range s.Names {
			if name.IsExported() {
				return []string{name.Name}
			}
		}
	}
	return nil
}

func exportedReceiver(d *ast.FuncDecl) bool { return d.Recv == nil || ast.IsExported(receiver(d)) }

func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// selfEvident are the methods that the errors package asks for.
func selfEvident(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "Is", "As"}, d.Name.Name)
}

// revealing matches what must be in no file: a path of somebody's home folder,
// and text that a scanner of secrets would report.
var revealing = map[string]*regexp.Regexp{
	"path of a home folder": regexp.MustCompile(`(^|[^\w.$}*-])/(root|home/[a-z][\w.-]*|Users/[A-Za-z][\w.-]*)/`),
	"Slack webhook":         regexp.MustCompile(`hooks\.slack\.com/services/T\w`),
	"Slack token":           regexp.MustCompile(`xox[abprs]-\d`),
	"private key":           regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`),
	"key of an account":     regexp.MustCompile(`"private_key(_id)?"\s*:\s*"[^"]`),
	"Google API key":        regexp.MustCompile(`AIza[\w-]{35}`),
	"Google access token":   regexp.MustCompile(`ya29\.[\w-]{20}`),
	"GitHub token":          regexp.MustCompile(`gh[pousr]_\w{36}`),
}

func TestNothingRevealing(t *testing.T) {
	err := files(func(name string, text []byte) error {
		if bytes.IndexByte(text, 0) >= 0 {
			return nil
		}
		text = bytes.ReplaceAll(text, []byte("/home/runner/"), nil) // the messages of GitHub's runners hold it
		for what, pattern := range revealing {
			if at := pattern.FindIndex(text); at != nil {
				t.Errorf("%s:%d: %s", name, 1+bytes.Count(text[:at[0]], []byte("\n")), what)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

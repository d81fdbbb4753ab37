package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// mayImport says which packages of this module each package may import. The
// stages share the vocabulary and do not know one another; "*" knows them all.
var mayImport = map[string][]string{
	"iam":       {},
	"parse":     {"iam"},
	"rules":     {"iam"},
	"remediate": {"iam", "internal/combine", "internal/lazy", "internal/retry"},
	"notify":    {"iam"},
	"audit":     {"iam"},
	"ledger":    {"iam", "internal/combine", "internal/retry"},
	"emulator":  {"emulator/admin", "iam"},

	"emulator/admin": {},

	"emulator/emulatortest": {"emulator", "iam", "internal/further"},

	"notify/email": {"notify"},
	"notify/slack": {"notify"},

	"internal/brief/samples": {"audit", "iam", "internal/brief", "internal/ruling", "notify", "parse", "remediate", "rules"},

	"internal/brief":    {"audit", "iam", "internal/ruling", "notify", "parse", "remediate", "rules"},
	"internal/lazy":     {},
	"internal/ruling":   {"iam", "parse", "remediate", "rules"},
	"internal/settings": {"iam", "internal/channels", "notify", "rules"},
	"internal/channels": {"internal/brief/samples", "internal/lazy", "internal/retry", "notify", "notify/email", "notify/slack", "rules"},
	"internal/combine":  {},
	"internal/retry":    {},
	"internal/arch":     {},
	"internal/further":  {},
	"internal/chromium": {"internal/further"},
	"internal/load":     {".", "deploy"}, // the function itself, from outside

	// What is measured is told by the root alone: no stage knows that it is.
	"internal/telemetry":               {"internal/retry", "internal/telemetry/telemetrytest"},
	"internal/telemetry/telemetrytest": {},

	"internal/report":       {"audit", "internal/report/lines"},
	"internal/report/lines": {"audit"},
	"internal/report/page":  {"audit", "internal/report", "internal/report/lines"},

	"deploy":              {"audit", "iam", "internal/monitoring"}, // audit in a test, and the last, which imports deploy
	"deploy/scripttest":   {"deploy", "internal/monitoring"},
	"terraform":           {},
	"internal/rest":       {},
	"internal/letters":    {"internal/rest"},
	"internal/doctor":     {"audit", "deploy", "iam", "internal/letters", "internal/rest", "rules"},
	"internal/monitoring": {"deploy"},

	"bench":          {"bench/chart", "bench/event", "bench/load", "bench/machine", "bench/table", "deploy"},
	"bench/chart":    {},
	"bench/event":    {"audit", "bench/load", "parse", "rules"}, // the last two to test what it makes
	"bench/floor":    {},
	"bench/function": {"."},
	"bench/load":     {},
	"bench/machine":  {},
	"bench/nothing":  {},
	"bench/profiled": {"."},
	"bench/table":    {},

	"docs": {
		"audit", "bench/table", "iam", "internal/brief/samples", "internal/channels", "internal/report", "internal/retry", "internal/ruling",
		"internal/telemetry", "notify", "parse", "remediate", "rules",
	},

	// What must be true of a torture run is not learnt from the code under test.
	"torture":          {"audit", "emulator", "torture/check", "torture/world"},
	"torture/check":    {"torture/world"},
	"torture/instance": {"."},
	"torture/world":    {},

	".":           {"*"},
	"cmd/pullfix": {"*"},
}

func TestImportArrows(t *testing.T) {
	for _, s := range sources(t) {
		may, ok := allowed(s)
		if !ok {
			t.Errorf("%s: a new package: say in mayImport what it may import", s.path)
			continue
		}
		for _, imported := range s.imports() {
			dir, own := within(imported)
			if own && dir != s.dir() && !slices.Contains(may, dir) && (!slices.Contains(may, "*") || slices.Contains(forTests, dir)) {
				t.Errorf("%s imports %s: of this module it may import %q", s.path, imported, may)
			}
		}
	}
}

// forTests are the packages that no program holds.
var forTests = []string{"emulator/emulatortest", "internal/chromium", "internal/further"}

// allowed returns what a file may import. Tests may also run against the local
// Google Cloud. Below cmd/pullfix everything is the edge.
func allowed(s source) ([]string, bool) {
	dir := s.dir()
	if strings.HasPrefix(dir, "cmd/pullfix/") {
		dir = "cmd/pullfix"
	}
	may, ok := mayImport[dir]
	if s.test() && dir != "iam" {
		may = slices.Concat([]string{"emulator"}, forTests, may)
	}
	return may, ok
}

// within returns the folder of a package of this module.
func within(imported string) (dir string, own bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// pure lists the packages that decide; they cannot act, wait or look around.
// Each may use one package from outside, to decode its text.
var pure = map[string]string{
	"iam":   "github.com/google/go-containerregistry/pkg/name",
	"parse": "",
	"rules": "github.com/goccy/go-yaml",

	"internal/brief":         "",
	"internal/brief/samples": "",
	"internal/report":        "",
	"internal/report/lines":  "",
	"internal/report/page":   "",
}

func TestPurePackages(t *testing.T) {
	acting := []string{"context", "io/ioutil", "log", "math/rand", "net", "net/http", "os", "plugin", "syscall", "unsafe"}
	for _, s := range sources(t) {
		decoder, ok := pure[s.dir()]
		if !ok || s.test() {
			continue
		}
		for _, imported := range s.imports() {
			if slices.ContainsFunc(acting, func(p string) bool { return isOrIsBelow(imported, p) && imported != "net/url" }) {
				t.Errorf("%s imports %s: the package is pure", s.path, imported)
			}
			if outside(imported) && (decoder == "" || !isOrIsBelow(imported, decoder)) {
				t.Errorf("%s imports %s: a pure package uses the standard library and at most one decoder", s.path, imported)
			}
		}
	}
}

func isOrIsBelow(imported, p string) bool { return imported == p || strings.HasPrefix(imported, p+"/") }

// outside reports whether a package is neither of the standard library nor of
// this module.
func outside(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".") && !isOrIsBelow(imported, module)
}

// Packages return what happened; only the edge writes it to a log.
func TestOnlyTheEdgeLogs(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || mayImportAll(s.dir()) {
			continue
		}
		for _, imported := range s.imports() {
			if imported == "log" || imported == "log/slog" {
				t.Errorf("%s imports %s: return the error, the root package logs it", s.path, imported)
			}
		}
	}
}

func mayImportAll(dir string) bool { return dir == "." || strings.HasPrefix(dir, "cmd/") }

// Time comes in as a value. A field may hold time.Now as its default; to call
// it is for the edge.
func TestNoClockBelowTheEdge(t *testing.T) {
	below := []string{
		"iam", "parse", "rules", "remediate", "notify", "ledger", "audit", "internal/brief", "internal/brief/samples",
		"internal/report", "internal/report/lines", "internal/report/page",
	}
	for _, s := range sources(t) {
		if s.test() || !slices.Contains(below, s.dir()) {
			continue
		}
		for call := range calls(s.File) {
			if slices.Contains([]string{"time.Now", "time.Since", "time.Until"}, call) {
				t.Errorf("%s calls %s: take the time as a value", s.path, call)
			}
		}
	}
}

// calls returns the functions of other packages that a file calls.
func calls(f *ast.File) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if callee, ok := call.Fun.(*ast.SelectorExpr); ok {
			if pkg, ok := callee.X.(*ast.Ident); ok {
				found[pkg.Name+"."+callee.Sel.Name] = true
			}
		}
		return true
	})
	return found
}

// Importing the root package must do one thing: register the function.
func TestRootExportsNothing(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir() != "." || s.test() {
			continue
		}
		for _, name := range exported(s.File) {
			t.Errorf("%s exports %s", s.path, name)
		}
	}
}

func exported(f *ast.File) []string {
	var names []*ast.Ident
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, declared(spec)...)
			}
		}
	}
	var open []string
	for _, name := range names {
		if name.IsExported() {
			open = append(open, name.Name)
		}
	}
	return open
}

func declared(spec ast.Spec) []*ast.Ident {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{s.Name}
	case *ast.ValueSpec:
		return s.Names
	default:
		return nil
	}
}

func TestOneInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && f.Name.Name == "init" && s.path != "function.go" {
				t.Errorf("%s has an init: only function.go has one, to register the function", s.path)
			}
		}
	}
}

// What is compiled before main is part of every cold start, whether it is needed
// or not. The commands start rarely; the packages that only they use are left.
func TestNothingIsCompiledBeforeMain(t *testing.T) {
	atDesks := []string{"bench", "cmd", "deploy", "docs", "emulator", "internal/doctor", "internal/letters", "internal/report", "internal/rest", "terraform", "torture"}
	for _, s := range sources(t) {
		if s.test() || slices.Contains(forTests, s.dir()) || slices.ContainsFunc(atDesks, func(dir string) bool { return isOrIsBelow(s.dir(), dir) }) {
			continue
		}
		for _, decl := range s.Decls {
			if d, ok := decl.(*ast.GenDecl); ok {
				ast.Inspect(d, func(n ast.Node) bool {
					call, ok := n.(*ast.CallExpr)
					if !ok {
						_, later := n.(*ast.FuncLit)
						return !later
					}
					if callee, ok := call.Fun.(*ast.SelectorExpr); ok && (callee.Sel.Name == "MustCompile" || callee.Sel.Name == "Must") {
						t.Errorf("%s: %s at the top of a package: compile it when it is first used", s.path, callee.Sel.Name)
					}
					return true
				})
			}
		}
	}
}

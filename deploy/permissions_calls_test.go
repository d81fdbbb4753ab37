package deploy

import (
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

const module = "github.com/pullfix/pullfix"

// googleCalls returns the functions and methods of Google's clients that the
// deployed function can call, each with one of the callers. It follows the
// source of this module alone, and takes the rest of the world to call back
// whatever it is given: functions that are passed around, and every method of a
// value that becomes an interface. What the root package does not lead to, such
// as what only the command line does, is left out.
func googleCalls(t *testing.T) map[string]string {
	t.Helper()
	program, entry := compile(t)
	w := &walk{program: program, seen: map[*ssa.Function]bool{}, converted: map[types.Type]bool{}, found: map[string]string{}}
	w.reach(entry.Func("init"))
	for len(w.todo) > 0 {
		w.from = w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		w.follow(w.from)
	}
	return w.found
}

// compile reads the source of the packages of this module that the function
// links; of all others it reads the types that the compiler has written.
func compile(t *testing.T) (program *ssa.Program, entry *ssa.Package) {
	t.Helper()
	linked := load(t, packages.NeedName|packages.NeedImports|packages.NeedDeps, module)
	var own []string
	packages.Visit(linked, nil, func(p *packages.Package) {
		if isOwn(p.PkgPath) {
			own = append(own, p.PkgPath)
		}
	})
	roots := load(t, packages.LoadSyntax, own...)
	program, built := ssautil.Packages(roots, ssa.InstantiateGenerics)
	program.Build()
	for _, p := range built {
		if p.Pkg.Path() == module {
			return program, p
		}
	}
	t.Fatalf("no package %s", module)
	return nil, nil
}

func load(t *testing.T, mode packages.LoadMode, patterns ...string) []*packages.Package {
	t.Helper()
	all, err := packages.Load(&packages.Config{Mode: mode, Context: t.Context()}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	packages.Visit(all, nil, func(p *packages.Package) {
		for _, err := range p.Errors {
			t.Fatal(err)
		}
	})
	return all
}

func isOwn(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// walk goes from function to function.
type walk struct {
	program   *ssa.Program
	from      *ssa.Function // the one that it is in
	todo      []*ssa.Function
	seen      map[*ssa.Function]bool
	converted map[types.Type]bool
	found     map[string]string
}

func (w *walk) reach(f *ssa.Function) {
	if w.seen[f] {
		return
	}
	w.seen[f] = true
	w.find(f.Object())
	w.todo = append(w.todo, f)
}

// find notes a function if it is one of Google's clients.
func (w *walk) find(o types.Object) {
	name, ok := google(o)
	if _, known := w.found[name]; ok && !known {
		w.found[name] = w.from.String()
	}
}

func (w *walk) follow(f *ssa.Function) {
	for _, argument := range f.TypeArgs() {
		w.convert(argument, nil)
	}
	for _, block := range f.Blocks {
		for _, instruction := range block.Instrs {
			w.step(instruction)
		}
	}
}

func (w *walk) step(i ssa.Instruction) {
	for _, v := range i.Operands(nil) {
		if f, ok := (*v).(*ssa.Function); ok {
			w.reach(f)
		}
	}
	switch i := i.(type) {
	case *ssa.MakeInterface:
		to, _ := i.Type().Underlying().(*types.Interface)
		w.convert(i.X.Type(), to)
	case ssa.CallInstruction:
		if method := i.Common().Method; method != nil {
			w.find(method)
		}
	}
}

// convert reaches what may be called of a value that is an interface from here
// on, or of a type that is the argument of somebody's type parameter. Of a type
// of this module that is every method; of one of Google's it is those of the
// interface.
func (w *walk) convert(of types.Type, to *types.Interface) {
	methods := w.program.MethodSets.MethodSet(of)
	switch named := namedOf(of); {
	case named == nil || named.Obj().Pkg() == nil:
	case isClient(named.Obj().Pkg().Path()) && to != nil:
		for method := range to.Methods() {
			if s := methods.Lookup(method.Pkg(), method.Name()); s != nil {
				w.reach(w.program.MethodValue(s))
			}
		}
	case isOwn(named.Obj().Pkg().Path()) && !w.converted[of]:
		w.converted[of] = true
		for s := range methods.Methods() {
			if f := w.program.MethodValue(s); f != nil { // nil: it is of an interface
				w.reach(f)
			}
		}
	}
}

func namedOf(t types.Type) *types.Named {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	named, _ := types.Unalias(t).(*types.Named)
	return named
}

// google returns how a function or method of Google's clients is called in
// testdata/permissions.yaml. Those of messages ask for nothing.
func google(o types.Object) (name string, ok bool) {
	f, isFunc := o.(*types.Func)
	if !isFunc || f.Pkg() == nil || !isClient(f.Pkg().Path()) {
		return "", false
	}
	if r := f.Signature().Recv(); r != nil && isMessage(r.Type()) {
		return "", false
	}
	return strings.NewReplacer("cloud.google.com/go/", "", "(*", "", "(", "", ")", "").Replace(f.FullName()), true
}

func isClient(path string) bool {
	return slices.ContainsFunc([]string{"cloud.google.com/go/", "google.golang.org/api/"}, func(of string) bool { return strings.HasPrefix(path, of) })
}

// isMessage reports whether a type is a message or an enumeration.
func isMessage(t types.Type) bool {
	return types.NewMethodSet(t).Lookup(nil, "Descriptor") != nil
}

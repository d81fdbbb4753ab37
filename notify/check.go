package notify

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// Check finds what is wrong with a template before a message needs it. It looks
// at every branch for names that a message does not have, and makes the text of
// every sample. The error has a line for each fault, as "name:line: why", in the
// order of the lines.
func (t *Template) Check(samples []Message) error {
	c := checker{t: t.t, assigned: map[string]bool{}}
	c.walk()
	if len(c.assigned) > 0 {
		c.walk()
	}
	for _, m := range samples {
		if _, err := t.Text(m, func(s string) string { return s }); err != nil {
			c.met(err)
		}
	}
	return c.result()
}

// checker follows a template with the types that its execution would meet. A
// nil type is one that is not known: nothing is said about it.
type checker struct {
	t        *template.Template
	seen     map[visit]bool
	assigned map[string]bool // variables that are given another value later, whose type may change
	faults   []fault
	dot      reflect.Type
	vars     []variable
}

// visit is a template and what it is given.
type visit struct {
	name string
	dot  reflect.Type
}

type variable struct {
	name string
	is   reflect.Type
}

type fault struct {
	line int
	why  string
}

// nothing is what a template has for its dot that is given none.
type nothing struct{}

// walk looks at all templates of the text. One that no other uses may be given
// anything.
func (c *checker) walk() {
	c.faults, c.seen = nil, map[visit]bool{}
	c.template(c.t, reflect.TypeFor[View]())
	used := map[string]bool{}
	for v := range c.seen {
		used[v.name] = true
	}
	for _, t := range c.t.Templates() {
		if !used[t.Name()] {
			c.template(t, nil)
		}
	}
}

func (c *checker) template(t *template.Template, dot reflect.Type) {
	v := visit{t.Name(), dot}
	if c.seen[v] || t.Tree == nil {
		return
	}
	c.seen[v] = true
	outer, vars := c.dot, c.vars
	c.dot, c.vars = dot, []variable{{"$", dot}}
	c.node(t.Root)
	c.dot, c.vars = outer, vars
}

func (c *checker) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		c.list(n)
	case *parse.ActionNode:
		c.pipe(n.Pipe)
	case *parse.IfNode:
		c.within(func() { c.pipe(n.Pipe); c.block(n.List, c.dot); c.block(n.ElseList, c.dot) })
	case *parse.WithNode:
		c.within(func() { is := c.pipe(n.Pipe); c.block(n.List, is); c.block(n.ElseList, c.dot) })
	case *parse.RangeNode:
		c.within(func() { c.ranges(n) })
	case *parse.TemplateNode:
		c.uses(n)
	}
}

func (c *checker) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		c.node(n)
	}
}

// within forgets the variables that a part of the template declares.
func (c *checker) within(part func()) {
	vars := c.vars
	part()
	c.vars = slices.Clip(vars)
}

func (c *checker) block(l *parse.ListNode, dot reflect.Type) {
	c.within(func() {
		outer := c.dot
		c.dot = dot
		c.list(l)
		c.dot = outer
	})
}

func (c *checker) uses(n *parse.TemplateNode) {
	dot := reflect.TypeFor[nothing]()
	if n.Pipe != nil {
		dot = c.pipe(n.Pipe)
	}
	if t := c.t.Lookup(n.Name); t != nil {
		c.template(t, dot)
	} else {
		c.fault(n, "there is no template %q", n.Name)
	}
}

func (c *checker) ranges(n *parse.RangeNode) {
	is := c.value(n.Pipe)
	key, element, ok := elements(is)
	decl := n.Pipe.Decl
	if !ok {
		c.fault(n.Pipe, "there is no range over %s", word(is))
	}
	if kindOf(is) == intKind && len(decl) == 2 {
		c.fault(n.Pipe, "a range over a number has one variable")
	}
	c.within(func() {
		switch len(decl) {
		case 1:
			c.declare(n.Pipe, element)
		case 2:
			c.declare(n.Pipe, key, element)
		}
		c.block(n.List, element)
	})
	c.within(func() {
		c.declare(n.Pipe, slices.Repeat([]reflect.Type{is}, len(decl))...)
		c.block(n.ElseList, c.dot)
	})
}

// elements returns what a range over a type gives.
func elements(is reflect.Type) (key, element reflect.Type, ok bool) {
	switch {
	case is == nil || is == reflect.TypeFor[nothing]():
		return nil, nil, true
	case is.Kind() == reflect.Slice:
		return reflect.TypeFor[int](), is.Elem(), true
	default:
		return nil, is, kindOf(is) == intKind
	}
}

// declare gives the variables of a pipeline their types.
func (c *checker) declare(p *parse.PipeNode, types ...reflect.Type) {
	for i, v := range p.Decl {
		if p.IsAssign {
			c.assigned[v.Ident[0]] = true
			continue
		}
		c.vars = append(c.vars, variable{v.Ident[0], types[i]})
	}
}

func (c *checker) variable(name string) reflect.Type {
	for _, v := range slices.Backward(c.vars) {
		if v.name == name && !c.assigned[name] {
			return v.is
		}
	}
	return nil
}

func (c *checker) fault(n parse.Node, format string, args ...any) {
	place, _ := c.t.ErrorContext(n)
	c.add(c.line(place), fmt.Sprintf(format, args...))
}

func (c *checker) add(line int, why string) {
	if f := (fault{line, why}); !slices.Contains(c.faults, f) {
		c.faults = append(c.faults, f)
	}
}

// met adds an error of the execution, unless the walk has found it.
func (c *checker) met(err error) {
	why := err.Error()
	line := c.line(why)
	if line == 0 {
		c.add(0, why)
		return
	}
	if slices.ContainsFunc(c.faults, func(f fault) bool { return f.line == line }) {
		return
	}
	if _, after, ok := strings.Cut(why, ": executing "); ok {
		_, why, _ = strings.Cut(after, " at ")
	}
	c.add(line, why)
}

// line is that of a place such as "name:3:14", or 0.
func (c *checker) line(place string) int {
	rest, _ := strings.CutPrefix(place, c.t.Name()+":")
	digits, _, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

func (c *checker) result() error {
	slices.SortStableFunc(c.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	var all []error
	for _, f := range c.faults {
		place := c.t.Name()
		if f.line > 0 {
			place += ":" + strconv.Itoa(f.line)
		}
		all = append(all, fmt.Errorf("%s: %s", place, f.why))
	}
	return errors.Join(all...)
}

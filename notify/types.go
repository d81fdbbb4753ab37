package notify

import (
	"reflect"
	"slices"
	"strings"
	"text/template/parse"
	"time"

	"github.com/pullfix/pullfix/iam"
)

// input is what the pipeline before a command gives it.
type input struct {
	is    reflect.Type
	given bool
}

// pipe returns the type of a pipeline and declares its variables.
func (c *checker) pipe(p *parse.PipeNode) reflect.Type {
	is := c.value(p)
	c.declare(p, slices.Repeat([]reflect.Type{is}, len(p.Decl))...)
	return is
}

func (c *checker) value(p *parse.PipeNode) reflect.Type {
	var in input
	for _, command := range p.Cmds {
		in = input{c.command(command, in), true}
	}
	return in.is
}

func (c *checker) command(n *parse.CommandNode, in input) reflect.Type {
	first, args := n.Args[0], n.Args[1:]
	switch n := first.(type) {
	case *parse.FieldNode:
		return c.chain(n, c.dot, n.Ident, args, in)
	case *parse.ChainNode:
		return c.chain(n, c.typeOf(n.Node), n.Field, args, in)
	case *parse.VariableNode:
		if len(n.Ident) > 1 {
			return c.chain(n, c.variable(n.Ident[0]), n.Ident[1:], args, in)
		}
	case *parse.IdentifierNode:
		return c.function(n, args, in)
	}
	if len(args) > 0 || in.given {
		c.fault(first, "%s takes no argument", first)
	}
	c.typesOf(args)
	return c.typeOf(first)
}

// typeOf is the type of a part of a command.
func (c *checker) typeOf(n parse.Node) reflect.Type {
	switch n := n.(type) {
	case *parse.DotNode:
		return c.dot
	case *parse.FieldNode:
		return c.chain(n, c.dot, n.Ident, nil, input{})
	case *parse.ChainNode:
		return c.chain(n, c.typeOf(n.Node), n.Field, nil, input{})
	case *parse.VariableNode:
		return c.chain(n, c.variable(n.Ident[0]), n.Ident[1:], nil, input{})
	case *parse.IdentifierNode:
		return c.function(n, nil, input{})
	case *parse.PipeNode:
		return c.pipe(n)
	case *parse.BoolNode:
		return reflect.TypeFor[bool]()
	case *parse.StringNode:
		return reflect.TypeFor[string]()
	case *parse.NumberNode:
		return constant(n)
	default:
		return nil
	}
}

func (c *checker) typesOf(nodes []parse.Node) (types []reflect.Type) {
	for _, n := range nodes {
		types = append(types, c.typeOf(n))
	}
	return types
}

// constant is the type that a number has by its look.
func constant(n *parse.NumberNode) reflect.Type {
	switch {
	case n.IsComplex:
		return reflect.TypeFor[complex128]()
	case n.IsInt && (n.Text[0] == '\'' || !strings.ContainsAny(n.Text, ".eEpP") || strings.HasPrefix(strings.ToLower(n.Text), "0x")):
		return reflect.TypeFor[int]()
	case n.IsFloat:
		return reflect.TypeFor[float64]()
	default:
		return nil
	}
}

// chain follows fields from a type. What is given belongs to the last one.
func (c *checker) chain(n parse.Node, is reflect.Type, names []string, args []parse.Node, in input) reflect.Type {
	for i, name := range names {
		if i+1 == len(names) {
			return c.field(n, is, name, args, in)
		}
		is = c.field(n, is, name, nil, input{})
	}
	return is
}

func (c *checker) field(n parse.Node, is reflect.Type, name string, args []parse.Node, in input) reflect.Type {
	if is == nil {
		c.typesOf(args)
		return nil
	}
	is = pointed(is)
	if method, ok := reflect.PointerTo(is).MethodByName(name); ok {
		return c.call(n, name, method.Type, args, in)
	}
	c.typesOf(args)
	found, ok := member(is, name)
	switch {
	case !ok:
		c.fault(n, "%s has no field %s%s", word(is), name, meant(is, name))
	case len(args) > 0 || in.given:
		c.fault(n, "%s is a field and takes no argument", name)
	}
	return found
}

// member is a field of a struct.
func member(is reflect.Type, name string) (reflect.Type, bool) {
	if is.Kind() != reflect.Struct {
		return nil, false
	}
	f, ok := is.FieldByName(name)
	return f.Type, ok && f.IsExported()
}

// meant asks for the field whose name is spelt nearly the same.
func meant(is reflect.Type, name string) string {
	if is.Kind() != reflect.Struct {
		return ""
	}
	var names []string
	for _, f := range reflect.VisibleFields(is) {
		if f.IsExported() {
			names = append(names, f.Name)
		}
	}
	if near := iam.Nearest(name, names); near != "" {
		return ": is " + near + " meant?"
	}
	return ""
}

// call checks what a method is given. Its first parameter is the receiver.
func (c *checker) call(n parse.Node, name string, method reflect.Type, args []parse.Node, in input) reflect.Type {
	types := c.typesOf(args)
	if in.given {
		types = append(types, in.is)
	}
	want := method.NumIn() - 1
	switch {
	case method.IsVariadic() && len(types) >= want-1:
		return method.Out(0)
	case method.IsVariadic() || len(types) != want:
		c.fault(n, "%s takes %s, not %d", name, counted(want), len(types))
	case method.NumOut() != 1 && (method.NumOut() != 2 || method.Out(1) != reflect.TypeFor[error]()):
		c.fault(n, "%s returns %d values, want one", name, method.NumOut())
	default:
		for i, is := range types {
			if p := method.In(i + 1); !fits(is, p) && !(i < len(args) && literal(args[i], is, p)) {
				c.fault(n, "%s takes %s, not %s", name, word(p), word(is))
			}
		}
		return method.Out(0)
	}
	return nil
}

func fits(is, want reflect.Type) bool {
	return is == nil || is.AssignableTo(want) || pointed(is).AssignableTo(want) || reflect.PointerTo(is).AssignableTo(want)
}

// literal reports whether a literal becomes a parameter of another type.
func literal(n parse.Node, is, want reflect.Type) bool {
	switch n.Type() {
	case parse.NodeNumber:
		return number(is) && number(want)
	case parse.NodeString, parse.NodeBool:
		return is.Kind() == want.Kind()
	default:
		return false
	}
}

func pointed(is reflect.Type) reflect.Type {
	for is.Kind() == reflect.Pointer {
		is = is.Elem()
	}
	return is
}

// word says what a type is, to somebody who writes templates.
func word(is reflect.Type) string {
	if is == nil {
		return "something"
	}
	if w := words[is]; w != "" {
		return w
	}
	switch {
	case is.Kind() == reflect.String:
		return "a text"
	case is.Kind() == reflect.Bool:
		return "true or false"
	case number(is):
		return "a number"
	case is.Kind() == reflect.Slice:
		return "a list"
	default:
		return is.String()
	}
}

var words = map[reflect.Type]string{
	reflect.TypeFor[View](): "a message", reflect.TypeFor[Fact](): "a fact", reflect.TypeFor[Link](): "a link",
	reflect.TypeFor[time.Time](): "a time", reflect.TypeFor[nothing](): "a template that is given nothing",
}

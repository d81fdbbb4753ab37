package notify

import (
	"reflect"
	"strconv"
	"text/template/parse"
)

// builtin is a function that every template has
// (https://pkg.go.dev/text/template#hdr-Functions).
type builtin struct {
	least, most int // arguments; most is 0 where there may be any number
	check       func(c *checker, n *parse.IdentifierNode, types []reflect.Type) reflect.Type
}

// functions are in a function, because they and the checker use each other.
func functions(name string) builtin {
	switch name {
	case "and", "or":
		return builtin{1, 0, same}
	case "not":
		return builtin{1, 1, gives[bool]}
	case "len":
		return builtin{1, 1, length}
	case "index":
		return builtin{1, 0, index}
	case "slice":
		return builtin{1, 4, func(_ *checker, _ *parse.IdentifierNode, types []reflect.Type) reflect.Type { return types[0] }}
	case "html", "js", "urlquery", "print", "println":
		return builtin{0, 0, gives[string]}
	case "printf":
		return builtin{1, 0, gives[string]}
	case "eq":
		return builtin{2, 0, compared}
	case "ne":
		return builtin{2, 2, compared}
	case "lt", "le", "gt", "ge":
		return builtin{2, 2, ordered}
	default:
		return builtin{}
	}
}

func (c *checker) function(n *parse.IdentifierNode, args []parse.Node, in input) reflect.Type {
	types := c.typesOf(args)
	if in.given {
		types = append(types, in.is)
	}
	f := functions(n.Ident)
	if len(types) < f.least || f.most > 0 && len(types) > f.most {
		c.fault(n, "%s takes %s, not %d", n.Ident, f.takes(), len(types))
		return nil
	}
	if f.check == nil {
		return nil
	}
	return f.check(c, n, types)
}

func (f builtin) takes() string {
	switch f.most {
	case 0:
		return counted(f.least) + " or more"
	case f.least:
		return counted(f.least)
	default:
		return strconv.Itoa(f.least) + " to " + counted(f.most)
	}
}

func counted(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

func gives[T any](*checker, *parse.IdentifierNode, []reflect.Type) reflect.Type {
	return reflect.TypeFor[T]()
}

// same is the type that all have.
func same(_ *checker, _ *parse.IdentifierNode, types []reflect.Type) reflect.Type {
	for _, is := range types {
		if is != types[0] {
			return nil
		}
	}
	return types[0]
}

func length(c *checker, n *parse.IdentifierNode, types []reflect.Type) reflect.Type {
	if is := types[0]; is != nil && is.Kind() != reflect.Slice && is.Kind() != reflect.String {
		c.fault(n, "%s has no length", word(is))
	}
	return reflect.TypeFor[int]()
}

func index(c *checker, n *parse.IdentifierNode, types []reflect.Type) reflect.Type {
	is := types[0]
	for _, by := range types[1:] {
		switch {
		case is == nil:
			return nil
		case is.Kind() == reflect.Slice:
			is = is.Elem()
		case is.Kind() == reflect.String:
			is = reflect.TypeFor[byte]()
		default:
			c.fault(n, "%s has no elements", word(is))
			return nil
		}
		if k := kindOf(by); k != intKind && k != anyKind {
			c.fault(n, "an element is found by its number, not by %s", word(by))
		}
	}
	return is
}

// kind is what decides whether two values can be compared.
type kind uint8

const (
	anyKind kind = iota // not known before the execution
	otherKind
	boolKind
	intKind
	floatKind
	complexKind
	stringKind
)

func kindOf(is reflect.Type) kind {
	if is == nil {
		return anyKind
	}
	switch is.Kind() {
	case reflect.Bool:
		return boolKind
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return intKind
	case reflect.Float32, reflect.Float64:
		return floatKind
	case reflect.Complex64, reflect.Complex128:
		return complexKind
	case reflect.String:
		return stringKind
	default:
		return otherKind
	}
}

func number(is reflect.Type) bool { k := kindOf(is); return k == intKind || k == floatKind }

func compared(c *checker, n *parse.IdentifierNode, types []reflect.Type) reflect.Type {
	first := kindOf(types[0])
	for _, is := range types[1:] {
		if k := kindOf(is); first != anyKind && k != anyKind && k != first {
			c.fault(n, "%s and %s cannot be compared", word(types[0]), word(is))
		}
	}
	return reflect.TypeFor[bool]()
}

func ordered(c *checker, n *parse.IdentifierNode, types []reflect.Type) reflect.Type {
	for _, is := range types {
		if k := kindOf(is); k == otherKind || k == boolKind || k == complexKind {
			c.fault(n, "%s is neither less nor more than another", word(is))
			return reflect.TypeFor[bool]()
		}
	}
	return compared(c, n, types)
}

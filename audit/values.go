package audit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// values reads JSON value by value, and keeps none of it. null stands for what
// is not there. Each of its functions takes a place for a value and reads the
// next one into it, or is called for the parts of that.
type values struct {
	*jsontext.Decoder
	loose bool // what is of another form is skipped, and is no error
	odd   bool // something was
}

func newValues(from io.Reader) *values {
	return &values{Decoder: jsontext.NewDecoder(bufio.NewReaderSize(from, 64<<10))}
}

// is reports whether the next value is of a kind, and skips it where it is not.
func (v *values) is(kind jsontext.Kind) (bool, error) {
	switch got := v.PeekKind(); {
	case got == kind:
		return true, nil
	case got == 'n':
	case got != 0 && v.loose:
		v.odd = true
	case got != 0:
		return false, fmt.Errorf("got %s, want %s", kindName(got), kindName(kind))
	}
	return false, v.SkipValue()
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return "a number"
	default:
		return "a boolean"
	}
}

// object has each member of an object read, by its name, which stays until then.
func (v *values) object(member func(name string) error) error {
	if ok, err := v.is('{'); !ok {
		return err
	}
	if _, err := v.ReadToken(); err != nil {
		return err
	}
	for v.PeekKind() == '"' {
		name, err := v.name()
		if err == nil {
			err = member(name)
		}
		if err != nil {
			return err
		}
	}
	_, err := v.ReadToken()
	return err
}

func (v *values) name() (string, error) {
	quoted, err := v.ReadValue()
	if err != nil {
		return "", err
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return view(quoted[1 : len(quoted)-1]), nil
	}
	name, err := jsontext.AppendUnquote(nil, quoted)
	return string(name), err
}

// inside has one member of an object read, and skips the others.
func (v *values) inside(wanted string, read func() error) error {
	return v.object(func(name string) error {
		if name == wanted {
			return read()
		}
		return v.SkipValue()
	})
}

// array has each element of an array read.
func (v *values) array(element func() error) error {
	if ok, err := v.is('['); !ok {
		return err
	}
	if _, err := v.ReadToken(); err != nil {
		return err
	}
	for kind := v.PeekKind(); kind != ']' && kind != 0; kind = v.PeekKind() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := v.ReadToken()
	return err
}

// scalar reads a value that has no parts.
func (v *values) scalar(kind jsontext.Kind, take func(jsontext.Token) error) error {
	if ok, err := v.is(kind); !ok {
		return err
	}
	token, err := v.ReadToken()
	if err != nil {
		return err
	}
	return take(token)
}

func (v *values) text(into *string) error {
	return v.scalar('"', func(token jsontext.Token) error {
		*into = token.String()
		return nil
	})
}

func (v *values) time(into *time.Time) error {
	return v.scalar('"', func(token jsontext.Token) error {
		text := []byte(token.String())
		if !strictTime(text) || into.UnmarshalText(text) != nil {
			return fmt.Errorf("%q: want a time as in RFC 3339", text)
		}
		return nil
	})
}

func (v *values) nonzero(into *bool) error {
	return v.scalar('0', func(token jsontext.Token) error {
		number, err := token.Float()
		*into = number != 0
		return err
	})
}

// perhaps reads a part whose form nobody promises. Where it is of another form,
// it says nothing at all.
func perhaps[T any](v *values, into *T, read func(into *T) error) error {
	v.loose, v.odd = true, false
	var part T
	err := read(&part)
	if !v.odd {
		*into = part
	}
	v.loose = false
	return err
}

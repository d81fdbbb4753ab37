package iam

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MalformedError says which text is not the name that was wanted, and what
// form was wanted.
type MalformedError struct {
	What  string // what the text should have been, such as "project"
	Input string // the text, cut after 200 bytes
	Want  string // the form that was wanted
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("%s %q: want %s", e.What, e.Input, e.Want)
}

const longestInputShown = 200

func malformed(what, input, want string) error {
	if len(input) > longestInputShown {
		input = input[:longestInputShown] + "…"
	}
	return &MalformedError{What: what, Input: input, Want: want}
}

// span reports whether s has 1 to limit bytes, begins with a byte of first,
// ends with one of last, and holds only bytes of inner between them.
func span(s string, limit int, first, inner, last func(byte) bool) bool {
	if len(s) == 0 || len(s) > limit || !first(s[0]) || !last(s[len(s)-1]) {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		if !inner(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) bool      { return 'a' <= c && c <= 'z' }
func digit(c byte) bool      { return '0' <= c && c <= '9' }
func letter(c byte) bool     { return lower(c) || 'A' <= c && c <= 'Z' }
func alnum(c byte) bool      { return lower(c) || digit(c) }
func dashed(c byte) bool     { return alnum(c) || c == '-' }
func dotted(c byte) bool     { return dashed(c) || c == '.' || c == '_' }
func wordByte(c byte) bool   { return letter(c) || digit(c) }
func secretByte(c byte) bool { return wordByte(c) || c == '-' || c == '_' }

// foldCase returns s in lower case, but leaves alone a text that is not ASCII:
// strings.ToLower makes a k of the Kelvin sign, and so turns one address into
// that of somebody else.
func foldCase(s string) string {
	if !every(s, func(c byte) bool { return c < utf8.RuneSelf }) {
		return s
	}
	return strings.ToLower(s)
}

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// unmarshal gives every type one reading of text: its parser's, and "" for
// the zero value, so that what MarshalText writes always reads back.
func unmarshal[T any](to *T, text []byte, parse func(string) (T, error)) error {
	var v T
	if len(text) > 0 {
		var err error
		if v, err = parse(string(text)); err != nil {
			return err
		}
	}
	*to = v
	return nil
}

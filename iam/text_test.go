package iam_test

import (
	"encoding"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

// name is what every type of this package can do that names something.
type name interface {
	comparable
	String() string
	IsZero() bool
	encoding.TextMarshaler
}

// pointer is a *T that reads text.
type pointer[T any] interface {
	*T
	encoding.TextUnmarshaler
}

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// accepts wants every input to parse, and to print as the canonical name
// beside it; "" stands for the input itself.
func accepts[T name, P pointer[T]](t *testing.T, parse func(string) (T, error), table map[string]string) {
	t.Helper()
	for input, want := range table {
		if want == "" {
			want = input
		}
		v, err := parse(input)
		if err != nil {
			t.Errorf("parse %q: %v", input, err)
			continue
		}
		if v.String() != want {
			t.Errorf("parse %q = %q, want %q", input, v, want)
		}
		holds[T, P](t, parse, input)
	}
}

// refuses wants no input to parse; the key says what is wrong with it. The
// error begins with what the input should have been and says the wanted form.
func refuses[T name, P pointer[T]](t *testing.T, parse func(string) (T, error), what, want string, table map[string]string) {
	t.Helper()
	for why, input := range table {
		v, err := parse(input)
		if err == nil {
			t.Errorf("%s: parse %q = %q, want an error", why, input, v)
			continue
		}
		if text := err.Error(); !strings.HasPrefix(text, what) || !strings.Contains(text, want) {
			t.Errorf("%s: error %q does not begin with %q and say %q", why, text, what, want)
		}
		holds[T, P](t, parse, input)
	}
}

// holds checks what is true of every text and parser: either the text is
// refused with a good error and nothing is changed, or the value is canonical,
// goes through text and JSON unchanged, and can be pasted inside quotes.
func holds[T name, P pointer[T]](t tester, parse func(string) (T, error), input string) {
	t.Helper()
	v, err := parse(input)
	if err != nil {
		refusedWell(t, v, input, err)
		leavesAlone[T, P](t, input)
		return
	}
	if v.IsZero() {
		t.Errorf("parse %q is unknown, want an error or a name", input)
	}
	if again, err := parse(v.String()); err != nil || again != v {
		t.Errorf("parse %q = %q, which parses as %q, %v", input, v, again, err)
	}
	if reads := throughText[T, P](t, v); reads != v {
		t.Errorf("%q goes through text as %q", v, reads)
	}
	if reads := throughJSON(t, v); reads != v {
		t.Errorf("%q goes through JSON as %q", v, reads)
	}
	pasteable(t, v.String())
}

func refusedWell[T name](t tester, v T, input string, err error) {
	t.Helper()
	var malformed *iam.MalformedError
	if !errors.As(err, &malformed) {
		t.Fatalf("parse %q: error of type %T, want *iam.MalformedError", input, err)
	}
	if !v.IsZero() {
		t.Errorf("parse %q = %q and an error", input, v)
	}
	if malformed.What == "" || malformed.Want == "" {
		t.Errorf("parse %q: error %+v says not what was wanted", input, malformed)
	}
	shown := input
	if len(input) > 200 {
		shown = input[:200] + "…"
	}
	if text := err.Error(); !strings.Contains(text, strconv.Quote(shown)) || strings.Contains(text, "\n") {
		t.Errorf("parse %q: error %q does not show the input on one line", input, text)
	}
}

// leavesAlone reads a malformed text into a variable, which must stay as it was.
func leavesAlone[T name, P pointer[T]](t tester, input string) {
	t.Helper()
	var v T
	if err := P(&v).UnmarshalText([]byte(input)); err == nil && input != "" {
		t.Errorf("UnmarshalText(%q) = %q, but it does not parse", input, v)
	}
	if !v.IsZero() {
		t.Errorf("UnmarshalText(%q) failed and set %q", input, v)
	}
}

func throughText[T name, P pointer[T]](t tester, v T) (read T) {
	t.Helper()
	text, err := v.MarshalText()
	if err != nil {
		t.Fatalf("MarshalText of %q: %v", v, err)
	}
	if string(text) != v.String() {
		t.Errorf("MarshalText of %q = %q", v, text)
	}
	if err := P(&read).UnmarshalText(text); err != nil {
		t.Errorf("UnmarshalText(%q): %v", text, err)
	}
	return read
}

// throughJSON writes v as a value and as a key, and reads it back.
func throughJSON[T name](t tester, v T) T {
	t.Helper()
	text, err := json.Marshal(map[T]T{v: v})
	if err != nil {
		t.Fatalf("to JSON: %v", err)
	}
	var read map[T]T
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("from JSON %s: %v", text, err)
	}
	return read[v]
}

// pasteable wants a text without a character that means something to a shell
// or to HCL inside double quotes. The exclamation mark does in bash, where a
// person pastes.
func pasteable(t tester, s string) {
	t.Helper()
	for i, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune("`$\\\"'!{}", r) {
			t.Errorf("%q holds %q at byte %d: it cannot be pasted inside quotes", s, r, i)
		}
	}
}

// foreign holds texts that belong into no name: what a shell or HCL acts on,
// what masks and placeholders are made of, white space, control characters,
// letters that look like others or are invisible, and broken UTF-8.
var foreign = []string{
	"`", "$", "$(id)", "${x}", "\\", "\"", "'", "!", ";", "&", "|", "<", ">", "(", ")", "{", "}", "[", "]", "#", "^", "~", "?", "=", ",",
	" ", "\t", "\n", "\r", "\x00", "\x1b", "\x7f",
	"*", "***", "…", "\u00a0", "\u200b", "\u200d", "\u202e", "\ufeff", "\ufffd", "\xff", "\xc3\x28",
	"\u0430", "\u0435", "\u043e", "\u0131", "\u0130", "\u212a", "\u017f", "\uff41", "\u2010", "\u2044", "é", "💥",
}

// refusesDamage puts every foreign text at every place of a good name.
func refusesDamage[T name, P pointer[T]](t *testing.T, parse func(string) (T, error), good string) {
	t.Helper()
	if _, err := parse(good); err != nil {
		t.Fatalf("parse %q: %v", good, err)
	}
	for at := range len(good) + 1 {
		for _, f := range foreign {
			damaged := good[:at] + f + good[at:]
			if v, err := parse(damaged); err == nil {
				t.Errorf("parse %q = %q, want an error", damaged, v)
			}
		}
	}
}

// wantZero checks the value that means unknown.
func wantZero[T name, P pointer[T]](t *testing.T, parse func(string) (T, error)) {
	t.Helper()
	var zero T
	if !zero.IsZero() || zero.String() != "" {
		t.Errorf("zero value is %q, unknown = %t", zero, zero.IsZero())
	}
	if read := throughText[T, P](t, zero); read != zero {
		t.Errorf("the unknown value goes through text as %q", read)
	}
	if v, err := parse(""); err == nil {
		t.Errorf(`parse "" = %q, want an error`, v)
	}
}

func TestUnmarshalKeepsTheOldValue(t *testing.T) {
	p := iam.CloudRunAgent(project(t, "111111111111"))
	before := p
	if err := p.UnmarshalText([]byte("serviceAccount:***")); err == nil {
		t.Error("a masked member was read")
	}
	if p != before {
		t.Errorf("a failed read changed %q to %q", before, p)
	}
	if err := p.UnmarshalText(nil); err != nil || !p.IsZero() {
		t.Errorf("reading an empty text gives %q, %v, want the unknown principal", p, err)
	}
}

func TestLongInputIsCutInTheError(t *testing.T) {
	_, err := iam.ParseProject(strings.Repeat("x", 1<<20))
	if err == nil || len(err.Error()) > 400 {
		t.Fatalf("error of %d bytes, want a short one", len(err.Error()))
	}
}

func project(t tester, s string) iam.Project {
	t.Helper()
	p, err := iam.ParseProject(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p
}

func principal(t tester, s string) iam.Principal {
	t.Helper()
	p, err := iam.ParsePrincipal(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p
}

func resource(t tester, s string) iam.Resource {
	t.Helper()
	r, err := iam.ParseResource(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

func role(t tester, s string) iam.Role {
	t.Helper()
	r, err := iam.ParseRole(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

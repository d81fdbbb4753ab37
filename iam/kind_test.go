package iam_test

import (
	"encoding"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

// The words are a contract: rules, records, metrics and pages use them.
func TestKindWords(t *testing.T) {
	want := strings.Fields(`other-permission run-image artifact-download artifact-upload upstream-secret secret-access
		invoker caller-image act-as run-permission unauthenticated not-found vpc-sc deny-policy org-policy download-rule
		quota billing api-disabled agent-token startup architecture binary-authorization`)
	if got := iam.KindNames(); !slices.Equal(got, want) {
		t.Errorf("kinds are %q, want %q", got, want)
	}
	var zero iam.Kind
	if zero != iam.OtherPermission {
		t.Errorf("the zero kind is %s, want the one for which nothing is granted", zero)
	}
	if k := iam.Kind(len(want)); k.String() != "Kind(23)" {
		t.Errorf("an impossible kind prints as %q", k)
	}
	iam.KindNames()[0] = "changed"
	if iam.KindNames()[0] == "changed" {
		t.Error("a caller can change the words")
	}
}

func TestWordsParse(t *testing.T) {
	for _, s := range iam.KindNames() {
		wordHolds(t, iam.ParseKind, wantKind, s)
		if _, err := iam.ParseKind(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range iam.ClassNames() {
		wordHolds(t, iam.ParseClass, wantClass, s)
		if _, err := iam.ParseClass(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", "Run-image", "run image", "run-image ", "***", "KIND", "0", "run-im\u0430ge", strings.Repeat("x", 1<<20)} {
		wordHolds(t, iam.ParseKind, wantKind, s)
		wordHolds(t, iam.ParseClass, wantClass, s)
		if k, err := iam.ParseKind(s); err == nil {
			t.Errorf("ParseKind(%q) = %s, want an error", s, k)
		}
		if c, err := iam.ParseClass(s); err == nil {
			t.Errorf("ParseClass(%q) = %s, want an error", s, c)
		}
	}
}

var (
	wantKind  = ": want one of " + strings.Join(iam.KindNames(), ", ")
	wantClass = ": want one of " + strings.Join(iam.ClassNames(), ", ")
)

type word interface {
	comparable
	fmt.Stringer
	encoding.TextMarshaler
}

// wordHolds checks what is true of every text and every type that is a closed
// set of words.
func wordHolds[T word, P pointer[T]](t tester, parse func(string) (T, error), words, input string) {
	t.Helper()
	v, err := parse(input)
	if err != nil {
		var zero T
		if v != zero || !strings.Contains(err.Error(), words) {
			t.Errorf("parse %.99q = %s, %v, want the zero value and an error that lists the words", input, v, err)
		}
		return
	}
	if v.String() != input {
		t.Errorf("parse %q = %q", input, v)
	}
	var read T
	text, err := v.MarshalText()
	if err != nil {
		t.Fatalf("MarshalText of %q: %v", v, err)
	}
	if err := P(&read).UnmarshalText(text); err != nil || read != v {
		t.Errorf("%q goes through text as %q, %v", v, read, err)
	}
}

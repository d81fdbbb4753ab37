package rules

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

// FuzzParse reads a text and a piece that is repeated behind it, so that it
// finds what takes time that grows with the square.
func FuzzParse(f *testing.F) {
	for _, data := range policies(f) {
		f.Add(data, []byte("\n# more"), uint16(3))
	}
	for _, test := range hostile {
		if len(test.policy) < 1000 {
			f.Add([]byte(test.policy), []byte(test.repeat), uint16(20))
		}
	}
	f.Add([]byte(header+allowApps), []byte("\n  - *x"), uint16(1))
	f.Add([]byte("- ? {a: b}\n  : !!binary |\n    x"), []byte(" "), uint16(0))
	f.Fuzz(func(t *testing.T, data, piece []byte, times uint16) {
		if n := len(piece) * int(times); n < 100_000 {
			data = slices.Concat(data, bytes.Repeat(piece, int(times)))
		}
		begun := time.Now()
		p, err := Parse("f", data)
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%d bytes took %s", len(data), took)
		}
		if (p == nil) == (err == nil) {
			t.Fatalf("got policy %v and error %v, want one of them", p, err)
		}
		if err != nil {
			if wrong := misplaced(data, err); wrong != nil {
				t.Fatal(wrong)
			}
			return
		}
		if p.Rules() == 0 && p.Decide(failing()).Verdict != Alert {
			t.Fatal("a verdict without a rule")
		}
		if got, err := Parse("f", commented(data)); err == nil && got.Digest() != p.Digest() || err != nil && len(data) < largestFile/2 {
			t.Fatalf("with comments around it: %v, another digest, or refused", err)
		}
	})
}

// commented puts comments and empty lines around a policy.
func commented(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	return slices.Concat([]byte("# first\n\n"), data, []byte("\n\n# last\n"))
}

// misplaced holds that every problem is inside the file.
func misplaced(data []byte, err error) error {
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 || len(problems) > mostProblems+1 {
		return fmt.Errorf("got %T with %d problems", err, len(problems))
	}
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	for _, p := range problems {
		if p.Line < 1 || p.Line > len(lines) {
			return fmt.Errorf("line %d of %d: %w", p.Line, len(lines), p)
		}
		if longest := utf8.RuneCountInString(lines[p.Line-1]) + 1; p.Column < 1 || p.Column > longest {
			return fmt.Errorf("column %d of %d: %w", p.Column, longest, p)
		}
		if text := p.Error(); !strings.HasPrefix(text, fmt.Sprintf("f:%d:%d: %s", p.Line, p.Column, p.What)) || len(text) > 20_000 || p.What == "" {
			return fmt.Errorf("%d bytes: %s", len(text), text)
		}
	}
	return nil
}

// TestCommentsChangeNothing puts comments and empty lines between the lines of
// generated policies.
func TestCommentsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := wholePolicy()
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			policy = mutate(t, "", policy)
		}
		data := must(yaml.Marshal(policy))
		p, err := Parse("f", data)
		if err != nil {
			return
		}
		var more strings.Builder
		for line := range strings.Lines(string(data)) {
			more.WriteString(rapid.SampledFrom([]string{"", "\n", "# a comment: [\n", "    # \"\n\n"}).Draw(t, "before"))
			more.WriteString(strings.TrimSuffix(line, "\n") + rapid.SampledFrom([]string{"\n", " # why\n", "   \n", "\r\n"}).Draw(t, "behind"))
		}
		q, err := Parse("f", []byte(more.String()))
		if err != nil || q.Digest() != p.Digest() {
			t.Fatalf("got %v or another digest for\n%s", err, more.String())
		}
	})
}

package parse

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":             {"", nil},
		"white space":         {" \n\t", nil},
		"one entry":           {`{"a":1}`, []string{`{"a":1}`}},
		"lines":               {"{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}\n", []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}},
		"array":               {`[{"a":1}, {"a":[{"b":2}]}]`, []string{`{"a":1}`, `{"a":[{"b":2}]}`}},
		"empty array":         {`[]`, nil},
		"one after the other": {"{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}", []string{"{\n  \"a\": 1\n}", "{\n  \"a\": 2\n}"}},
		"braces in strings":   {`{"a":"}{\"}"} {"b":"\\"}`, []string{`{"a":"}{\"}"}`, `{"b":"\\"}`}},
		"byte order mark":     {"\uFEFF{\"a\":1}", []string{`{"a":1}`}},
		"cut off":             {`{"a":1}` + "\n" + `{"a":`, []string{`{"a":1}`, `{"a":`}},
		"one brace too many":  {`{"a":1}}`, []string{`{"a":1}`}},
		"text":                {"ERROR: denied\nand more {\"a\":1}\n", []string{"ERROR: denied\nand more {\"a\":1}\n"}},
		"text with brackets":  {"[debug] x\n{\"a\":1}", []string{"[debug] x\n{\"a\":1}"}},
		"text between":        {"{\"a\":1}\nERROR: x\ny\n{\"a\":2}\nz", []string{`{"a":1}`, "ERROR: x\ny\n", `{"a":2}`, "z"}},
		"no JSON":             {"{ insertId: \"x\" }", []string{"{ insertId: \"x\" }"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				if diff := cmp.Diff(c.want, collect(t, r)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func collect(t *testing.T, r io.Reader) (docs []string) {
	t.Helper()
	for doc, err := range Documents(r) {
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(doc))
	}
	return docs
}

func TestDocumentsFail(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		in   io.Reader
		want string
	}{
		"reader":    {io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(broken)), "document at byte 0: broken"},
		"too long":  {strings.NewReader(`{"a":"` + strings.Repeat("x", LongestDocument+1)), fmt.Sprintf("document at byte 0: longer than %d bytes", LongestDocument)},
		"long text": {strings.NewReader(strings.Repeat("x", LongestDocument+1)), fmt.Sprintf("document at byte 0: longer than %d bytes", LongestDocument)},
	} {
		var errs []string
		for doc, err := range Documents(c.in) {
			if err == nil {
				t.Errorf("%s: document %q", name, cut(string(doc), 50))
				continue
			}
			errs = append(errs, err.Error())
		}
		if !slices.Equal(errs, []string{c.want}) {
			t.Errorf("%s: errors %q, want %q", name, errs, c.want)
		}
	}
}

// Memory must stay flat however long the input is.
func TestDocumentsInConstantMemory(t *testing.T) {
	line := `{"insertId":"x","protoPayload":{"serviceName":"run.googleapis.com"}}` + "\n"
	cost := func(lines int) float64 {
		return testing.AllocsPerRun(3, func() {
			for _, err := range Documents(strings.NewReader(strings.Repeat(line, lines))) {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if few, many := cost(10), cost(100_000); many > few+2 {
		t.Errorf("%v allocations for 10 lines, %v for 100,000", few, many)
	}
}

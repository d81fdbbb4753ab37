package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDecodesAsEncodingJSON reads texts that are written in every way.
func TestDecodesAsEncodingJSON(t *testing.T) {
	line, quick := lineOf(t, record()), 0
	for _, text := range []string{
		`a`, `1234567`, `12345678`, `123456789abcdef\n`, `\"`, `\\`, `\/`, `\b\f\n\r\t`, `\u00e9\u2028`, `\u0000`, `\u003C\u003e`, `\uD83D\uDE00`,
		`\ud83d`, `\ud83d\u0061`, `\uFFFD`, "\ufffd", "é", "𝄞", "a\x7fb", "12345678é12345678\\\"12345678",
		"a\xffb", "\xed\xa0\x80", "\xc3", "\x00", "\x1f", "\n", `\x41`, `\u12`, `\u12g4`, `\`, `\u`, `"`, `","x":"`,
	} {
		for _, key := range []string{"phase", "rule", "version", "at"} {
			old := `"` + key + `":"` + map[string]string{"phase": "result", "rule": "apps", "version": "v1", "at": "2026-03-04T05:06:07.89Z"}[key]
			line := strings.Replace(line, old, old+text, 1)
			d := newDecoder()
			if sameAsEncodingJSON(t, d, []byte(line)) {
				quick++
			}
		}
	}
	if quick < 30 {
		t.Errorf("%d lines were read quickly, want most", quick)
	}
}

// sameAsEncodingJSON holds that what is read quickly is what would be read with
// care, and that what encoding/json refuses is refused.
func sameAsEncodingJSON(t *testing.T, d *decoder, line []byte) (quick bool) {
	t.Helper()
	want, _, refused := decodeAny(line)
	quick = d.quick(line)
	if quick && refused != nil {
		t.Errorf("took %q, want %v", line, refused)
	}
	if diff := cmp.Diff(want, d.record); quick && diff != "" {
		t.Errorf("%q: -want +got\n%s", line, diff)
	}
	var plain Record
	if err := json.Unmarshal(line, &plain); refused == nil && (err != nil || plain != want) {
		t.Errorf("%q: encoding/json reads %+v, %v, want %+v", line, plain, err, want)
	}
	return quick
}

// FuzzDecode holds the quick decoder against encoding/json.
func FuzzDecode(f *testing.F) {
	line, err := record().Line()
	if err != nil {
		f.Fatal(err)
	}
	text := string(line)
	f.Add(line)
	f.Add(newChain().chained(line))
	for _, change := range [][2]string{{"apps", `\u00e9\ud83d\ude00`}, {"v1", "v2"}, {"Z", "+24:00"}, {"apps", "\xff"}, {`"rule"`, `"Rule"`}, {"}\n", "}"}, {"}\n", "} \n"}, {"T05", "T5"}} {
		f.Add([]byte(strings.Replace(text, change[0], change[1], 1)))
	}
	d := newDecoder()
	f.Fuzz(func(t *testing.T, line []byte) { sameAsEncodingJSON(t, d, line) })
}

// TestWhatPullfixWritesIsReadQuickly counts what the reading of a file needs for
// each record.
func TestWhatPullfixWritesIsReadQuickly(t *testing.T) {
	d, path := newDecoder(), filepath.Join(t.TempDir(), "record.jsonl")
	write(t, open(t, path), story("a\" <b> \u2028é\x01")...)
	for _, line := range lines(t, path) {
		if !d.quick([]byte(line + "\n")) {
			t.Errorf("not read quickly: %s", line)
		}
	}
	memory := func(records int) float64 {
		if err := os.WriteFile(path, manyLines(t, records), 0o600); err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(5, func() {
			for _, err := range ReadFile(t.Context(), path, Query{}, nil) {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if few, many := memory(70), memory(7000); many > few+20 {
		t.Errorf("100 times as many records need %.0f allocations after %.0f, want as many", many, few)
	}
}

// decode reads one record that stays.
func decode(text []byte) (Record, error) {
	r, err := newDecoder().decode(bytes.Clone(text))
	if err != nil {
		return Record{}, err
	}
	return *r, nil
}

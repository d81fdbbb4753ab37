package audit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// story returns the records of a grant that failed, was tried again, and was
// undone in the end, which was tried three times, in order.
func story(event string) []Record {
	var all []Record
	for _, step := range []struct{ phase, outcome, cause string }{
		{PhaseIntent, "", ""},
		{PhaseResult, OutcomeFailed, ""},
		{PhaseResult, OutcomeApplied, ""},
		{PhaseIntent, "", CauseUndo},
		{PhaseResult, OutcomeFailed, CauseUndo},
		{PhaseResult, OutcomeRefused, CauseUndo},
		{PhaseResult, OutcomeUndone, CauseUndo},
	} {
		r := about(event)
		r.Phase, r.Outcome, r.Cause = step.phase, step.outcome, step.cause
		r.Reason = fmt.Sprintf("%q \\ <&> \u2028 é %d", event, len(all))
		all = append(all, r)
	}
	return all
}

func TestIDsStayAsTheyAre(t *testing.T) {
	const failed, result = "1836d2b2ccd42f053b591fff9fbc26a9", "e1c0ce0e88e0faeb1d5f1ff7c00e18ef"
	for _, c := range []struct{ phase, outcome, cause, want string }{
		{PhaseIntent, "", "", "3b0cf2cce052d5c2b810f2261c2ff4fd"},
		{PhaseIntent, "", "unverified", "3b0cf2cce052d5c2b810f2261c2ff4fd"},
		{PhaseResult, OutcomeApplied, "", result},
		{PhaseResult, OutcomeAlreadyHeld, "already-held", result},
		{PhaseResult, OutcomeRefused, "write-denied", result},
		{PhaseResult, OutcomeFailed, "", failed},
		{PhaseDecision, "", "", "af35fe976f63e1c84ce9b63f2b7abded"},
		{PhaseDecision, OutcomeObserved, "budget", "ced2a4ba7a350ec40192ef81f16a6406"},
		{PhaseDecision, OutcomeFailed, "", failed},
		{PhaseIntent, "", CauseUndo, "c8e24fd98cd6fe869f8a879d4bb92c2a"},
		{PhaseResult, OutcomeUndone, CauseUndo, "723615d31100face38d03d92d96b6f9d"},
		{PhaseResult, OutcomeUndone, "", "723615d31100face38d03d92d96b6f9d"},
		{PhaseResult, OutcomeFailed, CauseUndo, "e5f44a848893020c9793fcc864de1ead"},
		{PhaseResult, OutcomeRefused, CauseUndo, "3d47f7b199e298cd70700d2aba7f8cea"},
	} {
		r := record()
		r.Phase, r.Outcome, r.Cause = c.phase, c.outcome, c.cause
		if got := r.ID(); got != c.want {
			t.Errorf("phase %q, outcome %q, cause %q: got id %s, want %s", c.phase, c.outcome, c.cause, got, c.want)
		}
		if got, want := r.Key(), "38fd33508a882fad30b00ba275541d7c"; got != want {
			t.Errorf("phase %q, outcome %q, cause %q: got key %s, want %s", c.phase, c.outcome, c.cause, got, want)
		}
	}
}

func TestFindInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f, want := open(t, path), story("abc123")
	for n, other := range story("ABC123") {
		write(t, f, want[n], other, want[0])
	}
	again, err := want[2].Line()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.file.Write(append(again, `{"event":"abc123"`...)); err != nil {
		t.Fatal(err)
	}
	got, err := FindInFile(t.Context(), path, "abc123")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got, err := FindInFile(t.Context(), path, "abc"); err != nil || len(got) != 0 {
		t.Errorf("an event that is not there: got %d records, error %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FindInFile(ctx, path, "abc123"); err == nil {
		t.Error("found to the end although the caller hung up")
	}
}

func TestFindInFileRefuses(t *testing.T) {
	whole, err := record().Line()
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSuffix(string(whole), "\n")
	for name, c := range map[string]struct{ line, want string }{
		"no JSON":     {"not a record", "invalid character"},
		"empty":       {"", "unexpected end of JSON input"},
		"only null":   {"null", `version "": want "v1"`},
		"a list":      {"[]", "cannot unmarshal array"},
		"two":         {line + line, "invalid character '{' after top-level value"},
		"later":       {strings.Replace(line, `"version":"v1"`, `"version":"v2","new":7`, 1), `version "v2": want "v1"`},
		"no version":  {strings.Replace(line, `"version":"v1"`, `"error":""`, 1), `version "": want "v1"`},
		"a number":    {strings.Replace(line, `"version":"v1"`, `"version":1`, 1), `version "1": want "v1"`},
		"more keys":   {strings.Replace(line, `"error":""`, `"eror":""`, 1), `key "eror": a record of version "v1" has no such key`},
		"another key": {strings.Replace(line, `"principal"`, `"Principal"`, 1), `key "Principal": a record`},
		"no time":     {strings.Replace(line, `"at":"2026-`, `"at":"`, 1), `key "at": "03-04T05:06:07.89Z": want a time`},
		"no day":      {strings.Replace(line, `"at":"2026-03-04`, `"at":"2026-02-30`, 1), "parsing time"},
		"wrong type":  {strings.Replace(line, `"rule":"apps"`, `"rule":7`, 1), `key "rule": got a number, want a text`},
		"null":        {strings.Replace(line, `"rule":"apps"`, `"rule":null`, 1), `key "rule": got null, want a text`},
		"two keys":    {strings.Replace(line, `"rule":"apps"`, `"rule":"","rule":"apps"`, 1), `key "rule": written twice`},
		"no chain":    {strings.Replace(line, `"v1"}`, `"v1","chain":"00"}`, 1), `key "chain": "00": want 64 hexadecimal digits`},
		"too long":    {strings.Repeat("x", maxLine+1), "longer than 16777216 bytes"},
	} {
		path := filepath.Join(t.TempDir(), "record.jsonl")
		if err := os.WriteFile(path, []byte(line+"\n"+c.line+"\n"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := FindInFile(t.Context(), path, "abc123")
		prefix := fmt.Sprintf("audit file %q: line 2 is not a record: ", path)
		if err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s… %s", name, err, prefix, c.want)
		}
	}
}

func TestFindInFileWithoutAFileOrEvent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	for event, want := range map[string]string{
		"abc123":   "audit file: open " + path,
		"":         fmt.Sprintf(`audit file %q: event "": want the event`, path),
		"a\nb":     fmt.Sprintf(`audit file %q: event "a\nb": want text without control characters`, path),
		"a\u0085b": fmt.Sprintf(`audit file %q: event "a\u0085b": want text`, path),
		"a\xff":    fmt.Sprintf(`audit file %q: event "a\xff": want text`, path),
	} {
		if _, err := FindInFile(t.Context(), path, event); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("event %q: got %v, want %s", event, err, want)
		}
	}
	if _, err := FindInFile(t.Context(), t.TempDir(), "abc123"); err == nil || !strings.HasPrefix(err.Error(), "audit file ") {
		t.Errorf("a folder: got %v", err)
	}
}

// FuzzLines wants for each line a record that reads back as it is, or an error
// that names it.
func FuzzLines(f *testing.F) {
	whole, err := record().Line()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "\n", "{}\n", string(whole), string(whole) + `{"phase":`, string(whole) + "null\n", "\x00\n\xff\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, lines := 0, bytes.Count(data, []byte("\n"))
		for r, err := range newLineReader(bytes.NewReader(data), 0).records(t.Context()) {
			if found++; err != nil {
				if !strings.HasPrefix(err.Error(), fmt.Sprintf("line %d is not a record: ", found)) {
					t.Fatalf("%v: want an error that names line %d", err, found)
				}
				continue
			}
			line, err := r.Line()
			if err != nil {
				t.Fatal(err)
			}
			again, err := decode(line)
			if diff := cmp.Diff(r.bounded(), again); err != nil || diff != "" {
				t.Fatalf("found %s: error %v, -found +again\n%s", line, err, diff)
			}
		}
		if found != lines {
			t.Errorf("%d of %d lines were read", found, lines)
		}
	})
}

func BenchmarkFindInFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "record.jsonl")
	var data []byte
	for n := range 10_000 {
		line, err := about(strconv.Itoa(n)).Line()
		if err != nil {
			b.Fatal(err)
		}
		data = append(data, line...)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if found, err := FindInFile(b.Context(), path, "9999"); err != nil || len(found) != 1 {
			b.Fatalf("found %d records, error %v", len(found), err)
		}
	}
}

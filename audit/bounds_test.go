package audit

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEachFailureIsRecordedOnce fails in two ways, one of them twice.
func TestEachFailureIsRecordedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f := open(t, path)
	for _, cause := range []string{"", CauseUndo} {
		for _, why := range []string{"code Unavailable", "code Internal", "code Unavailable"} {
			r := record()
			r.Outcome, r.Cause, r.Error = OutcomeFailed, cause, why
			write(t, f, r)
		}
	}
	var got []string
	records, err := FindInFile(t.Context(), path, record().Event)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		got = append(got, r.Cause+" "+r.Error)
	}
	if diff := cmp.Diff([]string{" code Unavailable", " code Internal", "undo code Unavailable", "undo code Internal"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestEveryForeignTextIsBounded makes one text after the other too long, and then
// all of them, and wants a line that Cloud Logging takes as an entry.
func TestEveryForeignTextIsBounded(t *testing.T) {
	long := strings.Repeat("\x01", 300<<10) // of which each takes six bytes in JSON
	foreign := map[string]func(*Record) *string{
		"event": func(r *Record) *string { return &r.Event }, "log": func(r *Record) *string { return &r.Log },
		"kind": func(r *Record) *string { return &r.Kind }, "source_project": func(r *Record) *string { return &r.SourceProject },
		"caller": func(r *Record) *string { return &r.Caller }, "workload": func(r *Record) *string { return &r.Workload },
		"principal": func(r *Record) *string { return &r.Principal }, "permission": func(r *Record) *string { return &r.Permission },
		"resource": func(r *Record) *string { return &r.Resource }, "image": func(r *Record) *string { return &r.Image },
		"reason": func(r *Record) *string { return &r.Reason }, "error": func(r *Record) *string { return &r.Error },
	}
	all := record()
	for name, field := range foreign {
		one := record()
		*field(&one), *field(&all) = long, long
		line := lineOf(t, one)
		if len(line) > 6*longestText {
			t.Errorf("%s: a line of %d bytes, want at most %d", name, len(line), 6*longestText)
		}
		if sum := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(long))); !strings.Contains(line, sum) {
			t.Errorf("%s: want its hash %s in %.200s", name, sum, line)
		}
	}
	const entry = 256 << 10 // https://cloud.google.com/logging/quotas#log-limits
	if line := lineOf(t, all); len(line) > entry*3/4 {
		t.Errorf("all: a line of %d bytes, want room for the rest of an entry of %d", len(line), entry)
	}
}

package audit

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// all collects records that stay.
func all(t testing.TB, records iter.Seq2[*Record, error]) (found []Record) {
	t.Helper()
	for r, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, *r.Clone())
	}
	return found
}

func filedRecords(t testing.TB, records ...Record) []Record {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	write(t, open(t, path), records...)
	return all(t, ReadFile(t.Context(), path, Query{}, nil))
}

func cloudRecords(t *testing.T, records ...Record) []Record {
	t.Helper()
	_, address := emulatortest.Start(t, twoProjects)
	writeCloud(t, openCloud(t, address, "ops"), records...)
	return inWrittenOrder(all(t, ReadCloud(t.Context(), Log{Project: "ops"}, Query{}, emulatortest.Options(address)...)))
}

// inWrittenOrder sorts what Cloud Logging lists by time and id.
func inWrittenOrder(records []Record) []Record {
	found := search{}
	for n := range records {
		found.event = records[n].Event
		found.add(&records[n])
	}
	slices.SortStableFunc(found.records, inOrder)
	return found.records
}

func TestQuery(t *testing.T) {
	base := record()
	at := base.At
	others := map[string]func(*Record){
		"event": func(r *Record) { r.Event = "ABC123" },
		"time":  func(r *Record) { r.At = at.Add(-time.Second) },
		"project": func(r *Record) {
			r.SourceProject, r.Resource = "app-two", "projects/shared-two/locations/us/repositories/apps"
		},
		"resource":  func(r *Record) { r.Resource = "projects/shared/locations/us/repositories/apps-two" },
		"principal": func(r *Record) { r.Principal = "user:ann@example.com" },
		"rule":      func(r *Record) { r.Rule = "APPS" },
		"verdict":   func(r *Record) { r.Verdict = "alert" },
		"outcome":   func(r *Record) { r.Outcome = OutcomeRefused },
		"kind":      func(r *Record) { r.Kind = "act-as" },
	}
	records := []Record{base}
	for _, change := range others {
		other := base
		change(&other)
		other.Image = fmt.Sprint("image ", len(records))
		records = append(records, other)
	}
	path := filepath.Join(t.TempDir(), "record.jsonl")
	write(t, open(t, path), records...)
	_, address := emulatortest.Start(t, twoProjects)
	writeCloud(t, openCloud(t, address, "ops"), records...)

	const agent = "service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	for _, test := range []struct {
		q    Query
		left []string // those of the others that do not match
	}{
		{Query{}, nil},
		{Query{Event: "abc123"}, []string{"event"}},
		{Query{From: at}, []string{"time"}},
		{Query{From: at, To: at.Add(time.Nanosecond)}, []string{"time"}},
		{Query{Project: "app-one"}, []string{"project"}},
		{Query{Project: "shared"}, []string{"project"}},
		{Query{Repository: "apps"}, []string{"resource"}},
		{Query{Repository: base.Resource}, []string{"resource", "project"}},
		{Query{Principal: agent}, []string{"principal"}},
		{Query{Principal: "serviceAccount:" + agent}, []string{"principal"}},
		{Query{Principal: "service-111111111111"}, []string{"principal"}},
		{Query{Rule: "apps"}, []string{"rule"}},
		{Query{Verdict: "grant"}, []string{"verdict"}},
		{Query{Outcome: OutcomeApplied}, []string{"outcome"}},
		{Query{Kind: "run-image"}, []string{"kind"}},
		{Query{Event: "abc123", Rule: "apps", Kind: "run-image", To: at.Add(1)}, []string{"event", "rule", "kind"}},
	} {
		for name, change := range others {
			other := base
			change(&other)
			left := false
			for _, l := range test.left {
				left = left || l == name
			}
			if got := test.q.Matches(&other); got == left {
				t.Errorf("%+v: matches a record with another %s is %t", test.q, name, got)
			}
		}
		want := len(others) + 1 - len(test.left)
		if got := all(t, ReadFile(t.Context(), path, test.q, nil)); len(got) != want {
			t.Errorf("%+v: the file has %d records, want %d", test.q, len(got), want)
		}
		got := all(t, ReadCloud(t.Context(), Log{Project: "ops"}, test.q, emulatortest.Options(address)...))
		if len(got) != want {
			t.Errorf("%+v: the cloud has %d records, want %d", test.q, len(got), want)
		}
		for _, r := range got {
			if !test.q.Matches(&r) {
				t.Errorf("%+v: got %+v", test.q, r)
			}
		}
	}
	if q := (Query{To: at}); q.Matches(&base) {
		t.Error("a record of the end of a query matches")
	}
}

func TestQueryThatIsRefused(t *testing.T) {
	at := record().At
	_, address := emulatortest.Start(t, twoProjects)
	path := filepath.Join(t.TempDir(), "record.jsonl")
	write(t, open(t, path), record())
	for want, q := range map[string]Query{
		`rule "a\nb": want text without control characters`:                                            {Rule: "a\nb"},
		`principal "\xff": want text without control characters`:                                       {Principal: "\xff"},
		`kind of 4097 bytes: want at most 4096`:                                                        {Kind: strings.Repeat("x", 4097)},
		`from "2026-03-04T05:06:07.89Z" to "2026-03-04T05:06:07.89Z": want a beginning before the end`: {From: at, To: at},
	} {
		for source, records := range map[string]iter.Seq2[*Record, error]{
			fmt.Sprintf("audit file %q:", path): ReadFile(t.Context(), path, q, nil),
			`audit log of "ops":`:               ReadCloud(t.Context(), Log{Project: "ops"}, q, emulatortest.Options(address)...),
		} {
			for r, err := range records {
				if r != nil || err == nil || err.Error() != source+" "+want {
					t.Errorf("got %v, %v, want %s %s", r, err, source, want)
				}
			}
		}
	}
}

// TestQueryWantsWholeNames gives parts of names.
func TestQueryWantsWholeNames(t *testing.T) {
	r := record()
	for _, q := range []Query{
		{Principal: "service-1111"},
		{Principal: "service-111111111111@"},
		{Principal: "serviceAccount:service-111111111111"},
		{Principal: "serviceAccount"},
		{Principal: "serverless-robot-prod.iam.gserviceaccount.com"},
		{Repository: "app"},
		{Project: "app"},
		{Event: "abc"},
	} {
		if q.Matches(&r) {
			t.Errorf("%+v wants a record of %q on %q", q, r.Principal, r.Resource)
		}
	}
}

func TestFilterSaysWhatIsWanted(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	q := Query{
		From: at, To: at.Add(time.Hour), Event: `a"\`, Project: "p", Repository: "r", Principal: "x@y", Rule: "rule", Verdict: "v", Outcome: "o", Kind: "k",
	}
	const want = `logName="projects/ops/logs/pullfix" AND jsonPayload.event="a\"\\" AND jsonPayload.rule="rule" AND jsonPayload.verdict="v"` +
		` AND jsonPayload.outcome="o" AND jsonPayload.kind="k" AND (jsonPayload.source_project="p" OR jsonPayload.resource:"projects/p")` +
		` AND jsonPayload.resource:"r" AND jsonPayload.principal:"x@y"` +
		` AND timestamp>="2026-03-04T04:06:07Z" AND timestamp<"2026-03-04T05:06:07.000003Z"`
	if diff := cmp.Diff(want, filterOf("ops", q)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	const none = `logName="projects/ops/logs/pullfix" AND timestamp>="1970-01-01T00:00:00Z"`
	if diff := cmp.Diff(none, filterOf("ops", Query{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestReadFileGoesOnAfterABadLine wants every line, as a record or as an error.
func TestReadFileGoesOnAfterABadLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	line := lineOf(t, record()) + "\n"
	data := line + "not a record\n" + strings.Repeat("x", maxLine+1) + "\n" + line + `{"cut":`
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r, err := range ReadFile(t.Context(), path, Query{}, nil) {
		if err != nil {
			got = append(got, strings.TrimPrefix(err.Error(), fmt.Sprintf("audit file %q: ", path)))
		} else {
			got = append(got, r.Clone().Event)
		}
	}
	want := []string{
		"abc123",
		"line 2 is not a record: invalid character 'o' in literal null (expecting 'u')",
		"line 3 is not a record: longer than 16777216 bytes",
		"abc123",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReadFileTellsHowFarItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	data := manyLines(t, 700)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	last, calls := int64(0), 0
	found := all(t, ReadFile(t.Context(), path, Query{}, func(read, size int64) {
		if read < last || read > size || size != int64(len(data)) {
			t.Errorf("read %d of %d bytes after %d, want up to %d", read, size, last, len(data))
		}
		last = read
		calls++
	}))
	if last != int64(len(data)) || len(found) != 700 || calls > 100 {
		t.Errorf("read %d of %d bytes and %d of 700 records, told %d times", last, len(data), len(found), calls)
	}
}

func TestReadFileEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	if err := os.WriteFile(path, manyLines(t, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, last := 0, error(nil)
	for _, err := range ReadFile(ctx, path, Query{}, nil) {
		if n++; n == 3 {
			cancel()
		}
		last = err
	}
	if n != 4 || last == nil || !strings.HasSuffix(last.Error(), context.Canceled.Error()) {
		t.Errorf("read %d times, the last with the error %v, want the fourth to be %v", n, last, context.Canceled)
	}
}

// TestARecordIsOverwritten is why there is Clone.
func TestARecordIsOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	if err := os.WriteFile(path, manyLines(t, 70), 0o600); err != nil {
		t.Fatal(err)
	}
	var kept []*Record
	for r, err := range ReadFile(t.Context(), path, Query{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, r.Clone())
	}
	for n, r := range kept {
		if want := fmt.Sprint(n / 7); r.Event != want {
			t.Errorf("the clone of record %d has event %q, want %q", n, r.Event, want)
		}
	}
}

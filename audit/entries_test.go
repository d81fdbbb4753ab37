package audit

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	logs "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/logging/logadmin"
	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"
	mrpb "google.golang.org/genproto/googleapis/api/monitoredres"
	logtype "google.golang.org/genproto/googleapis/logging/type"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// hurried waits for nearly nothing.
func hurried(attempts int) patience {
	return patience{gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond}, attempts}
}

func TestReadCloudTurnsPages(t *testing.T) {
	cloud, address := emulatortest.Start(t, twoProjects+"faults: [{method: ListLogEntries, code: RESOURCE_EXHAUSTED, after: 1, times: 3}]\n")
	ops := openCloud(t, address, "ops")
	const count = mostEntries + 10
	for n := range count {
		r := about(strconv.Itoa(n))
		r.At = r.At.Add(time.Duration(count-n) * time.Minute)
		writeCloud(t, ops, r)
	}
	n, last := 0, time.Time{}
	for r, err := range readCloud(t.Context(), Log{Project: "ops"}, Query{}, hurried(4), emulatortest.Options(address)...) {
		if err != nil {
			t.Fatal(err)
		}
		if !r.At.After(last) {
			t.Fatalf("a record of %s comes after one of %s", r.At, last)
		}
		n, last = n+1, r.At
	}
	if calls := cloud.Calls()["ListLogEntries"]; n != count || calls != 5 {
		t.Errorf("read %d records in %d calls, want %d in 5: two pages, the second of which is refused three times", n, calls, count)
	}
}

func TestReadCloudGivesUp(t *testing.T) {
	for code, calls := range map[string]int{
		"RESOURCE_EXHAUSTED": 3, "UNAVAILABLE": 3, "INTERNAL": 3, "DEADLINE_EXCEEDED": 3,
		"PERMISSION_DENIED": 1, "INVALID_ARGUMENT": 1, "UNAUTHENTICATED": 1, "NOT_FOUND": 1,
	} {
		cloud, address := emulatortest.Start(t, twoProjects+"faults: [{method: ListLogEntries, code: "+code+", times: 99}]\n")
		n := 0
		for r, err := range readCloud(t.Context(), Log{Project: "ops"}, Query{}, hurried(3), emulatortest.Options(address)...) {
			if n++; r != nil || err == nil || !strings.HasPrefix(err.Error(), `audit log of "ops": rpc error: code = `) {
				t.Errorf("%s: got %v, %v, want an error that names the project", code, r, err)
			}
		}
		if got := cloud.Calls()["ListLogEntries"]; n != 1 || got != calls {
			t.Errorf("%s: yielded %d times after %d calls, want 1 after %d", code, n, got, calls)
		}
	}
}

func TestReadCloudWaitsNoLongerThanItsContext(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects+"faults: [{method: ListLogEntries, code: RESOURCE_EXHAUSTED, times: 99}]\n")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	patient := patience{gax.Backoff{Initial: time.Hour, Max: time.Hour}, 9}
	for _, err := range readCloud(ctx, Log{Project: "ops"}, Query{}, patient, emulatortest.Options(address)...) {
		if err == nil {
			t.Error("read from a quota that is used up")
		}
	}
}

// TestPatienceOutlastsTheQuota adds up what is waited at most.
func TestPatienceOutlastsTheQuota(t *testing.T) {
	p, total := defaultPatience, time.Duration(0)
	for range 1000 {
		cur := p.backoff
		for range p.left - 1 {
			total += cur.Pause()
		}
	}
	if mean := total / 1000; mean < 2*time.Minute || mean > pageTime/2 {
		t.Errorf("waits %s on average, want some times the minute of the quota and less than %s", mean, pageTime/2)
	}
}

// TestReadCloudReadsWhatIsOld holds that nobody adds yesterday to the filter.
func TestReadCloudReadsWhatIsOld(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	old := record()
	old.At = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	writeCloud(t, openCloud(t, address, "ops"), old)
	if got := all(t, ReadCloud(t.Context(), Log{Project: "ops"}, Query{}, emulatortest.Options(address)...)); len(got) != 1 {
		t.Errorf("got %d records of 2020, want 1", len(got))
	}
}

func TestReadCloudTakesTextsForTexts(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	ops, other := openCloud(t, address, "ops"), openCloud(t, address, "app-one")
	for _, text := range []string{`"`, `\`, `a\"b`, `x" OR logName:"`, `x") OR timestamp>="1970`, `a) OR (b`, "*", "a b", "--", `\x41`, "é"} {
		r := record()
		r.Event, r.Rule, r.Kind, r.Verdict, r.Outcome, r.SourceProject, r.Principal = text, text, text, text, text, text, text
		r.Resource = "projects/shared/locations/us/repositories/" + text
		writeCloud(t, other, r)
		writeCloud(t, ops, r, record())
		q := Query{Event: text, Rule: text, Kind: text, Verdict: text, Outcome: text, Project: text, Principal: text, Repository: r.Resource}
		if diff := cmp.Diff([]Record{r}, all(t, ReadCloud(t.Context(), Log{Project: "ops"}, q, emulatortest.Options(address)...))); diff != "" {
			t.Errorf("%q: -want +got\n%s", text, diff)
		}
	}
}

// TestReadCloudYieldsEachIDOnce writes one record at two times, as the
// deliveries of an entry without a time are.
func TestReadCloudYieldsEachIDOnce(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	first, second := record(), record()
	second.At = second.At.Add(time.Hour)
	writeCloud(t, openCloud(t, address, "ops"), second, first, first)
	if diff := cmp.Diff([]Record{first}, all(t, ReadCloud(t.Context(), Log{Project: "ops"}, Query{}, emulatortest.Options(address)...))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReadCloudGoesOnAfterABadEntry(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	ops := openCloud(t, address, "ops")
	writeRaw(t, ops, LogID, "id-1", "a text")
	late := record()
	late.At = late.At.Add(time.Hour)
	writeCloud(t, ops, late)
	var got []string
	for r, err := range ReadCloud(t.Context(), Log{Project: "ops"}, Query{}, emulatortest.Options(address)...) {
		got = append(got, fmt.Sprint(r != nil, " ", err))
	}
	want := []string{
		`false audit log of "ops": entry "id-1" of 2026-03-04T05:06:07.89Z is not a record: payload of type *loggingpb.LogEntry_TextPayload: want a JSON payload`,
		"true <nil>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestReadCloudEndsTriesWithWhatEndedThem lists the results of one act in an order
// that makes sense: their time is the same.
func TestReadCloudEndsTriesWithWhatEndedThem(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	ops := openCloud(t, address, "ops")
	failed, undo := record(), record()
	failed.Outcome, failed.Error = OutcomeFailed, "code Unavailable"
	undo.Outcome = OutcomeUndone
	for n, r := range []Record{undo, record(), failed} { // the entries of a time come by their ids
		r.Event = fmt.Sprint("e", n)
		writeCloud(t, ops, r)
	}
	var got []string
	for _, r := range all(t, ReadCloud(t.Context(), Log{Project: "ops"}, Query{}, emulatortest.Options(address)...)) {
		got = append(got, r.Outcome)
	}
	if diff := cmp.Diff([]string{"failed", "applied", "undone"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestNobodyHidesTheRecord writes an entry among the records that the client
// library cannot convert, as everybody can who may write to the log: a reader
// that goes by the library's own iterator ends there.
func TestNobodyHidesTheRecord(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	ops := openCloud(t, address, "ops")
	client, err := logs.NewClient(t.Context(), emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	_, err = client.WriteLogEntries(t.Context(), &loggingpb.WriteLogEntriesRequest{
		LogName: "projects/ops/logs/" + LogID, Resource: &mrpb.MonitoredResource{Type: "global"},
		Entries: []*loggingpb.LogEntry{{
			InsertId: "odd", Timestamp: timestamppb.New(record().At.Add(-time.Hour)),
			Payload:     &loggingpb.LogEntry_TextPayload{TextPayload: "x"},
			HttpRequest: &logtype.HttpRequest{RequestUrl: "%zz"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	writeCloud(t, ops, record())

	iterator, err := logadmin.NewClient(t.Context(), "ops", emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = iterator.Close() }()
	filter := logadmin.Filter(filterOf("ops", Query{}))
	if entry, err := iterator.Entries(t.Context(), filter).Next(); err == nil {
		t.Errorf("the iterator of logadmin returned %v: there is no reason any more to do without", entry)
	}
	records, refused := 0, 0
	for _, err := range ReadCloud(t.Context(), Log{Project: "ops"}, Query{}, emulatortest.Options(address)...) {
		if err == nil {
			records++
		} else {
			refused++
		}
	}
	if records != 1 || refused != 1 {
		t.Errorf("read %d records and %d other entries, want 1 of each", records, refused)
	}
}

// TestEntriesAreFound holds by what an operator finds the entries.
func TestEntriesAreFound(t *testing.T) {
	cloud, address := emulatortest.Start(t, twoProjects)
	c := openCloud(t, address, "ops")
	long := about(strings.Repeat("x", longestText+1))
	unknown := Record{Phase: PhaseDecision, Event: "unreadable", At: record().At, Verdict: "alert", Version: FormatVersion}
	writeCloud(t, c, record(), long, unknown)
	// The client adds an entry of its own to the first that a process writes.
	entries := slices.DeleteFunc(cloud.Entries(), func(e *loggingpb.LogEntry) bool { return e.GetLogName() != "projects/ops/logs/pullfix" })
	want := map[string]string{
		"event": "abc123", "rule": "apps", "kind": "run-image", "verdict": "grant", "outcome": "applied", "project": "app-one",
	}
	if diff := cmp.Diff(want, entries[0].GetLabels()); diff != "" {
		t.Errorf("labels: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"event": "unreadable", "verdict": "alert"}, entries[2].GetLabels()); diff != "" {
		t.Errorf("labels of an unreadable entry: -want +got\n%s", diff)
	}
	if got, want := entries[0].GetTrace(), "projects/ops/traces/38fd33508a882fad30b00ba275541d7c"; got != want {
		t.Errorf("got trace %q, want %q", got, want)
	}
	cut, err := fromEntry(entries[1])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := entries[1].GetTrace(), "projects/ops/traces/"+cut.Key(); got != want || long.Key() != cut.Key() || entries[1].GetInsertId() != cut.ID() {
		t.Errorf("got trace %q and id %q of a record that was cut, want %q and %q", got, entries[1].GetInsertId(), want, cut.ID())
	}
}

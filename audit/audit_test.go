package audit

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

func record() Record {
	return Record{
		Phase: PhaseResult, Event: "abc123", Log: "projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event",
		At:   time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC),
		Kind: "run-image", SourceProject: "app-one", Caller: "user:ann@example.com", Workload: "service web",
		Principal:  "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com",
		Permission: "artifactregistry.repositories.downloadArtifacts",
		Resource:   "projects/shared/locations/us/repositories/apps", Image: "us-docker.pkg.dev/shared/apps/web:v1",
		Verdict: "grant", Mode: "enforce", Rule: "apps", PolicyDigest: "sha256:00", Reason: "a rule", Cause: "",
		Role: "roles/artifactregistry.reader", Outcome: OutcomeApplied, EtagBefore: "AA==", EtagAfter: "AQ==", Version: FormatVersion,
	}
}

// TestWireFormat holds the record byte for byte: other people's scripts read it.
func TestWireFormat(t *testing.T) {
	const want = `{"phase":"result","event":"abc123","log":"projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event",` +
		`"at":"2026-03-04T05:06:07.89Z","kind":"run-image","source_project":"app-one","caller":"user:ann@example.com",` +
		`"workload":"service web","principal":"serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com",` +
		`"permission":"artifactregistry.repositories.downloadArtifacts","resource":"projects/shared/locations/us/repositories/apps",` +
		`"image":"us-docker.pkg.dev/shared/apps/web:v1","verdict":"grant","mode":"enforce","rule":"apps","policy_digest":"sha256:00",` +
		`"reason":"a rule","cause":"","role":"roles/artifactregistry.reader","outcome":"applied","etag_before":"AA==","etag_after":"AQ==",` +
		`"error":"","version":"v1"}` + "\n"
	line, err := record().Line()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(line)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestIDsAreThoseOfTheEventAndItsFinding(t *testing.T) {
	base := record()
	same := base
	same.Outcome, same.Reason, same.EtagAfter = OutcomeAlreadyHeld, "another", ""
	if base.ID() != same.ID() {
		t.Error("the same phase of the same event has another id: a redelivery would write a second line")
	}
	for name, change := range map[string]func(*Record){
		"intent":    func(r *Record) { r.Phase = PhaseIntent },
		"decision":  func(r *Record) { r.Phase = PhaseDecision },
		"failed":    func(r *Record) { r.Outcome = OutcomeFailed },
		"failure":   func(r *Record) { r.Outcome, r.Error = OutcomeFailed, "code Internal" },
		"event":     func(r *Record) { r.Event = "other" },
		"log":       func(r *Record) { r.Log = "other" },
		"project":   func(r *Record) { r.SourceProject = "other" },
		"principal": func(r *Record) { r.Principal = "other" },
		"resource":  func(r *Record) { r.Resource = "other" },
		"image":     func(r *Record) { r.Image = "other" },
	} {
		other := base
		change(&other)
		if other.ID() == base.ID() {
			t.Errorf("%s differs, but the id does not", name)
		}
		phase := name == "intent" || name == "decision" || strings.HasPrefix(name, "fail")
		if (other.Key() == base.Key()) != phase {
			t.Errorf("%s differs: got the same key %t, want %t", name, !phase, phase)
		}
	}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func TestFileWritesEachRecordOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	other := record()
	other.Event = "def456"
	for range 2 { // the second time as a new process would
		f, err := OpenFile(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []Record{record(), record(), other} {
			if err := f.Write(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(t, path); len(got) != 2 {
		t.Errorf("got %d lines, want 2:\n%s", len(got), strings.Join(got, "\n"))
	}
}

func TestFileDropsALineThatACrashCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	whole, err := record().Line()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"phase":"res`...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	other := record()
	other.Event = "def456"
	if err := f.Write(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, path)
	if len(got) != 2 || got[0]+"\n" != string(whole) || !json.Valid([]byte(got[1])) {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
}

func TestFileRefusesWhatIsNoRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	if err := os.WriteFile(path, []byte("{}\nnot a record\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(t.Context(), path); err == nil || !strings.Contains(err.Error(), "line 2 is not a record") {
		t.Errorf("got %v, want an error that names line 2", err)
	}
	if _, err := OpenFile(t.Context(), t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), "audit file: ") {
		t.Errorf("a folder: got %v", err)
	}
}

func TestFileThatCannotBeWrittenIsAnError(t *testing.T) {
	f, err := OpenFile(t.Context(), filepath.Join(t.TempDir(), "record.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Write(t.Context(), record()); err == nil {
			t.Error("a closed file took a record")
		}
	}
}

func TestFileKeepsLinesWholeUnderManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f, err := OpenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			r := record()
			r.Event = string(rune('A' + n))
			if err := f.Write(context.Background(), r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, path)
	if len(got) != 50 {
		t.Errorf("got %d lines, want 50", len(got))
	}
	for _, line := range got {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line is not whole: %s", line)
		}
	}
}

func TestCloudWritesTheSameRecord(t *testing.T) {
	cloud, address := emulatortest.Start(t, "projects: [{id: ops, number: 1}]\n")
	c, err := OpenCloud(t.Context(), "ops", emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Write(t.Context(), record()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, e := range cloud.Entries() {
		if e.GetLogName() != "projects/ops/logs/pullfix" {
			continue
		}
		ids[e.GetInsertId()] = true
		if got, want := e.GetTimestamp().AsTime(), record().At.Add(time.Microsecond); !got.Equal(want) {
			t.Errorf("got timestamp %s, want %s", got, want)
		}
		payload, err := e.GetJsonPayload().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var got Record
		if err := json.Unmarshal(payload, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(record(), got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	if len(ids) != 1 || !ids[record().ID()] {
		t.Errorf("got insertIds %v, want only %s", ids, record().ID())
	}
}

func TestCloudThatRefusesIsAnError(t *testing.T) {
	_, address := emulatortest.Start(t, "faults: [{method: WriteLogEntries, code: PERMISSION_DENIED, times: 99}]\n")
	c, err := OpenCloud(t.Context(), "ops", emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Write(t.Context(), record()); err == nil || !strings.HasPrefix(err.Error(), "audit log: ") {
		t.Errorf("got %v, want an error of the audit log", err)
	}
}

func BenchmarkFileWrite(b *testing.B) {
	f, err := OpenFile(b.Context(), filepath.Join(b.TempDir(), "record.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := record()
	for n := 0; b.Loop(); n++ {
		r.Event = strconv.Itoa(n)
		if err := f.Write(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}

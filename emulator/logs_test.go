package emulator_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging"
	loggingapi "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/logging/logadmin"
	"google.golang.org/api/iterator"
	"google.golang.org/genproto/googleapis/api/monitoredres"
	"google.golang.org/genproto/googleapis/cloud/audit"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var noon = time.Date(2026, 9, 18, 12, 0, 0, 0, time.UTC)

func text(log, insertID, payload string, at time.Time) *loggingpb.LogEntry {
	return &loggingpb.LogEntry{
		LogName: log, InsertId: insertID, Timestamp: timestamppb.New(at),
		Resource: &monitoredres.MonitoredResource{Type: "global"},
		Payload:  &loggingpb.LogEntry_TextPayload{TextPayload: payload},
	}
}

// payloads reads the text payloads of a whole list.
func payloads(t *testing.T, c *loggingapi.Client, req *loggingpb.ListLogEntriesRequest) []string {
	t.Helper()
	if req.ResourceNames == nil {
		req.ResourceNames = []string{"projects/app-one"}
	}
	var all []string
	for it := c.ListLogEntries(t.Context(), req); ; {
		e, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.GetTextPayload())
	}
}

func TestLoggingThroughTheClientLibraries(t *testing.T) {
	l := start(t, seed)
	writer, err := logging.NewClient(t.Context(), "projects/app-one", l.options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	entry := logging.Entry{
		Timestamp: noon, InsertID: "1", Severity: logging.Warning,
		Payload: map[string]any{"kind": "run-image", "mode": map[string]any{"enforce": true}},
	}
	for range 2 {
		if err := writer.Logger("pullfix").LogSync(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}

	reader, err := logadmin.NewClient(t.Context(), "app-one", l.options...)
	if err != nil {
		t.Fatal(err)
	}
	it := reader.Entries(t.Context(), logadmin.NewestFirst(),
		logadmin.Filter(`logName="projects/app-one/logs/pullfix" timestamp>="2026-09-18T00:00:00Z" jsonPayload.kind="run-image"`))
	got, err := it.Next()
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := got.Payload.(*structpb.Struct)
	if !ok || got.InsertID != "1" || got.Severity != logging.Warning || !got.Timestamp.Equal(noon) || payload.GetFields()["kind"].GetStringValue() != "run-image" {
		t.Errorf("got %+v", got)
	}
	if again, err := it.Next(); !errors.Is(err, iterator.Done) {
		t.Errorf("the duplicate was listed: %v, %v", again, err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	written := 0
	for _, e := range l.Entries() {
		if e.GetLogName() == "projects/app-one/logs/pullfix" {
			written++
		}
	}
	if written != 2 {
		t.Errorf("%d entries, want both writes", written)
	}
}

func TestEntriesAreCompleted(t *testing.T) {
	l := start(t, seed)
	c := client(t, l, loggingapi.NewClient)
	bare := &loggingpb.LogEntry{Labels: map[string]string{"a": "own"}, Payload: &loggingpb.LogEntry_TextPayload{TextPayload: "x"}}
	if _, err := c.WriteLogEntries(t.Context(), &loggingpb.WriteLogEntriesRequest{
		LogName:  "projects/app-one/logs/defaults",
		Resource: &monitoredres.MonitoredResource{Type: "cloud_run_revision"},
		Labels:   map[string]string{"a": "theirs", "b": "theirs"},
		Entries:  []*loggingpb.LogEntry{bare},
	}); err != nil {
		t.Fatal(err)
	}
	got := l.Entries()[0]
	diff(t, got.GetLabels(), map[string]string{"a": "own", "b": "theirs"})
	if got.GetLogName() != "projects/app-one/logs/defaults" || got.GetResource().GetType() != "cloud_run_revision" ||
		got.GetInsertId() == "" || got.GetTimestamp() == nil || got.GetReceiveTimestamp() == nil {
		t.Errorf("got %v", got)
	}
}

func TestWritesOfBadEntries(t *testing.T) {
	good := text("projects/app-one/logs/a", "1", "good", noon)
	for name, test := range map[string]struct {
		bad  *loggingpb.LogEntry
		want string
	}{
		"log name": {text("projects/app-one", "2", "", noon), "The log name"},
		"resource": {&loggingpb.LogEntry{LogName: "projects/app-one/logs/a"}, "A monitored resource must be specified"},
		"size":     {text("projects/app-one/logs/a", "2", strings.Repeat("x", 257<<10), noon), "exceeds maximum size"},
		"time":     {text("projects/app-one/logs/a", "2", "", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), "timestamp"},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, seed)
			c := client(t, l, loggingapi.NewClient)
			req := &loggingpb.WriteLogEntriesRequest{Entries: []*loggingpb.LogEntry{good, test.bad}}
			_, err := c.WriteLogEntries(t.Context(), req)
			wantError(t, err, codes.InvalidArgument, test.want)
			if n := len(l.Entries()); n != 0 {
				t.Errorf("%d entries were written, want none", n)
			}
			req.PartialSuccess = true
			_, err = c.WriteLogEntries(t.Context(), req)
			wantError(t, err, codes.InvalidArgument, test.want)
			if n := len(l.Entries()); n != 1 {
				t.Errorf("%d entries were written, want one", n)
			}
			detail, ok := status.Convert(err).Details()[0].(*loggingpb.WriteLogEntriesPartialErrors)
			if !ok || detail.GetLogEntryErrors()[1] == nil || len(detail.GetLogEntryErrors()) != 1 {
				t.Errorf("details %v", detail)
			}
		})
	}
}

func TestListsOfEntries(t *testing.T) {
	l := start(t, seed)
	c := client(t, l, loggingapi.NewClient)
	var entries []*loggingpb.LogEntry
	for _, i := range []int{3, 1, 2, 2} {
		entries = append(entries, text("projects/app-one/logs/a", fmt.Sprint(i), fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second)))
	}
	entries = append(entries, text("projects/app-two/logs/a", "1", "elsewhere", noon), text("projects/app-one/logs/b", "2", "same id, other log", noon.Add(2*time.Second)))
	if _, err := c.WriteLogEntries(t.Context(), &loggingpb.WriteLogEntriesRequest{Entries: entries}); err != nil {
		t.Fatal(err)
	}
	diff(t, payloads(t, c, &loggingpb.ListLogEntriesRequest{}), []string{"1", "2", "same id, other log", "3"})
	diff(t, payloads(t, c, &loggingpb.ListLogEntriesRequest{OrderBy: "timestamp desc", PageSize: 1}), []string{"3", "same id, other log", "2", "1"})
	diff(t, payloads(t, c, &loggingpb.ListLogEntriesRequest{PageSize: 2, Filter: `log_id("a")`}), []string{"1", "2", "3"})
	diff(t, payloads(t, c, &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/app-two/locations/global/buckets/b/views/v"}}), []string{"elsewhere"})
	diff(t, payloads(t, c, &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/111111111111"}, Filter: `textPayload:OTHER`}), []string{"same id, other log"})

	for _, req := range []*loggingpb.ListLogEntriesRequest{
		{},
		{ResourceNames: []string{"app-one"}},
		{ResourceNames: []string{"projects/app-one"}, OrderBy: "severity"},
		{ResourceNames: []string{"projects/app-one"}, PageSize: -1},
		{ResourceNames: []string{"projects/app-one"}, PageToken: "x"},
		{ResourceNames: []string{"projects/app-one"}, Filter: "severity>="},
	} {
		_, err := c.ListLogEntries(t.Context(), req).Next()
		wantError(t, err, codes.InvalidArgument, "")
	}
}

const auditLine = `{
  "insertId": "a1", "logName": "projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event", "timestamp": "2026-09-18T12:00:00Z", "severity": "ERROR",
  "resource": {"type": "cloud_run_revision", "labels": {"project_id": "app-one", "service_name": "web"}},
  "protoPayload": {
    "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "run.googleapis.com", "methodName": "/Services.ReplaceService",
    "status": {"code": 7, "message": "must have permission to read the image"},
    "authorizationInfo": [{"permission": "a.b.c", "permissionType": "DATA_READ"}, {"permission": "d.e.f", "granted": true}],
    "response": {"status": {"conditions": [{"type": "Ready", "status": "True"}, {"reason": "ContainerPermissionDenied"}]}}
  }
}
{"logName":"projects/app-one/logs/odd","timestamp":"2026-09-18T12:00:01Z","protoPayload":{"@type":"type.googleapis.com/some.Unknown","field":{"n":7}}}
`

func TestSeededEntries(t *testing.T) {
	file := filepath.Join(t.TempDir(), "entries.jsonl")
	if err := os.WriteFile(file, []byte(auditLine), 0o600); err != nil {
		t.Fatal(err)
	}
	l := start(t, fmt.Sprintf("logs: [%q]", file))
	reader, err := logadmin.NewClient(t.Context(), "app-one", l.options...)
	if err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]string{
		`protoPayload.@type="type.googleapis.com/google.cloud.audit.AuditLog" severity>=ERROR log_id("cloudaudit.googleapis.com/system_event")`: "a1",
		`protoPayload.response.status.conditions.reason="ContainerPermissionDenied" timestamp>="2026-01-01"`:                                    "a1",
		`protoPayload.authorizationInfo.permissionType="DATA_READ" AND timestamp>="2026-01-01"`:                                                 "a1",
		`protoPayload.field.n=7 AND timestamp>="2026-01-01"`:                                                                                    "seed-000002",
	} {
		if !strings.Contains(filter, "timestamp") {
			filter += ` timestamp>="2026-01-01"`
		}
		it := reader.Entries(t.Context(), logadmin.Filter(filter))
		got, err := it.Next()
		if err != nil || got.InsertID != want {
			t.Errorf("%s: got %v, %v, want %s", filter, got, err, want)
			continue
		}
		if a, ok := got.Payload.(*audit.AuditLog); want == "a1" && (!ok || a.GetStatus().GetCode() != 7) {
			t.Errorf("payload %v", got.Payload)
		}
		if _, err := it.Next(); !errors.Is(err, iterator.Done) {
			t.Errorf("%s: more than one entry: %v", filter, err)
		}
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if n := len(l.Entries()); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
}

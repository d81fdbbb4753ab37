package pullfix

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pullfix/pullfix/audit"
)

// activity returns what Google's own audit log says of the writes of policies.
func (s *stage) activity(t *testing.T) (entries []string) {
	t.Helper()
	for _, e := range s.cloud.Entries() {
		if strings.HasSuffix(e.GetLogName(), "/logs/cloudaudit.googleapis.com%2Factivity") {
			text, err := protojson.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, string(text))
		}
	}
	return entries
}

// written returns the compliance record.
func (s *stage) written(t *testing.T) (records []audit.Record) {
	t.Helper()
	for _, e := range s.cloud.Entries() {
		if e.GetLogName() != "projects/ops/logs/pullfix" {
			continue
		}
		text, err := e.GetJsonPayload().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var r audit.Record
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// TestGooglesAuditLogLeadsToTheRecord looks for the reason of a grant, and then
// delivers the entry that has it: pullfix's own writes are nothing to act on.
func TestGooglesAuditLogLeadsToTheRecord(t *testing.T) {
	story, entry := load(t, "granted")
	s := newStage(t, story)
	if status := s.send(t, "1", "binary", entry); status != http.StatusNoContent {
		t.Fatalf("got status %d", status)
	}
	entries := s.activity(t)
	if len(entries) != 1 {
		t.Fatalf("got %d entries of one grant: %q", len(entries), entries)
	}
	written := s.written(t)
	if len(written) != 2 {
		t.Errorf("got %d records, want an intent and a result", len(written))
	}
	for _, r := range written {
		if !strings.Contains(entries[0], r.RequestReason()) {
			t.Errorf("the entry does not lead to the record of phase %s, %q: %s", r.Phase, r.RequestReason(), entries[0])
		}
	}
	records, told := s.records(t), s.slack.told()
	if status := s.send(t, "2", "binary", []byte(entries[0])); status != http.StatusNoContent {
		t.Errorf("its own write: got status %d", status)
	}
	if s.records(t) != records || s.slack.told() != told {
		t.Errorf("its own write: got records:\n%s\nand messages:\n%s\nwant none more", s.records(t), s.slack.told())
	}
}

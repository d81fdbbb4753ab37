package emulator

import (
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
)

// TestWhatIsWrittenIsBounded writes more than is held: the newest stays, and
// what the seed says.
func TestWhatIsWrittenIsBounded(t *testing.T) {
	payload := &loggingpb.LogEntry_TextPayload{TextPayload: strings.Repeat("x", maxEntry)}
	entry := func(id string) *logEntry {
		return &logEntry{proto: &loggingpb.LogEntry{InsertId: id, Payload: payload}}
	}
	l := newLogs(&Seed{entries: []*logEntry{entry("s0"), entry("s1")}}, nil)
	const writes = 1000
	l.add([]*logEntry{entry("w000")})
	before := l.snapshot()
	for n := 1; n < writes; n++ {
		l.add([]*logEntry{entry(fmt.Sprintf("w%03d", n))})
	}
	const held = maxWritten/maxEntry - 1 // an entry is a little more than its text
	var got []string
	for _, e := range l.snapshot() {
		got = append(got, e.proto.GetInsertId())
	}
	if len(got) != 2+held || got[1] != "s1" || got[2] != fmt.Sprintf("w%03d", writes-held) || got[len(got)-1] != "w999" {
		t.Errorf("got %d entries: %q, want those of the seed and the last %d written", len(got), got, held)
	}
	if last := before[len(before)-1]; last == nil || last.proto.GetInsertId() != "w000" {
		t.Errorf("what somebody reads was changed: got %v, want entry w000", last)
	}
}

package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging"
	"github.com/google/go-cmp/cmp"
	mrpb "google.golang.org/genproto/googleapis/api/monitoredres"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// openCloud writes to a local Google Cloud until the test ends.
func openCloud(t *testing.T, address, project string) *Cloud {
	t.Helper()
	c, err := OpenCloud(t.Context(), project, emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func writeCloud(t *testing.T, c *Cloud, records ...Record) {
	t.Helper()
	for _, r := range records {
		if err := c.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// writeRaw writes an entry as somebody else would.
func writeRaw(t *testing.T, c *Cloud, log, id string, payload any) {
	t.Helper()
	entry := logging.Entry{InsertID: id, Timestamp: record().At, Payload: payload}
	resource := logging.CommonResource(&mrpb.MonitoredResource{Type: "global"})
	if err := c.client.Logger(log, resource).LogSync(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
}

const twoProjects = "projects: [{id: ops, number: 1}, {id: app-one, number: 2}]\n"

func TestFindInCloud(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	ops, other := openCloud(t, address, "ops"), openCloud(t, address, "app-one")
	for _, event := range []string{
		"abc123", "ABC123", "a b", "a%b", "…sha256:00", "*", `"`, `\`, `a\"b`, `\\`,
		`x" OR logName:"`, `x") OR timestamp>="1970`, `projects/p/messages/1`, `\x41`,
	} {
		want := story(event)
		for n := range want { // as processes that know nothing of one another
			writeCloud(t, ops, want[len(want)-1-n], want[0])
		}
		writeCloud(t, other, about(event))
		line, err := about(event).Line()
		if err != nil {
			t.Fatal(err)
		}
		writeRaw(t, ops, "other", event, json.RawMessage(line))
		writeRaw(t, ops, LogID, event, "a text with "+event)
		got, err := FindInCloud(t.Context(), Log{Project: "ops"}, event, emulatortest.Options(address)...)
		if err != nil {
			t.Fatalf("event %q: %v", event, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("event %q: -want +got\n%s", event, diff)
		}
	}
	if got, err := FindInCloud(t.Context(), Log{Project: "ops"}, "abc", emulatortest.Options(address)...); err != nil || len(got) != 0 {
		t.Errorf("an event that is not there: got %d records, error %v", len(got), err)
	}
}

// The seven records of two tries at an act and three at its undo stand at four
// times, those of the two acts apart.
func TestAnUndoStandsAfterItsGrant(t *testing.T) {
	at := record().At
	var after []int64
	for _, r := range story("abc123") {
		after = append(after, stamp(r).Sub(at).Microseconds())
	}
	if diff := cmp.Diff([]int64{0, 1, 1, 2, 3, 3, 3}, after); diff != "" {
		t.Errorf("microseconds after the event: -want +got\n%s", diff)
	}
	decision := record()
	decision.Phase = PhaseDecision
	if got := stamp(decision); !got.Equal(at) {
		t.Errorf("a decision stands %s after the event, want 0s", got.Sub(at))
	}
}

func TestFindInCloudTurnsPages(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	ops := openCloud(t, address, "ops")
	const count = 120 // pages have 50
	for n := range count {
		r := record()
		r.Image = strconv.Itoa(n)
		writeCloud(t, ops, r)
	}
	got, err := FindInCloud(t.Context(), Log{Project: "ops"}, "abc123", emulatortest.Options(address)...)
	if err != nil || len(got) != count {
		t.Errorf("found %d records, error %v, want %d", len(got), err, count)
	}
}

func TestTimesComeBackFromTheCloudAsTheyWere(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects)
	ops := openCloud(t, address, "ops")
	for n, at := range []string{"2026-03-04T05:06:07.123456789Z", "2026-03-04T05:06:07Z", "2026-03-04T05:06:07.1+02:00"} {
		want := about(strconv.Itoa(n))
		if err := want.At.UnmarshalText([]byte(at)); err != nil {
			t.Fatal(err)
		}
		writeCloud(t, ops, want)
		got, err := FindInCloud(t.Context(), Log{Project: "ops"}, want.Event, emulatortest.Options(address)...)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: found %d records, error %v", at, len(got), err)
		}
		if back := got[0].At.Format(time.RFC3339Nano); back != at {
			t.Errorf("got %s, want %s", back, at)
		}
	}
}

func TestFindInCloudRefusesWhatIsNoRecord(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"later":     {func(m map[string]any) { m["version"] = "v2"; m["new"] = 7 }, `version "v2": want "v1"`},
		"unnamed":   {func(m map[string]any) { delete(m, "version") }, `version "": want "v1"`},
		"more keys": {func(m map[string]any) { m["eror"] = "" }, `key "eror": a record of version "v1" has no such key`},
		"a number":  {func(m map[string]any) { m["rule"] = 7 }, `key "rule": got a number, want a text`},
	} {
		_, address := emulatortest.Start(t, twoProjects)
		line, err := record().Line()
		if err != nil {
			t.Fatal(err)
		}
		payload := map[string]any{}
		if err := json.Unmarshal(line, &payload); err != nil {
			t.Fatal(err)
		}
		c.change(payload)
		writeRaw(t, openCloud(t, address, "ops"), LogID, "id-1", payload)
		_, err = FindInCloud(t.Context(), Log{Project: "ops"}, "abc123", emulatortest.Options(address)...)
		const prefix = `audit log of "ops": entry "id-1" of 2026-03-04T05:06:07.89Z is not a record: `
		if err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s… %s", name, err, prefix, c.want)
		}
	}
}

func TestFindInCloudThatRefuses(t *testing.T) {
	for event, want := range map[string]string{
		"":       `audit log of "ops": event "": want the event`,
		"a\nb":   `audit log of "ops": event "a\nb": want text without control characters`,
		"abc123": `audit log of "ops": rpc error: code = PermissionDenied`,
	} {
		_, address := emulatortest.Start(t, twoProjects+"faults: [{method: ListLogEntries, code: PERMISSION_DENIED, times: 1}]\n")
		if _, err := FindInCloud(t.Context(), Log{Project: "ops"}, event, emulatortest.Options(address)...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("event %q: got %v, want %s", event, err, want)
		}
	}
}

func TestFindInCloudOutlastsAnOutage(t *testing.T) {
	_, address := emulatortest.Start(t, twoProjects+"faults: [{method: ListLogEntries, code: UNAVAILABLE, times: 2}]\n")
	writeCloud(t, openCloud(t, address, "ops"), record())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got, err := FindInCloud(ctx, Log{Project: "ops"}, "abc123", emulatortest.Options(address)...)
	if err != nil || fmt.Sprint(got) != fmt.Sprint([]Record{record()}) {
		t.Errorf("found %v, error %v", got, err)
	}
}

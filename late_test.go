package pullfix

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// TestTooLate delivers an event whose act was begun again when it is too old to
// begin anything: what was done is finished, what was not is left.
func TestTooLate(t *testing.T) {
	for _, test := range []struct {
		name, faults, record string
		told                 int
	}{
		{
			"the change was made",
			"{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}, {method: GetIamPolicy, code: UNAVAILABLE, after: 1, times: 3}",
			"cause: recovered", 1,
		},
		{"the change was not made", "{method: SetIamPolicy, code: UNAVAILABLE, times: 3}", "cause: too-old", 0},
		{
			"the result was recorded, and nobody told", "{method: Commit, code: INTERNAL, after: 2, times: 9}",
			"outcome: applied", 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			story, entry := load(t, "granted")
			s := newStage(t, withSeed(story, "faults: ["+test.faults+"]\n"))
			if status := s.send(t, "1", "binary", entry); status != http.StatusInternalServerError {
				t.Fatalf("got status %d, want the event to come again", status)
			}
			s.function.now = func() time.Time { return now.Add(7 * time.Hour) }
			s.deliver(t, entry)
			if got := s.records(t); !strings.Contains(got, test.record) {
				t.Errorf("got records:\n%s\nwant %s", got, test.record)
			}
			if got := s.tellings(); got != test.told {
				t.Errorf("somebody was told %d times, want %d; log:\n%s", got, test.told, s.log)
			}
		})
	}
}

// TestNobodyCouldBeTold fails to send a message until the event is too old: the
// log says so as an error, because nobody else will.
func TestNobodyCouldBeTold(t *testing.T) {
	story, entry := load(t, "not-allowed")
	story.Files = append(story.Files, txtar.File{Name: "slack answers", Data: []byte(strings.Repeat("500 ", 6))})
	s := newStage(t, story)
	for range 2 {
		if status := s.send(t, "1", "binary", entry); status != http.StatusInternalServerError {
			t.Fatalf("got status %d, want the event to come again", status)
		}
	}
	s.function.now = func() time.Time { return now.Add(7 * time.Hour) }
	s.deliver(t, entry)
	if log := s.log.lines(t); strings.Count(log, `ERROR channel "slack" could not be told, and the event is too old now: `) != 1 {
		t.Errorf("got log:\n%s\nwant an error that says so", log)
	}
}

// TestWhatAnotherEventGrantedIsNotClaimed fails the act of one event before
// anything is written, lets another event of the same binding be granted, and
// delivers the first one again: first while its lost write may still arrive.
func TestWhatAnotherEventGrantedIsNotClaimed(t *testing.T) {
	story, entry := load(t, "granted")
	s := newStage(t, withSeed(story, "faults: [{method: SetIamPolicy, code: UNAVAILABLE, times: 3}]\n"))
	if status := s.send(t, "1", "binary", entry); status != http.StatusInternalServerError {
		t.Fatalf("got status %d, want the event to come again", status)
	}
	other := []byte(strings.ReplaceAll(string(entry), "entry-1", "entry-2"))
	for n, next := range []struct {
		entry  []byte
		after  time.Duration
		status int
	}{
		{other, actTime / 2, http.StatusNoContent},
		{entry, actTime, http.StatusInternalServerError},
		{entry, actTime + arrivalTime, http.StatusNoContent},
	} {
		s.function.now = func() time.Time { return now.Add(next.after) }
		if status := s.send(t, strconv.Itoa(n), "binary", next.entry); status != next.status {
			t.Fatalf("got status %d, want %d; log:\n%s", status, next.status, s.log)
		}
	}
	records := s.records(t)
	if applied := strings.Count(records, "outcome: applied"); applied != 1 {
		t.Errorf("%d events are on record as applied, want 1:\n%s", applied, records)
	}
	if mended := strings.Count(s.slack.told(), "Mended: "); mended != 1 {
		t.Errorf("got %d messages of a change, want 1", mended)
	}
}

// TestNobodyKnowsWhetherSomebodyWasTold fails to send, and then to give the claim
// back, until the event is too old: the log says so as an error.
func TestNobodyKnowsWhetherSomebodyWasTold(t *testing.T) {
	story, entry := load(t, "not-allowed")
	story.Files = append(story.Files,
		txtar.File{Name: "slack answers", Data: []byte("500 500 500")}, txtar.File{Name: "env", Data: []byte("PULLFIX_LEDGER=firestore\n")})
	// The claim and the admission are saved, the release is not.
	s := newStage(t, withSeed(story, "faults: [{method: Commit, code: PERMISSION_DENIED, times: 1, after: 2}]\n"))
	if status := s.send(t, "1", "binary", entry); status != http.StatusInternalServerError {
		t.Fatalf("got status %d, want the event to come again", status)
	}
	s.function.now = func() time.Time { return now.Add(7 * time.Hour) }
	s.deliver(t, entry)
	if log := s.log.lines(t); strings.Count(log, "ERROR it is not known whether somebody was told: ") != 1 {
		t.Errorf("got log:\n%s\nwant an error that says so", log)
	}
}

// TestFarEntryInTwoMessages publishes one entry that is dated too far away for
// Cloud Logging twice: its record must be shown once.
func TestFarEntryInTwoMessages(t *testing.T) {
	story, entry := load(t, "granted")
	for _, dated := range []string{"2026-03-02T05:08:59.5Z", "2026-03-04T07:08:59.5Z"} {
		s := newStage(t, story)
		far := strings.Replace(string(entry), `"timestamp": "2026-03-04T05:08:59.5Z"`,
			`"timestamp": "`+dated+`", "receiveTimestamp": "2026-03-04T05:08:59.9Z"`, 1)
		for n, published := range []string{"2026-03-04T05:09:00Z", "2026-03-04T05:09:01Z"} {
			headers, body, _ := wrap(strconv.Itoa(n), "binary", []byte(far))
			if status := s.post(t, headers, strings.ReplaceAll(body, "2026-03-04T05:09:00Z", published)); status != http.StatusNoContent {
				t.Fatalf("got status %d; log:\n%s", status, s.log)
			}
		}
		if got := s.records(t); strings.Count(got, "phase: ") != 1 || !strings.Contains(got, "at: 2026-03-04T05:08:59.9Z\n") {
			t.Errorf("an entry of %s: got records:\n%s\nwant one, dated when the entry was received", dated, got)
		}
	}
}

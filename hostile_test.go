package pullfix

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// edited returns the story and its first entry with texts replaced everywhere.
func edited(t *testing.T, name string, replace ...string) (*txtar.Archive, []byte) {
	t.Helper()
	story, entry := load(t, name)
	r := strings.NewReplacer(replace...)
	out := &txtar.Archive{}
	for _, f := range story.Files {
		out.Files = append(out.Files, txtar.File{Name: f.Name, Data: []byte(r.Replace(string(f.Data)))})
	}
	return out, []byte(r.Replace(string(entry)))
}

// TestWhereGoogleWritesEntries takes entries that lead to a grant and puts them
// where Google does not write them.
func TestWhereGoogleWritesEntries(t *testing.T) {
	for _, story := range []string{
		"granted", "granted-download", "granted-upload", "granted-secret-by-data-access", "granted-secret-of-another-project",
		"granted-upstream-secret", "granted-deployer", "invoker-in-an-audit-log", "granted-npm-download",
	} {
		_, entry := load(t, story)
		_, name, _ := strings.Cut(string(entry), `"logName": "`)
		name, _, _ = strings.Cut(name, `"`)
		parent, log, _ := strings.Cut(name, "/logs/")
		_, kind, _ := strings.Cut(log, "%2F")
		places := map[string]string{
			"another project's log":                  strings.Replace(name, parent, "projects/app-two", 1),
			"the log of a number that is not known":  strings.Replace(name, parent, "projects/666666666666", 1),
			"a folder's log":                         strings.Replace(name, parent, "folders/1", 1),
			"an organisation's log":                  strings.Replace(name, parent, "organizations/1", 1),
			"a billing account's log":                strings.Replace(name, parent, "billingAccounts/0", 1),
			"the log of refusals by security policy": strings.Replace(name, kind, "policy", 1),
			"another project's log, of another kind": "projects/app-two/logs/cloudaudit.googleapis.com%2Factivity",
		}
		if kind == "data_access" {
			places["the log of what changes"] = strings.Replace(name, kind, "activity", 1)
			places["the log of Google's own events"] = strings.Replace(name, kind, "system_event", 1)
		}
		for what, place := range places {
			t.Run(story+"/"+what, func(t *testing.T) {
				t.Parallel()
				story, entry := edited(t, story, name, place)
				s := newStage(t, story)
				before := policyText(s.cloud)
				if status := s.send(t, "1", "binary", entry); status != http.StatusNoContent {
					t.Errorf("got status %d; log:\n%s", status, s.log)
				}
				if diff := changed(before, policyText(s.cloud)); diff != "" {
					t.Errorf("an entry in %s changed a policy:\n%s", place, diff)
				}
				if n := strings.Count(s.records(t), "phase: "); n != 1 {
					t.Errorf("got %d records, want 1", n)
				}
			})
		}
	}
}

// TestSameProblem sends two events that differ in one thing, and wants one
// message or two.
func TestSameProblem(t *testing.T) {
	for _, test := range []struct {
		name, story  string
		one, another string
		want         int
	}{
		{"another tag, and the same binding is missing", "not-allowed", "lint:v3", "lint:v4", 1},
		{"another image that is not there", "image-missing", "web:v9", "web:v8", 2},
		{"another service, and the same binding is missing", "not-allowed", `"service_name": "lint"`, `"service_name": "lint2"`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			story, entry := edited(t, test.story, `images: ["lint:v3"]`, `images: ["lint:v3", "lint:v4"]`)
			s := newStage(t, story)
			for n, text := range []string{test.one, test.another} {
				again := strings.NewReplacer(test.one, text, "entry-1", fmt.Sprint("entry-", n)).Replace(string(entry))
				if status := s.send(t, fmt.Sprint(n), "binary", []byte(again)); status != http.StatusNoContent {
					t.Fatalf("got status %d; log:\n%s", status, s.log)
				}
			}
			if got := s.tellings(); got != test.want {
				t.Errorf("got %d messages, want %d:\n%s", got, test.want, s.slack.told())
			}
		})
	}
}

// TestEveryTripIsTold uses the budget up, re-arms it, and uses it up again.
func TestEveryTripIsTold(t *testing.T) {
	story, entries := storm(t, 4, "")
	for i, f := range story.Files {
		if f.Name == "rules.yaml" {
			story.Files[i].Data = []byte(strings.Replace(string(f.Data), "grantsPerHour: 100000", "grantsPerHour: 1", 1))
		}
	}
	s := newStage(t, story)
	book, err := s.function.ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n, entry := range entries {
		at := now.Add(time.Duration(n) * time.Minute)
		s.function.now = func() time.Time { return at }
		if status := s.send(t, fmt.Sprint(n), "binary", entry); status != http.StatusNoContent {
			t.Fatalf("event %d: got status %d; log:\n%s", n, status, s.log)
		}
		if n == 1 {
			if trip, err := book.Rearm(t.Context(), at); err != nil || trip.IsZero() {
				t.Fatalf("re-arm: got %+v, %v, want a trip", trip, err)
			}
		}
	}
	if got := strings.Count(s.slack.told(), "pullfix has stopped granting"); got != 2 {
		t.Errorf("got %d messages of a trip, want 2:\n%s", got, s.slack.told())
	}
}

// TestNothingIsRedeliveredForEver answers a read in ways that no delivery will
// ever see otherwise.
func TestNothingIsRedeliveredForEver(t *testing.T) {
	for _, story := range []string{"granted-npm-download", "granted-secret-by-data-access", "granted-by-folder", "granted-by-number"} {
		for _, fault := range []string{"{method: GetProject, code: INVALID_ARGUMENT, times: 99}", "{method: GetFolder, code: UNIMPLEMENTED, times: 99}"} {
			t.Run(story+" "+fault, func(t *testing.T) {
				archive, entry := load(t, story)
				s := newStage(t, withSeed(archive, "faults: ["+fault+"]\n"))
				if status := s.send(t, "1", "binary", entry); status != http.StatusNoContent {
					t.Errorf("got status %d; log:\n%s", status, s.log)
				}
			})
		}
	}
}

// TestAMassFailureDoesNotWaitInLine alerts on failures that have nothing to do
// with one another, while each message takes long.
func TestAMassFailureDoesNotWaitInLine(t *testing.T) {
	const events, slow = 20, 200 * time.Millisecond
	story, entry := load(t, "granted")
	s := newStage(t, story)
	var mu sync.Mutex
	going, most := 0, 0
	s.slack.watch = func(taken bool) {
		mu.Lock()
		if going++; taken {
			going -= 2
		}
		most = max(most, going)
		mu.Unlock()
		if !taken {
			time.Sleep(slow)
		}
	}
	done := make(chan int, events)
	for n := range events {
		text := strings.NewReplacer("app-one", fmt.Sprint("app-x", n), "entry-1", fmt.Sprint("entry-", n),
			"must have permission to read the image, us-central1-docker.pkg.dev/shared-images/apps/web:v1", "does not matter").Replace(string(entry))
		text = strings.ReplaceAll(text, "Google Cloud Run Service Agent", "The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment variable.")
		text = strings.ReplaceAll(text, "ContainerPermissionDenied", "HealthCheckContainerError")
		go func() { done <- s.send(t, fmt.Sprint(n), "binary", []byte(text)) }()
	}
	for range events {
		if status := <-done; status != http.StatusNoContent {
			t.Errorf("got status %d; log:\n%s", status, s.log)
		}
	}
	if told := s.tellings(); told != events {
		t.Fatalf("got %d messages, want %d:\n%s", told, events, s.slack.told())
	}
	if most < 2 {
		t.Errorf("%d messages that took %s each went out one after another", events, slow)
	}
}

// TestAnswerOfSlackLost breaks the connection after the message arrived: to send
// it again would be the second time.
func TestAnswerOfSlackLost(t *testing.T) {
	story, entry := load(t, "not-allowed")
	story.Files = append(story.Files, txtar.File{Name: "slack answers", Data: []byte("0\n")})
	s := newStage(t, story)
	for range 2 {
		if status := s.send(t, "1", "binary", entry); status != http.StatusNoContent {
			t.Errorf("got status %d; log:\n%s", status, s.log)
		}
	}
	if got := s.tellings(); got != 1 {
		t.Errorf("got %d messages, want 1", got)
	}
	if log := s.log.String(); !strings.Contains(log, "it is not known whether somebody was told") {
		t.Errorf("the log does not say that somebody may not have been told:\n%s", log)
	}
}

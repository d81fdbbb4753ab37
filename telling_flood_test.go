package pullfix

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/audit"
)

const floodEvents = 60

// ofApps is the entry of a deploy that fails for want of what a rule allows.
func ofApps(entry []byte, id string) []byte {
	return []byte(strings.ReplaceAll(strings.Replace(string(entry), `"insertId": "entry-`, `"insertId": "`+id+`-`, 1), "tools/lint:v3", "apps/web:v1"))
}

// marks counts the messages of each tone.
func marks(s *slackServer) map[string]int {
	told := s.told()
	counted := map[string]int{}
	for _, mark := range []string{"Action needed", "Many failures", "Mended", "Observed", "Stopped"} {
		if n := strings.Count(told, ": "+mark+": "); n > 0 {
			counted[mark] = n
		}
	}
	return counted
}

// wantMarks wants each channel to have been told so often of each.
func (p *pair) wantMarks(t *testing.T, when string, want map[string]int) {
	t.Helper()
	for name, hook := range map[string]*slackServer{"one": p.one, "two": p.two} {
		if got := marks(hook); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %s was told %v, want %v", when, name, got, want)
		}
	}
}

// flood sends an event of each project within a minute.
func (p *pair) flood(t *testing.T, entries [][]byte) {
	t.Helper()
	for n, entry := range entries {
		p.at(now.Add(time.Duration(n) * time.Second))
		p.want(t, entry, http.StatusNoContent)
	}
}

// TestTellingInAFlood has many projects fail within a minute: each channel gets
// as many messages as somebody reads and one that stands for the rest, and what
// pullfix changes, and that it stops, in any case.
func TestTellingInAFlood(t *testing.T) {
	story, entries := crowd(t, "not-allowed", floodEvents, "")
	p := newPair(t, withRules(story, "limits: {grantsPerHour: 1}\n"))
	p.flood(t, entries)
	p.wantMarks(t, "after the flood", map[string]int{"Action needed": mostMessages, "Many failures": 1})
	for name, hook := range map[string]*slackServer{"one": p.one, "two": p.two} {
		for n := range entries {
			if got := strings.Contains(hook.told(), fmt.Sprintf("service web in app-storm-%d failed (run-image)\n", n)); got != (n < mostMessages) {
				t.Errorf("%s was told of the project %d of the flood by itself: %t, want only the first %d", name, n, got, mostMessages)
			}
		}
		for _, want := range []string{"*Channel* `" + name + "`", "*Held back* `1`", "*The last one* `Action needed: service web in app-storm-20 failed (run-image)`"} {
			if got := hook.told(); !strings.Contains(got, want) {
				t.Errorf("the summary to %s lacks %s:\n%s", name, want, got[strings.LastIndex(got, "Many failures"):])
			}
		}
	}
	if got := len(newWitness(p.cloud, "").records(audit.PhaseDecision)); got != floodEvents {
		t.Errorf("%d events are on record, want all %d", got, floodEvents)
	}

	p.want(t, ofApps(entries[0], "granted"), http.StatusNoContent)
	p.want(t, ofApps(entries[1], "over"), http.StatusNoContent)
	p.wantMarks(t, "after a grant and the end of the budget", map[string]int{"Action needed": mostMessages, "Many failures": 1, "Mended": 1, "Stopped": 1})

	p.at(now.Add(floodWindow + time.Minute))
	for n, entry := range entries[mostMessages : 2*mostMessages+1] {
		p.want(t, []byte(strings.Replace(string(entry), `"insertId": "entry-`, `"insertId": "again-`, 1)), http.StatusNoContent)
		if got := marks(p.one)["Action needed"]; got != min(mostMessages+n+1, 2*mostMessages) {
			t.Errorf("when the window is over, after %d events: one got %d messages, want %d", n+1, got, min(mostMessages+n+1, 2*mostMessages))
		}
	}
	p.wantMarks(t, "after another flood", map[string]int{"Action needed": 2 * mostMessages, "Many failures": 2, "Mended": 1, "Stopped": 1})
	held := floodEvents - mostMessages - 1 + 1 + 1 // since the first summary: what failed, what was observed, and the last
	if want := fmt.Sprintf("*Held back* `%d`", held); !strings.Contains(p.two.told(), want) {
		t.Errorf("the second summary lacks %s:\n%s", want, p.two.told()[strings.LastIndex(p.two.told(), "Many failures"):])
	}
}

// TestTellingInAFloodAtOnce has all of it arrive at once, at two instances.
func TestTellingInAFloodAtOnce(t *testing.T) {
	story, entries := crowd(t, "not-allowed", floodEvents, "")
	p := newPair(t, story)
	instances := []*stage{p.stage, p.another(t, withHooks(story, p.one, p.two))}
	var wg sync.WaitGroup
	for n, entry := range entries {
		wg.Go(func() { instances[n%2].deliver(t, entry) })
	}
	wg.Wait()
	p.wantMarks(t, "after the flood", map[string]int{"Action needed": mostMessages, "Many failures": 1})
	if got := len(newWitness(p.cloud, "").records(audit.PhaseDecision)); got != floodEvents {
		t.Errorf("%d events are on record, want all %d", got, floodEvents)
	}
}

// TestTellingASummaryAgain has a channel refuse for now what stands for many:
// the event comes again, and brings the summary and not a message of its own.
func TestTellingASummaryAgain(t *testing.T) {
	story, entries := crowd(t, "not-allowed", mostMessages+2, "")
	p := newPair(t, story)
	p.flood(t, entries[:mostMessages])
	p.two.meet(answering(http.StatusServiceUnavailable, ""))
	p.want(t, entries[mostMessages], http.StatusInternalServerError)
	p.two.meet(nil)
	for range 2 {
		p.want(t, entries[mostMessages], http.StatusNoContent)
		p.wantMarks(t, "when two is up again", map[string]int{"Action needed": mostMessages, "Many failures": 1})
	}
	p.want(t, entries[mostMessages+1], http.StatusNoContent)
	p.wantMarks(t, "after the next event", map[string]int{"Action needed": mostMessages, "Many failures": 1})
}

// TestTellingOfTheBudgetAtOnce has events find at once that the budget is used
// up, while a channel is down: it is told once when it is up again, and nothing
// is taken for unsure.
func TestTellingOfTheBudgetAtOnce(t *testing.T) {
	const events = 4
	story, entries := crowd(t, "granted", events+1, "")
	story.Files = append(story.Files, txtar.File{Name: "env", Data: []byte("PULLFIX_LEDGER=memory\n")})
	p := newPair(t, withRules(story, "limits: {grantsPerHour: 1}\n"))
	p.want(t, entries[events], http.StatusNoContent)
	p.two.meet(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(30 * time.Millisecond) // in which the others get as far
		answering(http.StatusInternalServerError, "")(w, r)
	})
	var wg sync.WaitGroup
	for _, entry := range entries[:events] {
		wg.Go(func() {
			if status := p.send(t, "1", "binary", entry); status != http.StatusInternalServerError {
				t.Errorf("got status %d while two is down, want the event to come again", status)
			}
		})
	}
	wg.Wait()
	p.two.meet(nil)
	for _, entry := range entries[:events] {
		p.want(t, entry, http.StatusNoContent)
	}
	p.wantMarks(t, "when two is up again", map[string]int{"Mended": 1, "Observed": events, "Stopped": 1})
	for _, channel := range []string{"one", "two"} {
		if lines := p.log.errorLines(t, channel); len(lines) > 0 {
			t.Errorf("the log has the errors %+v of %s, want none", lines, channel)
		}
	}
}

package pullfix

import (
	"net/http"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// repeated are the times of the same problem, counted from the first. The second
// is not told of: it comes too soon.
var repeated = []time.Duration{0, time.Hour, 5 * time.Hour, 10 * time.Hour}

// repeat sends what happened at that time of repeated as an event of its own.
func (s *stage) repeat(t *testing.T, entry []byte, nth int) {
	t.Helper()
	at := now.Add(repeated[nth])
	s.at(at)
	s.want(t, event(entry, "repeat-"+string(rune('a'+nth)), at.Add(-time.Minute)), http.StatusNoContent)
}

// TestTellingInAThread has a problem come again and again, and the instance start
// anew before the last time: every message after the first one is in its thread,
// and the first one has the count.
func TestTellingInAThread(t *testing.T) {
	story, entry := load(t, "not-allowed")
	slack := newBotServer(t, "xoxb-token")
	story = withEnv(withRules(withSeed(story, ""), `notify: [{name: team, type: slack, target: `+conversation+`, secret: "env:TOKEN", server: "`+slack.url+`"}]`), "PULLFIX_SLACK=", "TOKEN=xoxb-token")
	first := newStage(t, story)
	for nth := range 3 {
		first.repeat(t, entry, nth)
	}
	second := first.another(t, story)
	for range 2 {
		second.repeat(t, entry, 3)
	}
	type seen struct {
		Event, Thread, Count string
		Edits                int
	}
	var got []seen
	for _, p := range slack.all() {
		s := seen{Thread: p.thread, Edits: p.edits}
		for _, id := range []string{"repeat-a", "repeat-b", "repeat-c", "repeat-d"} {
			if strings.Contains(p.shown, "*Event* `"+id+"`") {
				s.Event = id
			}
		}
		s.Count, _, _ = strings.Cut(p.shown[strings.LastIndex(p.shown, "\n")+1:], " · ")
		if !strings.HasPrefix(s.Count, "Happened") {
			s.Count = ""
		}
		got = append(got, s)
	}
	top := "1772600000.000001"
	want := []seen{
		{"repeat-d", "", "Happened *4 times* in all", 2},
		{"repeat-c", top, "Happened *3 times* in all, once more since the last message", 0},
		{"repeat-d", top, "Happened *4 times* in all", 0},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("what is in the conversation: -want +got\n%s\nlog of the first instance:\n%s\nand of the second:\n%s", diff, first.log, second.log)
	}
}

// TestTellingByMail has a problem come three times: one mail for each event that
// is told of, none for a redelivery, and all of them in one conversation.
func TestTellingByMail(t *testing.T) {
	story, entry := load(t, "not-allowed")
	office := newMailServer(t, "hunter2")
	story = withEnv(withSeed(story, ""), "PULLFIX_SLACK=", "PULLFIX_SMTP="+office.url, "PULLFIX_SMTP_PASSWORD=hunter2",
		"PULLFIX_EMAIL_FROM=pullfix@example.com", "PULLFIX_EMAIL_TO=ann@example.com, bo@example.com")
	s := newStage(t, story)
	for nth, mails := range []int{1, 1, 2} {
		for range 2 {
			s.repeat(t, entry, nth)
			if got := office.count(); got != mails {
				t.Fatalf("after event %d: got %d mails, want %d; log:\n%s", nth+1, got, mails, s.log)
			}
		}
	}
	first, second := office.taken()[0].Header, office.taken()[1].Header
	for _, name := range []string{"Subject", "In-Reply-To", "References", "From", "To", "List-Id"} {
		if first.Get(name) == "" || first.Get(name) != second.Get(name) {
			t.Errorf("the mails about one problem have %s %q and %q, want the same", name, first.Get(name), second.Get(name))
		}
	}
	if first.Get("Message-Id") == second.Get("Message-Id") {
		t.Errorf("both mails have the Message-ID %s, want each its own", first.Get("Message-Id"))
	}
	if want := "Action needed: service web in app-one failed (run-image)"; first.Get("Subject") != want {
		t.Errorf("the subject is %q, want %q", first.Get("Subject"), want)
	}
}

// TestTellingOfTheSameByAllMeans has all the types of channels at once, those of
// the policy and those of the variables: each is told once.
func TestTellingOfTheSameByAllMeans(t *testing.T) {
	story, entry := load(t, "granted")
	hook, slack, bot, office := newSlackServer(t, ""), newSlackServer(t, ""), newBotServer(t, "xoxb-token"), newMailServer(t, "hunter2")
	story = withEnv(withRules(withSeed(story, ""), `notify:
  - {name: bot, type: slack, target: `+conversation+`, secret: "env:TOKEN", server: "`+bot.url+`"}
  - {name: hook, type: slack-webhook, target: "env:HOOK"}
`), "TOKEN=xoxb-token", "HOOK="+hook.url, "PULLFIX_SLACK="+slack.url, "PULLFIX_SMTP="+office.url, "PULLFIX_SMTP_PASSWORD=hunter2",
		"PULLFIX_EMAIL_FROM=pullfix@example.com", "PULLFIX_EMAIL_TO=ann@example.com")
	s := newStage(t, story)
	for range 2 {
		s.want(t, entry, http.StatusNoContent)
		for name, got := range map[string]int{"hook": hook.count(), "slack": slack.count(), "bot": bot.count(), "email": office.count()} {
			if got != 1 {
				t.Errorf("the channel %s was told %d times, want once; log:\n%s", name, got, s.log)
			}
		}
	}
}

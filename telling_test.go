package pullfix

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// TestTellingGoesOn has one of two channels down for a while: the event comes
// again until both were told, each once.
func TestTellingGoesOn(t *testing.T) {
	story, entry := load(t, "not-allowed")
	p := newPair(t, story)
	p.two.meet(answering(http.StatusInternalServerError, "fatal_error"))
	for range 3 {
		p.want(t, entry, http.StatusInternalServerError)
		p.told(t, "while two is down", 1, 0)
	}
	p.two.meet(nil)
	for range 2 {
		p.want(t, entry, http.StatusNoContent)
		p.told(t, "when two is up again", 1, 1)
	}
}

// TestTellingARefusal has a channel refuse for good. That is on record and in the
// log, the other channel is told, and the next event of the problem tries anew.
func TestTellingARefusal(t *testing.T) {
	refusal := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	for _, test := range []struct {
		name, side, why string
		refuse          func(*far)
		mend            func(*far)
	}{
		{"webhook 403", "slack-webhook", "HTTP 403: invalid_token", hookMeets(http.StatusForbidden, "invalid_token"), hookWorks},
		{"webhook 404", "slack-webhook", "HTTP 404: no_service", hookMeets(http.StatusNotFound, "no_service"), hookWorks},
		{"webhook 400", "slack-webhook", "HTTP 400: invalid_blocks", hookMeets(http.StatusBadRequest, "invalid_blocks"), hookWorks},
		{"bot not in the conversation", "slack", "not_in_channel", botMeets(`{"ok":false,"error":"not_in_channel"}`), func(f *far) { f.bot.meet(nil) }},
		{"bot revoked", "slack", "token_revoked", botMeets(`{"ok":false,"error":"token_revoked"}`), func(f *far) { f.bot.meet(nil) }},
		{"mail to nobody", "email", "550 5.1.1 no such user", func(f *far) { f.office.meet(&mailFault{recipient: refusal}) }, func(f *far) { f.office.meet(nil) }},
		{"mail refused whole", "email", "550 5.1.1 no such user", func(f *far) { f.office.meet(&mailFault{end: refusal}) }, func(f *far) { f.office.meet(nil) }},
		{"mail by an unknown user", "email", "535 5.7.8", func(f *far) { f.office.replace("another") }, func(f *far) { f.office.replace(core) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			story, entry := load(t, "not-allowed")
			f, other := farSides[test.side](t), newSlackServer(t, "")
			s := newStage(t, withEnv(withFar(story, f, "env:TEAM", other), "TEAM="+f.secret))
			test.refuse(f)
			s.want(t, entry, http.StatusNoContent)
			s.want(t, event(entry, "entry-2", now), http.StatusNoContent)
			if f.count() != 0 || other.count() != 1 {
				t.Errorf("while team refuses: it was told %d times and the other %d times, want 0 and 1", f.count(), other.count())
			}
			for n, notice := range s.notices() {
				if notice["reason"] != `channel "team" was not told` || !strings.Contains(notice["error"].(string), test.why) {
					t.Errorf("got the record %v of refusal %d, want one that names the channel, and %q", notice, n+1, test.why)
				}
			}
			if got := len(s.notices()); got != 2 {
				t.Errorf("got %d records of a refusal, want one for each event", got)
			}
			lines := s.log.errorLines(t, "team")
			if len(lines) != 2 || !strings.Contains(lines[0].Error, test.why) || !strings.Contains(lines[0].Message, `channel "team" was not told: service web in app-one failed`) {
				t.Errorf("got the errors %+v in the log, want one for each event with %q", lines, test.why)
			}
			test.mend(f)
			s.want(t, event(entry, "entry-3", now), http.StatusNoContent)
			if f.count() != 1 || other.count() != 1 {
				t.Errorf("when team works: it was told %d times and the other %d times, want once each", f.count(), other.count())
			}
		})
	}
}

func hookMeets(status int, text string) func(*far) {
	return func(f *far) { f.hook.meet(answering(status, text)) }
}

func hookWorks(f *far) { f.hook.meet(nil) }

func botMeets(text string) func(*far) {
	return func(f *far) { f.bot.meet(answering(http.StatusOK, text)) }
}

// TestTellingSaysWhatWasMissed has a channel miss some events of a problem: the
// first message that it takes counts them.
func TestTellingSaysWhatWasMissed(t *testing.T) {
	story, entry := load(t, "not-allowed")
	p := newPair(t, story)
	p.two.meet(answering(http.StatusForbidden, "action_prohibited"))
	for _, id := range []string{"entry-1", "entry-2", "entry-3"} {
		p.want(t, event(entry, id, now), http.StatusNoContent)
	}
	p.two.meet(nil)
	p.want(t, event(entry, "entry-4", now), http.StatusNoContent)
	p.told(t, "when two works", 1, 1)
	if got := p.two.told(); !strings.Contains(got, "Happened *4 times* in all, 3 times more since the last message") {
		t.Errorf("got the message\n%s\nwant that it happened 4 times, 3 of them since the last message", got)
	}
}

// TestTellingWithAReplacedSecret replaces the secret of a channel between two
// events: the second is told at once, with the fresh one.
func TestTellingWithAReplacedSecret(t *testing.T) {
	for name, side := range farSides {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story, entries := crowd(t, "not-allowed", 2, "")
			f, other := side(t), newSlackServer(t, "")
			story = withFar(story, f, teamSecret+"/versions/latest", other)
			r, address := newRotation(t, story, f.secret, f.secret+"New")
			s := stageAt(t, story, r.before, address)
			s.want(t, entries[0], http.StatusNoContent)
			if f.count() != 1 {
				t.Fatalf("with the first secret: team was told %d times, want once; log:\n%s", f.count(), s.log)
			}
			f.replace()
			r.replaced.Store(true)
			s.want(t, entries[1], http.StatusNoContent)
			if f.count() != 2 || other.count() != 2 {
				t.Errorf("team was told %d times and the other %d times, want twice each; log:\n%s", f.count(), other.count(), s.log)
			}
			if got := s.notices(); len(got) != 0 {
				t.Errorf("got the records %v of a refusal, want none", got)
			}
			if got := r.after.Calls()["AccessSecretVersion"] + r.before.Calls()["AccessSecretVersion"]; got != 2 {
				t.Errorf("the secret was read %d times, want once and once more when it was refused", got)
			}
		})
	}
}

// busy is a service that wants to be left alone for some seconds.
type busy struct {
	mu       sync.Mutex
	seconds  int
	until    time.Time
	asked    int
	tooSoon  int
	answered http.HandlerFunc // when that is over
}

func (b *busy) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asked++
	first := b.until.IsZero()
	if first {
		b.until = time.Now().Add(time.Duration(b.seconds) * time.Second)
	}
	wait := time.Until(b.until) > 0
	if wait && !first {
		b.tooSoon++
	}
	b.mu.Unlock()
	if !wait {
		b.answered(w, r)
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(b.seconds))
	answering(http.StatusTooManyRequests, "rate_limited")(w, r)
}

// TestTellingWaits has a channel ask for some time: what is left of the event's
// is waited for, and else the event comes again.
func TestTellingWaits(t *testing.T) {
	for _, test := range []struct {
		name           string
		seconds, asked int
		status, told   int
	}{
		{"shortly", 1, 2, http.StatusNoContent, 1},
		{"for an hour", 3600, 1, http.StatusInternalServerError, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			story, entry := load(t, "not-allowed")
			p := newPair(t, story)
			b := &busy{seconds: test.seconds, answered: p.two.take}
			p.two.meet(b.serve)
			began := time.Now()
			p.want(t, entry, test.status)
			if spent := time.Since(began); spent > 20*time.Second {
				t.Errorf("the event took %s, want that nobody waits longer than it helps", spent)
			}
			p.told(t, "at first", 1, test.told)
			if b.asked != test.asked || b.tooSoon != 0 {
				t.Errorf("two was asked %d times, %d of them too soon, want %d and none", b.asked, b.tooSoon, test.asked)
			}
			p.two.meet(nil)
			p.want(t, entry, http.StatusNoContent)
			p.told(t, "at last", 1, 1)
		})
	}
}

// TestTellingWhoIsToKnow plays one event with channels that want this or that,
// and rules that name some of them.
func TestTellingWhoIsToKnow(t *testing.T) {
	const (
		onlyGrants = ", verdicts: [grant]}\n"
		onlyAlerts = ", verdicts: [alert]}\n"
		all        = "}\n"
	)
	for _, test := range []struct {
		name, story    string
		one, two, rule string // what the channels want, and whom the rule names
		told           []string
	}{
		{"all, of a grant", "granted", all, all, "", []string{"one", "two"}},
		{"all, of an alert", "not-allowed", all, all, "", []string{"one", "two"}},
		{"whom the rule names", "granted", all, all, "two", []string{"two"}},
		{"whom the rule names, where nothing could be granted", "refused-permission", all, all, "two", []string{"two"}},
		{"who wants grants, of a grant", "granted", onlyGrants, onlyAlerts, "", []string{"one"}},
		{"who wants alerts, of an alert", "not-allowed", onlyGrants, onlyAlerts, "", []string{"two"}},
		{"an alert that nobody named wants", "refused-permission", onlyGrants, onlyAlerts, "one", []string{"two"}},
		{"a grant that nobody named wants", "granted", onlyAlerts, all, "one", nil},
		{"a grant that would be made", "observed", onlyGrants, onlyAlerts, "", []string{"one"}},
		{"a grant that is there and does not help", "already-held", onlyGrants, onlyAlerts, "", []string{"two"}},
		{"nobody who wants alerts", "not-allowed", onlyGrants, onlyGrants, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			story, entry := load(t, test.story)
			one, two := newSlackServer(t, ""), newSlackServer(t, "")
			for n, f := range story.Files {
				if f.Name == "rules.yaml" && test.rule != "" {
					story.Files[n].Data = []byte(strings.Replace(string(f.Data), "    reason: ", "    notify: ["+test.rule+"]\n    reason: ", 1))
				}
			}
			story = withRules(story, strings.NewReplacer(`ONE"}`+"\n", `ONE"`+test.one, `TWO"}`+"\n", `TWO"`+test.two).Replace(twoHooks))
			s := newStage(t, withEnv(story, "PULLFIX_SLACK=", "HOOK_ONE="+one.url, "HOOK_TWO="+two.url))
			s.want(t, entry, http.StatusNoContent)
			var told []string
			for name, hook := range map[string]*slackServer{"one": one, "two": two} {
				if hook.count() > 0 {
					told = append(told, name)
				}
			}
			slices.Sort(told)
			if !slices.Equal(told, test.told) {
				t.Errorf("told %q, want %q; log:\n%s", told, test.told, s.log)
			}
			if alone := strings.Contains(s.log.String(), `"next":`); alone != (test.told == nil) {
				t.Errorf("the log line has what to do: %t, want %t: it is the alert where nobody is told", alone, test.told == nil)
			}
		})
	}
}

// TestTellingOfAChangeAfterAnAlert has the event come again because one channel
// is down, and find that the grant can be made now: who was told that nothing
// was granted is told that something was.
func TestTellingOfAChangeAfterAnAlert(t *testing.T) {
	story, entry := load(t, "granted")
	p := newPair(t, withSeed(story, "faults: [{method: GetTag, code: INVALID_ARGUMENT, times: 1}]\n"))
	p.two.meet(answering(http.StatusInternalServerError, ""))
	p.want(t, entry, http.StatusInternalServerError)
	p.two.meet(nil)
	for range 2 {
		p.want(t, entry, http.StatusNoContent)
	}
	if got := p.one.told(); strings.Count(got, "Not granted: ") != 1 || strings.Count(got, "Mended: ") != 1 {
		t.Errorf("one was told:\n%s\nwant once that nothing was granted, and once that it was mended", got)
	}
	if got := p.two.told(); strings.Count(got, "Mended: ") != 1 || p.two.count() != 1 {
		t.Errorf("two was told:\n%s\nwant that it was mended, and nothing else", got)
	}
}

// TestTellingWithoutAnAnswer ends the connection after the message was sent: it
// may have arrived, so it is not sent again, and the log says so.
func TestTellingWithoutAnAnswer(t *testing.T) {
	story, entry := load(t, "not-allowed")
	p := newPair(t, story)
	p.two.meet(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	p.want(t, entry, http.StatusNoContent)
	p.two.meet(nil)
	p.want(t, entry, http.StatusNoContent)
	p.told(t, "after the event came again", 1, 0)
	lines := p.log.errorLines(t, "two")
	if len(lines) == 0 || !strings.HasPrefix(lines[0].Message, "it is not known whether somebody was told: service web in app-one failed") {
		t.Errorf("got the errors %+v, want that it is not known whether somebody was told", lines)
	}
}

// TestTellingTooLate has one of two channels down until the event is too old: the
// log says of that channel, and only of that one, that it was not told.
func TestTellingTooLate(t *testing.T) {
	story, entry := load(t, "not-allowed")
	p := newPair(t, story)
	p.two.meet(answering(http.StatusInternalServerError, ""))
	p.want(t, entry, http.StatusInternalServerError)
	p.at(now.Add(7 * time.Hour))
	p.want(t, entry, http.StatusNoContent)
	p.told(t, "when the event is too old", 1, 0)
	if lines := p.log.errorLines(t, "one"); len(lines) != 0 {
		t.Errorf("got the errors %+v of one, which was told", lines)
	}
	if lines := p.log.errorLines(t, "two"); len(lines) != 1 || !strings.Contains(lines[0].Message, "the event is too old now: service web in app-one failed") {
		t.Errorf("got the errors %+v of two, want one that says it was not told in time", lines)
	}
}

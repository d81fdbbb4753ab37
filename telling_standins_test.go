package pullfix

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/emulator"
)

// withRules returns the story with lines added to its rules.
func withRules(story *txtar.Archive, lines string) *txtar.Archive {
	changed := &txtar.Archive{}
	for _, f := range story.Files {
		if f.Name == "rules.yaml" {
			f.Data = append(slices.Clip(f.Data), lines...)
		}
		changed.Files = append(changed.Files, f)
	}
	return changed
}

// withEnv returns the story with variables added to its env.
func withEnv(story *txtar.Archive, lines ...string) *txtar.Archive {
	env := section(story, "env") + strings.Join(lines, "\n") + "\n"
	changed := &txtar.Archive{Files: []txtar.File{{Name: "env", Data: []byte(env)}}}
	for _, f := range story.Files {
		if f.Name != "env" {
			changed.Files = append(changed.Files, f)
		}
	}
	return changed
}

// twoHooks are the channels "one" and "two" of a policy, with where their
// messages go. withHooks puts them into a story.
const twoHooks = `notify:
  - {name: one, type: slack-webhook, target: "env:HOOK_ONE"}
  - {name: two, type: slack-webhook, target: "env:HOOK_TWO"}
`

func withHooks(story *txtar.Archive, one, two *slackServer) *txtar.Archive {
	return withEnv(withRules(story, twoHooks), "PULLFIX_SLACK=", "HOOK_ONE="+one.url, "HOOK_TWO="+two.url)
}

// pair is a function that tells two channels.
type pair struct {
	*stage
	one, two *slackServer
}

func newPair(t testing.TB, story *txtar.Archive) *pair {
	t.Helper()
	p := &pair{one: newSlackServer(t, ""), two: newSlackServer(t, "")}
	p.stage = newStage(t, withHooks(story, p.one, p.two))
	return p
}

// told wants the channels to have been sent so many messages.
func (p *pair) told(t *testing.T, when string, one, two int) {
	t.Helper()
	if p.one.count() != one || p.two.count() != two {
		t.Errorf("%s: one was told %d times and two %d times, want %d and %d; log:\n%s", when, p.one.count(), p.two.count(), one, two, p.log)
	}
}

// want sends the entry and wants an answer.
func (s *stage) want(t *testing.T, entry []byte, status int) {
	t.Helper()
	if got := s.send(t, "1", "binary", entry); got != status {
		t.Fatalf("got status %d, want %d; log:\n%s", got, status, s.log)
	}
}

// at sets the clock of the function.
func (s *stage) at(when time.Time) { s.function.now = func() time.Time { return when } }

// event is the entry as another event, which happened at that time.
func event(entry []byte, id string, at time.Time) []byte {
	return []byte(strings.NewReplacer("entry-1", id, "2026-03-04T05:08:59.5Z", at.Format(time.RFC3339Nano)).Replace(string(entry)))
}

// answering says the same to every request.
func answering(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// line is a line of the log.
type line struct{ Severity, Message, Event, Channel, Error string }

// errorLines are those of an error that is about a channel.
func (l *lockedBuffer) errorLines(t *testing.T, channel string) []line {
	t.Helper()
	var all []line
	for text := range strings.Lines(l.String()) {
		var got line
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("a line of the log is not JSON: %s", text)
		}
		if got.Severity == "ERROR" && got.Channel == channel {
			all = append(all, got)
		}
	}
	return all
}

// notices are the records of messages that were refused, each once.
func (s *stage) notices() []map[string]any { return newWitness(s.cloud, "").records(audit.PhaseNotice) }

// rotation is a local Google Cloud whose secrets are replaced.
type rotation struct {
	before, after *emulator.Cloud
	replaced      atomic.Bool
}

func (r *rotation) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.replaced.Load() && strings.HasSuffix(req.URL.Path, "/AccessSecretVersion") {
		r.after.Handler().ServeHTTP(w, req)
		return
	}
	r.before.Handler().ServeHTTP(w, req)
}

// newRotation serves the clouds of the story's seed with one secret or the other,
// projects/ops/secrets/team.
func newRotation(t *testing.T, story *txtar.Archive, before, after string) (r *rotation, address string) {
	t.Helper()
	cloud := func(value string) *emulator.Cloud {
		seed, err := emulator.ParseSeed("seed.yaml", fmt.Appendf(nil, "%ssecrets:\n  - {name: %s, value: %q}\n", section(story, "seed.yaml"), teamSecret, value))
		if err != nil {
			t.Fatal(err)
		}
		return emulator.New(seed)
	}
	r = &rotation{before: cloud(before), after: cloud(after)}
	server := httptest.NewUnstartedServer(r)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return r, server.Listener.Addr().String()
}

const teamSecret = "projects/ops/secrets/team"

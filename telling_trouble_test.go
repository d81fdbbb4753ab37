package pullfix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"google.golang.org/grpc/codes"

	"github.com/pullfix/pullfix/internal/further"
	"github.com/pullfix/pullfix/notify"
)

// mood is how the channel "two" takes its messages.
type mood struct {
	name   string
	before func(*pair)
}

var moods = []mood{
	{"two works", func(*pair) {}},
	{"two is down at first", func(p *pair) { p.two.meet(failing(notifyTries, p.two.take)) }},
	{"two refuses for good", func(p *pair) { p.two.meet(answering(http.StatusForbidden, "no_service")) }},
}

// notifyTries is as many tries as one delivery of an event makes.
const notifyTries = 3

// failing fails so many requests.
func failing(n int, then http.HandlerFunc) http.HandlerFunc {
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-left:
			w.WriteHeader(http.StatusBadGateway)
		default:
			then(w, r)
		}
	}
}

// someCodes are one of those after which a call is made again, and one of those
// after which the event comes again.
var someCodes = []codes.Code{codes.Aborted, codes.Unavailable}

func codesFrom(first codes.Code) (all []codes.Code) {
	for c := first; c <= codes.Unauthenticated; c++ {
		all = append(all, c)
	}
	return all
}

// TestTellingInLedgerTrouble fails each call to the ledger with each code while
// two channels are told, before and after it takes effect. Each is told once; or
// the log says, of that channel, that it was not or may not have been. Without
// PULLFIX_FURTHER it is only told of an alert, and meets some codes.
func TestTellingInLedgerTrouble(t *testing.T) {
	stories, met := []string{"not-allowed"}, someCodes
	if further.Wanted(t) {
		stories, met = append(stories, "granted"), codesFrom(codes.Canceled)
	} else {
		t.Log("set PULLFIX_FURTHER=1 to have a grant told, and all codes met")
	}
	for _, name := range stories {
		for _, m := range moods {
			story, entry := load(t, name)
			calm := newPair(t, withSeed(story, ""))
			m.before(calm)
			calm.deliver(t, entry)
			calm.sound(t)
			for _, method := range []string{"BatchGetDocuments", "Commit"} {
				for nth := range calm.cloud.Calls()[method] {
					for _, code := range met {
						for _, late := range []bool{false, true}[:1+len(filter(writes, method))] {
							fault := fmt.Sprintf("{method: %s, after: %d, code: %s, afterWrite: %t}", method, nth, seedCode(code), late)
							t.Run(fmt.Sprintf("%s, %s, %s", name, m.name, fault), func(t *testing.T) {
								t.Parallel()
								p := newPair(t, withSeed(story, "faults: ["+fault+"]\n"))
								m.before(p)
								p.deliver(t, entry)
								p.sound(t)
							})
						}
					}
				}
			}
		}
	}
}

func filter(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != one })
}

// sound wants each channel told once, or an error in the log about it.
func (p *pair) sound(t *testing.T) {
	t.Helper()
	for name, hook := range map[string]*slackServer{"one": p.one, "two": p.two} {
		soundChannel(t, name, hook, p.log)
	}
}

func soundChannel(t *testing.T, name string, hook *slackServer, log *lockedBuffer) {
	t.Helper()
	if n := hook.count(); n > 1 || n == 0 && len(log.errorLines(t, name)) == 0 {
		t.Errorf("channel %s was told %d times, want once, or an error that says it was not; log:\n%s", name, n, log)
	}
}

// TestTellingKilledAtEveryMoment kills the process at each moment of an event
// that two channels are told of, also between the one and the other.
func TestTellingKilledAtEveryMoment(t *testing.T) {
	story, entry := load(t, "not-allowed")
	calm, _ := newTellingCrash(t, story)
	calm.play(t, entry, 0)
	for n, moment := range calm.moments {
		t.Run(fmt.Sprintf("%d, %s", n+1, moment), func(t *testing.T) {
			t.Parallel()
			c, two := newTellingCrash(t, story)
			log := &lockedBuffer{}
			_, _ = log.Write([]byte(wholeLines(c.play(t, entry, n+1))))
			soundChannel(t, "slack", c.stage.slack, log)
			soundChannel(t, "two", two, log)
		})
	}
}

// hanging is a channel that does not answer, and remembers how long it was waited for.
type hanging struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (h *hanging) Refresh() {}

func (h *hanging) Send(ctx context.Context, _ notify.Message, _ string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until, ok := ctx.Deadline(); ok {
		h.waits = append(h.waits, time.Until(until))
	}
	return "", &notify.RefusedError{Err: errors.New("nobody is here")}
}

// TestAChannelThatHangsLeavesTimeToAct wants that after the telling of one finding
// there is time to act on the next one.
func TestAChannelThatHangsLeavesTimeToAct(t *testing.T) {
	story, entry := load(t, "two-findings")
	s := newStage(t, story)
	channel := &hanging{}
	s.function.settings.Senders["slack"] = channel
	s.function.tries.Timeout = timeout // one try has less, and there are several
	s.deliver(t, entry)
	if len(channel.waits) != 2 {
		t.Fatalf("got %d tellings with an end, want 2", len(channel.waits))
	}
	if left := timeout - channel.waits[0]; left < actTime {
		t.Errorf("after the first telling %s are left, want at least %s", left, actTime)
	}
	if both := channel.waits[0] + channel.waits[1]; both > timeout-actTime {
		t.Errorf("both tellings may take %s, want at most %s", both, timeout-actTime)
	}
}

// newTellingCrash is a crash with a channel "two" besides "slack".
func newTellingCrash(t *testing.T, story *txtar.Archive) (c *crash, two *slackServer) {
	t.Helper()
	c, two = newCrash(t, story, agentOne), newSlackServer(t, "")
	two.watch = func(done bool) { c.pass(fmt.Sprintf("message of two taken %t", done)) }
	policy := section(story, "rules.yaml") + "notify: [{name: two, type: slack-webhook, target: \"env:HOOK_TWO\"}]\n"
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	c.env = append(c.env, "HOOK_TWO="+two.url, "PULLFIX_RULES="+path)
	return c, two
}

// wholeLines leaves out what a process that was killed had begun to write.
func wholeLines(log string) string {
	var whole strings.Builder
	for text := range strings.Lines(log) {
		if strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}\n") && strings.Count(text, `{"time":`) == 1 {
			whole.WriteString(text)
		}
	}
	return whole.String()
}

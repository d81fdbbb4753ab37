package slack

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/notify"
)

const (
	postPath   = "/api/chat.postMessage"
	updatePath = "/api/chat.update"
)

// tries are notify.DefaultTries without the waiting.
var tries = notify.Tries{Timeout: 5 * time.Second, Attempts: 3, Backoff: gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond}}

// nth is a message about one problem that happened n times, and tells of some.
func nth(tone notify.Tone, n, missed int) notify.Message {
	return notify.Message{Tone: tone, Title: "web failed", Count: n, Missed: missed}
}

func deliver(t *testing.T, s notify.Sender, m notify.Message, thread string) string {
	t.Helper()
	first, err := notify.Deliver(t.Context(), s, tries, m, thread)
	if err != nil {
		t.Fatalf("not delivered: %v", err)
	}
	return first
}

func sees(t *testing.T, w *workspace, want ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n")+"\n", w.screen()); diff != "" {
		t.Errorf("in the channel (-want +got)\n%s", diff)
	}
}

func TestRepeatsGoIntoTheThreadOfTheFirstMessage(t *testing.T) {
	w := newWorkspace(t)
	b := w.bot(t)
	first := deliver(t, b, nth(notify.ActNow, 1, 0), "")
	again := deliver(t, b, nth(notify.ActNow, 2, 0), first)
	deliver(t, b, nth(notify.ActNow, 5, 2), again)
	sees(
		t, w,
		":rotating_light: Action needed: web failed | Happened *5 times* in all",
		"    :rotating_light: Action needed: web failed | Happened *2 times* in all",
		"    :rotating_light: Action needed: web failed | Happened *5 times* in all, 2 times more since the last message",
		"replied to a thread: :rotating_light: Action needed: web failed | Happened *2 times* in all",
		"replied to a thread: :rotating_light: Action needed: web failed | Happened *5 times* in all, 2 times more since the last message",
	)
	if first != again || first != "C0ALERTS/1700000000.000001/#alerts" {
		t.Errorf("the repeats' reference is %q after %q, want that of the first message", again, first)
	}
}

func TestWhatNeedsNoActionIsNotShownInTheChannelAgain(t *testing.T) {
	w := newWorkspace(t)
	b := w.bot(t)
	first := deliver(t, b, nth(notify.Observed, 1, 0), "")
	deliver(t, b, nth(notify.Observed, 2, 0), first)
	sees(
		t, w,
		":eyes: Observed: web failed | Happened *2 times* in all",
		"    :eyes: Observed: web failed | Happened *2 times* in all",
	)
}

func TestADeletedFirstMessageBeginsAThreadAnew(t *testing.T) {
	for name, c := range map[string]struct {
		replies int
		want    []string
	}{
		"without replies": {0, []string{":eyes: Observed: web failed | Happened *9 times* in all"}},
		"with replies": {1, []string{
			"This message was deleted.", "    :eyes: Observed: web failed | Happened *2 times* in all",
			":eyes: Observed: web failed | Happened *9 times* in all",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			b := w.bot(t)
			first := deliver(t, b, nth(notify.Observed, 1, 0), "")
			for range c.replies {
				deliver(t, b, nth(notify.Observed, 2, 0), first)
			}
			w.remove(0)
			second := deliver(t, b, nth(notify.Observed, 9, 0), first)
			sees(t, w, c.want...)
			if second == first || second == "" {
				t.Errorf("the reference is %q, want that of the new message", second)
			}
		})
	}
}

// TestAFirstMessageThatIsDeletedMeanwhile is deleted between chat.update and
// chat.postMessage.
func TestAFirstMessageThatIsDeletedMeanwhile(t *testing.T) {
	w := newWorkspace(t)
	b := w.bot(t)
	first := deliver(t, b, nth(notify.ActNow, 1, 0), "")
	w.next(updatePath, func(rw http.ResponseWriter, _ *http.Request) {
		w.remove(0)
		say(rw, map[string]any{"ok": true})
	})
	second := deliver(t, b, nth(notify.ActNow, 2, 0), first)
	sees(t, w, ":rotating_light: Action needed: web failed | Happened *2 times* in all")
	if want := "C0ALERTS/1700000000.000002/#alerts"; second != want {
		t.Errorf("the reference is %q, want that of the new message, %q", second, want)
	}
}

func TestAThreadThatTakesNoReplyBeginsAnew(t *testing.T) {
	for _, why := range gone {
		t.Run(why, func(t *testing.T) {
			w := newWorkspace(t)
			b := w.bot(t)
			first := deliver(t, b, nth(notify.ActNow, 1, 0), "")
			w.next(postPath, answers(failed(why)))
			if second := deliver(t, b, nth(notify.ActNow, 2, 0), first); second == first {
				t.Errorf("the reference is that of the thread that takes no reply: %q", second)
			}
		})
	}
}

// A first message that cannot be replaced keeps its old count; the repeat is
// what matters.
func TestAFirstMessageThatCannotBeReplaced(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"edit_window_closed":  answers(failed("edit_window_closed")),
		"cant_update_message": answers(failed("cant_update_message")),
		"ratelimited":         answers(failed("ratelimited")),
		"HTTP 429":            status(http.StatusTooManyRequests, "", "Retry-After", "3600"),
		"HTTP 500":            status(http.StatusInternalServerError, ""),
		"cut":                 hangUp,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			b := w.bot(t)
			first := deliver(t, b, nth(notify.Observed, 1, 0), "")
			w.next(updatePath, fault)
			second := deliver(t, b, nth(notify.Observed, 2, 0), first)
			sees(t, w, ":eyes: Observed: web failed", "    :eyes: Observed: web failed | Happened *2 times* in all")
			if second != first {
				t.Errorf("the reference became %q, want %q", second, first)
			}
		})
	}
}

func TestAReferenceThatIsNotForThisChannelBeginsAnew(t *testing.T) {
	for _, thread := range []string{"C0ALERTS/1700000000.000001/#other", "C0ALERTS/1700000000.000001", "1700000000.000001", "//", "C0/x/#alerts", "c\n/1.1/#alerts"} {
		t.Run(thread, func(t *testing.T) {
			w := newWorkspace(t)
			b := w.bot(t)
			deliver(t, b, nth(notify.ActNow, 2, 0), thread)
			if want := []string{postPath}; !slices.Equal(w.requests, want) {
				t.Errorf("requests to %q, want %q", w.requests, want)
			}
		})
	}
}

func TestARefusedTokenIsFetchedAnew(t *testing.T) {
	t.Run("first message", func(t *testing.T) {
		w := newWorkspace(t)
		deliver(t, w.bot(t, "xoxb-revoked", goodToken), nth(notify.ActNow, 1, 0), "")
		sees(t, w, ":rotating_light: Action needed: web failed")
	})
	t.Run("repeat", func(t *testing.T) {
		w := newWorkspace(t)
		first := deliver(t, w.bot(t), nth(notify.Mended, 1, 0), "")
		deliver(t, w.bot(t, "xoxb-revoked", goodToken), nth(notify.Mended, 2, 0), first)
		sees(t, w, ":white_check_mark: Mended: web failed | Happened *2 times* in all", "    :white_check_mark: Mended: web failed | Happened *2 times* in all")
	})
	t.Run("no token at all", func(t *testing.T) {
		w := newWorkspace(t)
		deliver(t, w.bot(t, "changeme", goodToken+"\n"), nth(notify.ActNow, 1, 0), "")
		sees(t, w, ":rotating_light: Action needed: web failed")
	})
	t.Run("in vain", func(t *testing.T) {
		w := newWorkspace(t)
		_, err := notify.Deliver(t.Context(), w.bot(t, "xoxb-revoked", "xoxb-wrong"), tries, nth(notify.ActNow, 1, 0), "")
		if want := "slack chat.postMessage: invalid_auth"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestTheBotsSettings(t *testing.T) {
	for name, c := range map[string]struct{ channel, api, want string }{
		"no channel":   {"", API, "slack bot: no channel"},
		"no address":   {channel, "", `slack bot: the address of the API is "": want one that begins with https://`},
		"in the clear": {channel, "http://slack.com/api", `slack bot: the address of the API is "http://slack.com/api": want one that begins with https://`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewBot(&vault{}, c.channel, c.api, nil); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if _, err := NewBot(&vault{}, channel, API, nil); err != nil {
		t.Errorf("the address of Slack: %v", err)
	}
}

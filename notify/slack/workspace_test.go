package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pullfix/pullfix/notify"
)

const (
	goodToken = "xoxb-of-the-bot"
	hookPath  = "/services/hook-of-the-channel"
	channelID = "C0ALERTS"
	channel   = "#alerts"
)

// workspace is a Slack with one channel: it answers as Slack documents it, and
// remembers what is in the channel.
type workspace struct {
	*httptest.Server

	mu       sync.Mutex
	posts    []*posted
	archived bool
	faults   map[string][]http.HandlerFunc // what the next requests to a path meet
	requests []string
}

// posted is a message in the channel.
type posted struct {
	ts, thread string
	broadcast  bool
	deleted    bool
	content    string // as a person reads it
	edits      int
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	w := &workspace{faults: map[string][]http.HandlerFunc{}}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *workspace) webhook(t *notify.Template) *Webhook {
	return NewWebhook(&vault{values: []string{w.URL + hookPath}}, t)
}

func (w *workspace) bot(t *testing.T, secrets ...string) *Bot {
	t.Helper()
	if secrets == nil {
		secrets = []string{goodToken}
	}
	b, err := NewBot(&vault{values: secrets}, channel, w.URL+"/api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// next makes the next requests to a path meet faults; nil is none.
func (w *workspace) next(path string, faults ...http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[path] = append(w.faults[path], faults...)
}

func (w *workspace) fault(path string) http.HandlerFunc {
	if len(w.faults[path]) == 0 {
		return nil
	}
	f := w.faults[path][0]
	w.faults[path] = w.faults[path][1:]
	return f
}

func (w *workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	w.mu.Lock()
	w.requests = append(w.requests, r.URL.Path)
	fault := w.fault(r.URL.Path)
	w.mu.Unlock()
	switch {
	case err != nil:
		return
	case fault != nil:
		fault(rw, r)
	case strings.HasPrefix(r.URL.Path, "/services/"):
		w.serveHook(rw, r.URL.Path, raw)
	default:
		w.serveAPI(rw, r, raw)
	}
}

// serveHook answers with a status and a word.
func (w *workspace) serveHook(rw http.ResponseWriter, path string, raw []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p request
	switch err := json.Unmarshal(raw, &p); {
	case path != hookPath:
		word(rw, http.StatusForbidden, "invalid_token")
	case w.archived:
		word(rw, http.StatusGone, "channel_is_archived")
	case err != nil:
		word(rw, http.StatusBadRequest, "invalid_payload")
	case len(broken(p.Blocks)) > 0:
		word(rw, http.StatusBadRequest, "invalid_blocks")
	default:
		w.add(&posted{content: p.read()})
		word(rw, http.StatusOK, "ok")
	}
}

func word(rw http.ResponseWriter, status int, text string) {
	rw.WriteHeader(status)
	fmt.Fprint(rw, text)
}

// request is what a method takes.
type request struct {
	Channel   string          `json:"channel"`
	Text      string          `json:"text"`
	Blocks    json.RawMessage `json:"blocks"`
	Thread    string          `json:"thread_ts"`
	Broadcast bool            `json:"reply_broadcast"`
	TS        string          `json:"ts"`
	Parse     string          `json:"parse"`
}

// serveAPI answers with 200 and JSON.
func (w *workspace) serveAPI(rw http.ResponseWriter, r *http.Request, raw []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p request
	_ = json.Unmarshal(raw, &p)
	switch problems := broken(p.Blocks); {
	case r.Header.Get("Authorization") == "":
		say(rw, failed("not_authed"))
	case r.Header.Get("Authorization") != "Bearer "+goodToken:
		say(rw, failed("invalid_auth"))
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		say(rw, failed("invalid_post_type"))
	case p.Channel != channelID && (p.Channel != channel || r.URL.Path == "/api/chat.update"):
		say(rw, failed("channel_not_found"))
	case w.archived:
		say(rw, failed("is_archived"))
	case len(problems) > 0:
		say(rw, map[string]any{"ok": false, "error": "invalid_blocks", "response_metadata": map[string]any{"messages": problems}})
	case len(p.Blocks) > 13_172:
		say(rw, failed("msg_blocks_too_long"))
	case p.Parse != "none":
		say(rw, failed("the test wants parse: none"))
	case r.URL.Path == "/api/chat.postMessage":
		say(rw, w.post(p))
	case r.URL.Path == "/api/chat.update":
		say(rw, w.update(p))
	default:
		say(rw, failed("unknown_method"))
	}
}

func say(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(rw).Encode(v)
}

func failed(why string) map[string]any { return map[string]any{"ok": false, "error": why} }

// post is chat.postMessage. A reply to a message that is not there becomes a
// message of its own, without an error
// (https://github.com/slack-go/slack/issues/1571).
func (w *workspace) post(p request) map[string]any {
	m := &posted{content: p.read()}
	if w.find(p.Thread) != nil {
		m.thread, m.broadcast = p.Thread, p.Broadcast
	}
	w.add(m)
	echo := map[string]any{"text": p.Text}
	if m.thread != "" {
		echo["thread_ts"] = m.thread
	}
	return map[string]any{"ok": true, "channel": channelID, "ts": m.ts, "message": echo}
}

func (w *workspace) update(p request) map[string]any {
	m := w.find(p.TS)
	if m == nil || m.deleted {
		return failed("message_not_found")
	}
	m.content, m.edits = p.read(), m.edits+1
	return map[string]any{"ok": true, "channel": channelID, "ts": m.ts, "text": p.Text}
}

func (w *workspace) add(m *posted) {
	m.ts = fmt.Sprintf("1700000000.%06d", len(w.posts)+1)
	w.posts = append(w.posts, m)
}

// find returns a message, or what is left of a deleted one that has replies.
func (w *workspace) find(ts string) *posted {
	for _, m := range w.posts {
		if m.ts == ts && (!m.deleted || len(w.replies(m)) > 0) {
			return m
		}
	}
	return nil
}

func (w *workspace) replies(first *posted) []*posted {
	var all []*posted
	for _, m := range w.posts {
		if m.thread == first.ts {
			all = append(all, m)
		}
	}
	return all
}

// remove deletes the message that was posted as the nth, from 0.
func (w *workspace) remove(nth int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posts[nth].deleted = true
}

// screen is what a person sees in the channel: a line for each message, and
// below it the replies of its thread.
func (w *workspace) screen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out strings.Builder
	for _, m := range w.posts {
		if w.find(m.ts) != m {
			continue
		}
		if m.deleted {
			m.content = "This message was deleted."
		}
		switch {
		case m.thread == "":
			fmt.Fprintln(&out, m.content)
			for _, r := range w.replies(m) {
				fmt.Fprintln(&out, "    "+r.content)
			}
		case m.broadcast:
			fmt.Fprintln(&out, "replied to a thread: "+m.content)
		}
	}
	return out.String()
}

// read is the header and the line below everything.
func (p request) read() string {
	var blocks []struct {
		Type     string
		Text     struct{ Text string }
		Elements []struct{ Text any }
	}
	_ = json.Unmarshal(p.Blocks, &blocks)
	text := ""
	for _, b := range blocks {
		switch b.Type {
		case "header":
			text = b.Text.Text
		case "context":
			text += fmt.Sprint(" | ", b.Elements[0].Text)
		}
	}
	return text
}

// vault is a secret that somebody replaces: each Forget leads to the next value.
type vault struct {
	values  []string
	fetched int
	err     error
}

func (v *vault) Get(context.Context) (string, error) { return v.values[v.fetched], v.err }

func (v *vault) Forget() { v.fetched = min(v.fetched+1, len(v.values)-1) }

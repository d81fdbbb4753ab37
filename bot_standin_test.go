package pullfix

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const conversation = "C0123456789"

// botServer plays what a bot needs of Slack's Web API, with one conversation
// (https://docs.slack.dev/reference/methods/chat.postMessage).
type botServer struct {
	url   string
	mu    sync.Mutex
	token string           // that is valid now
	fault http.HandlerFunc // answers in its place; nil for none
	posts []*botPost
}

// botPost is a message in the conversation.
type botPost struct {
	ts, thread string
	shown      string
	edits      int
}

func newBotServer(t testing.TB, token string) *botServer {
	t.Helper()
	s := &botServer{token: token}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL + "/api"
	return s
}

// meet has requests answered by somebody else from now on; nil ends that.
func (s *botServer) meet(fault http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *botServer) replace(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

func (s *botServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.posts)
}

func (s *botServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.answer(r))
}

func (s *botServer) answer(r *http.Request) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m struct {
		slackMessage
		Channel  string
		TS       string
		ThreadTS string `json:"thread_ts"`
	}
	err := json.NewDecoder(r.Body).Decode(&m)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.token:
		return map[string]any{"ok": false, "error": "invalid_auth"}
	case err != nil || len(m.Blocks) == 0:
		return map[string]any{"ok": false, "error": "invalid_blocks"}
	case m.Channel != conversation:
		return map[string]any{"ok": false, "error": "channel_not_found"}
	case strings.HasSuffix(r.URL.Path, "/chat.update"):
		return s.update(m.TS, m.shown())
	default:
		return s.post(m.ThreadTS, m.shown())
	}
}

func (s *botServer) post(thread, shown string) map[string]any {
	p := &botPost{ts: fmt.Sprintf("1772600000.%06d", len(s.posts)+1), shown: shown}
	message := map[string]any{}
	if s.find(thread) != nil {
		p.thread, message["thread_ts"] = thread, thread
	}
	s.posts = append(s.posts, p)
	return map[string]any{"ok": true, "channel": conversation, "ts": p.ts, "message": message}
}

func (s *botServer) update(ts, shown string) map[string]any {
	p := s.find(ts)
	if p == nil {
		return map[string]any{"ok": false, "error": "message_not_found"}
	}
	p.shown, p.edits = shown, p.edits+1
	return map[string]any{"ok": true, "channel": conversation, "ts": ts}
}

func (s *botServer) find(ts string) *botPost {
	for _, p := range s.posts {
		if p.ts == ts {
			return p
		}
	}
	return nil
}

// all returns what is in the conversation, in the order of posting.
func (s *botServer) all() []botPost {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []botPost
	for _, p := range s.posts {
		all = append(all, *p)
	}
	return all
}

package pullfix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// slackServer plays Slack's incoming webhooks.
type slackServer struct {
	url      string
	mu       sync.Mutex
	answers  []int // to the next requests, 0 for none; 200 after that
	messages []string
	fault    http.HandlerFunc // answers in its place; nil for none
	watch    func(taken bool) // a request that arrives, and one that is about to be answered; may be nil
}

func newSlackServer(t testing.TB, answers string) *slackServer {
	t.Helper()
	s := &slackServer{}
	for word := range strings.FieldsSeq(answers) {
		status, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		s.answers = append(s.answers, status)
	}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL + "/services/token"
	return s
}

func (s *slackServer) serve(w http.ResponseWriter, r *http.Request) {
	if s.watch != nil {
		s.watch(false)
		defer s.watch(true)
	}
	s.mu.Lock()
	answer := s.take
	if s.fault != nil {
		answer = s.fault
	}
	s.mu.Unlock()
	answer(w, r)
}

// meet has requests answered by somebody else from now on; nil ends that.
func (s *slackServer) meet(fault http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *slackServer) take(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) > 0 {
		status := s.answers[0]
		s.answers = s.answers[1:]
		switch status {
		case http.StatusOK:
		case 0:
			s.messages = append(s.messages, "unanswered")
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(status)
			return
		}
	}
	var m slackMessage
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil || len(m.Blocks) == 0 {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.messages = append(s.messages, m.shown())
	_, _ = io.WriteString(w, "ok")
}

// slackMessage is what is read of a message
// (https://docs.slack.dev/reference/block-kit/blocks).
type slackMessage struct {
	Blocks []slackBlock
}

type slackBlock struct {
	Type     string
	Text     slackText
	Fields   []slackBlock
	Elements []slackBlock
	URL      string
}

// slackText is a text or an object that holds one.
type slackText string

func (t *slackText) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*t = slackText(text)
		return nil
	}
	var object struct{ Text string }
	err := json.Unmarshal(data, &object)
	*t = slackText(object.Text)
	return err
}

// shown is the message as somebody reads it, with buttons in brackets.
func (m slackMessage) shown() string {
	var text strings.Builder
	for _, b := range m.Blocks {
		text.WriteString(b.shown())
	}
	return strings.TrimRight(text.String(), "\n")
}

func (b slackBlock) shown() string {
	text := string(b.Text)
	for _, part := range append(b.Fields, b.Elements...) {
		text += part.shown()
	}
	switch {
	case b.URL != "":
		return "[" + text + "]\n"
	case b.Type == "text", b.Type == "rich_text", b.Type == "section" && len(b.Fields) > 0, b.Type == "actions", b.Type == "context":
		return text
	default:
		return strings.ReplaceAll(text, "*\n", "* ") + "\n"
	}
}

func (s *slackServer) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text strings.Builder
	for _, m := range s.messages {
		fmt.Fprintf(&text, "%s\n\n", m)
	}
	return text.String()
}

// count is how many messages were sent.
func (s *slackServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// lockedBuffer takes the log of a function that serves many requests.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lines returns the severity, the message, the command and the error of every
// line.
func (l *lockedBuffer) lines(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(l.String()) {
		var entry struct{ Severity, Message, Gcloud, Error string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Message == "" {
			t.Errorf("a line of the log is not JSON with a message: %s", line)
		}
		fmt.Fprintf(&text, "%s %s\n", entry.Severity, entry.Message)
		if entry.Gcloud != "" {
			fmt.Fprintf(&text, "  run: %s\n", strings.Join(strings.Fields(strings.ReplaceAll(entry.Gcloud, "\\\n", " ")), " "))
		}
		if entry.Error != "" {
			fmt.Fprintf(&text, "  error: %s\n", entry.Error)
		}
	}
	return text.String()
}

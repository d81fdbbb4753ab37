package notify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func sample() Message {
	return Message{
		Title: "service web in app-one failed (run-image)", Why: "the agent needs to read the repository",
		Decision: `no rule matches run-image`, Gcloud: "gcloud artifacts repositories …", Terraform: `resource "x" "y" {}`,
		Facts: []Fact{{"Who", "serviceAccount:a@b.iam.gserviceaccount.com"}, {"On", "projects/p"}}, Missed: 3,
	}
}

// post sends a message to a server that answers with the status, and returns
// what it was sent.
func post(t *testing.T, m Message, status int) (map[string]any, error) {
	t.Helper()
	var got map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "ok")
	}))
	defer server.Close()
	s, err := NewSlack(server.URL + "/services/secret-token")
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), m)
	return got, err
}

func TestSlackMessage(t *testing.T) {
	got, err := post(t, sample(), http.StatusOK)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind, s string) map[string]any {
		if kind == "mrkdwn" {
			return map[string]any{"type": kind, "text": s, "verbatim": true}
		}
		return map[string]any{"type": kind, "text": s, "emoji": false}
	}
	want := map[string]any{
		"text": "Action needed: service web in app-one failed (run-image)",
		"blocks": []any{
			map[string]any{"type": "header", "text": text("plain_text", "Action needed: service web in app-one failed (run-image)")},
			map[string]any{"type": "section", "text": text("mrkdwn",
				"the agent needs to read the repository\nno rule matches run-image\nThe same happened 3 more times since the last message.")},
			map[string]any{"type": "section", "fields": []any{
				text("mrkdwn", "*Who*\nserviceAccount:a@b.iam.gserviceaccount.com"), text("mrkdwn", "*On*\nprojects/p"),
			}},
			map[string]any{"type": "section", "text": text("mrkdwn", "```gcloud artifacts repositories …```")},
			map[string]any{"type": "section", "text": text("mrkdwn", "```resource \"x\" \"y\" {}```")},
		},
	}
	delete(got, "replace_original")
	delete(got, "delete_original")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestSlackRefusalsAreErrorsWithoutTheSecret(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusInternalServerError} {
		_, err := post(t, sample(), status)
		if err == nil || strings.Contains(err.Error(), "secret-token") {
			t.Errorf("status %d: got %v, want an error without the token", status, err)
		}
	}
}

func TestSlackThatCannotBeReachedIsAnErrorWithoutTheSecret(t *testing.T) {
	s, err := NewSlack("http://127.0.0.1:1/services/secret-token")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Send(ctx, sample()); err == nil || strings.Contains(err.Error(), "secret-token") {
		t.Errorf("got %v, want an error without the token", err)
	}
}

func TestNewSlackDoesNotRepeatItsInput(t *testing.T) {
	for _, webhook := range []string{"", "secret-token", "http://hooks.example.com/secret-token", "https://", "https://a b/secret-token"} {
		if _, err := NewSlack(webhook); err == nil || strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%q: got %v, want an error without the input", webhook, err)
		}
	}
}

// TestTextsCannotMakeMarkup sends what people could name a service.
func TestTextsCannotMakeMarkup(t *testing.T) {
	m := sample()
	m.Title = "service <!channel> & <https://evil.example|click>"
	m.Why, m.Decision = m.Title, "``` <@U123>"
	m.Facts = []Fact{{"Who", m.Title}}
	m.Gcloud = "```<!here>"
	message := webhookMessage(m)
	raw, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var blocks struct {
		Text   string
		Blocks []struct {
			Type string
			Text struct{ Type, Text string }
		}
	}
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks.Blocks {
		if b.Text.Type == "mrkdwn" && strings.ContainsAny(b.Text.Text, "<>") {
			t.Errorf("markup got through: %s", b.Text.Text)
		}
		if n := strings.Count(b.Text.Text, "```"); n != 0 && n != 2 {
			t.Errorf("%d fences in %s", n, b.Text.Text)
		}
	}
	if strings.ContainsAny(blocks.Text, "<>") {
		t.Errorf("markup got through: %s", blocks.Text)
	}
}

func TestLimitsHold(t *testing.T) {
	long := strings.Repeat("é<", 5_000)
	m := Message{Title: long, Why: long, Decision: long, Gcloud: long, Terraform: long}
	for range 30 {
		m.Facts = append(m.Facts, Fact{long, long})
	}
	raw, err := json.Marshal(webhookMessage(m))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Blocks []struct {
			Type   string
			Text   struct{ Text string }
			Fields []struct{ Text string }
		}
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for _, b := range got.Blocks {
		limit := longestSection
		if b.Type == "header" {
			limit = longestHeader
		}
		if len(b.Text.Text) > limit || !utf8.ValidString(b.Text.Text) {
			t.Errorf("%s of %d bytes, want at most %d", b.Type, len(b.Text.Text), limit)
		}
		if len(b.Fields) > mostFields {
			t.Errorf("%d fields, want at most %d", len(b.Fields), mostFields)
		}
		for _, f := range b.Fields {
			if len(f.Text) > longestField {
				t.Errorf("a field of %d bytes, want at most %d", len(f.Text), longestField)
			}
		}
	}
}

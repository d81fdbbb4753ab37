package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Slack sends messages to an incoming webhook
// (https://api.slack.com/messaging/webhooks).
type Slack struct {
	webhook string
	client  *http.Client
}

const (
	slackTimeout = 10 * time.Second
	idleTimeout  = 30 * time.Second // a function that sleeps between events keeps nothing open
)

// NewSlack returns the channel behind a webhook URL. The URL is a secret: it
// is never part of an error.
func NewSlack(webhook string) (*Slack, error) {
	u, err := url.Parse(webhook)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" {
		return nil, errors.New("slack webhook: want a URL that begins with https://")
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: slackTimeout, IdleConnTimeout: idleTimeout}
	return &Slack{webhook: webhook, client: &http.Client{Timeout: slackTimeout, Transport: transport}}, nil
}

// Send posts the message. Slack has taken it when Send returns nil, and may have
// taken it when the error is [ErrUnsure].
func (s *Slack) Send(ctx context.Context, m Message) error {
	sent := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent = true }})
	err := slack.PostWebhookCustomHTTPContext(ctx, s.webhook, s.client, webhookMessage(m))
	if fault := (*url.Error)(nil); errors.As(err, &fault) {
		err = fault.Err
		if sent {
			err = fmt.Errorf("%w: %w", ErrUnsure, err)
		}
	}
	if err != nil {
		return fmt.Errorf("slack: %w", err)
	}
	return nil
}

// Slack's limits (https://api.slack.com/reference/block-kit/blocks).
const (
	longestHeader  = 150
	longestSection = 3000
	mostFields     = 10
	longestField   = 2000
)

func webhookMessage(m Message) *slack.WebhookMessage {
	title := m.Tone.String() + ": " + m.Title
	blocks := []slack.Block{
		slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, cut(title, longestHeader), false, false)),
		section(paragraphs(escape(m.Why), escape(m.Decision), missed(m.Missed))),
	}
	if len(m.Facts) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(nil, fields(m.Facts), nil))
	}
	for _, code := range []string{m.Gcloud, m.Terraform} {
		if code != "" {
			blocks = append(blocks, section("```"+cut(escape(code), longestSection-6)+"```"))
		}
	}
	return &slack.WebhookMessage{Text: escape(title), Blocks: &slack.Blocks{BlockSet: blocks}}
}

func section(text string) *slack.SectionBlock {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, cut(text, longestSection), false, true), nil, nil)
}

func fields(facts []Fact) []*slack.TextBlockObject {
	var out []*slack.TextBlockObject
	for _, f := range facts[:min(len(facts), mostFields)] {
		text := "*" + escape(f.Name) + "*\n" + escape(f.Value)
		out = append(out, slack.NewTextBlockObject(slack.MarkdownType, cut(text, longestField), false, true))
	}
	return out
}

func missed(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "The same happened once more since the last message."
	}
	return fmt.Sprintf("The same happened %d more times since the last message.", n)
}

func paragraphs(texts ...string) string {
	var kept []string
	for _, t := range texts {
		if t != "" {
			kept = append(kept, t)
		}
	}
	return strings.Join(kept, "\n")
}

// escape takes the meaning from the characters that Slack's markup reads; with
// < and > gone, no text can make a mention or a link
// (https://api.slack.com/reference/surfaces/formatting#escaping).
func escape(s string) string { return escaper.Replace(s) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "'")

// cut shortens a text to n bytes at most, at a character's boundary.
func cut(s string, n int) string {
	const more = "…"
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len(more)], "") + more
}

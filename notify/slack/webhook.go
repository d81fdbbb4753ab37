package slack

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/pullfix/pullfix/notify"
)

// Webhook sends messages to an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
// It cannot reply in a thread: every message stands by itself.
type Webhook struct {
	url    notify.Secret
	t      *notify.Template
	client *http.Client
}

// NewWebhook returns the channel behind a webhook. The URL is a secret: it is
// never part of an error. It begins with https://, or leads to this machine. t
// may be nil.
func NewWebhook(url notify.Secret, t *notify.Template) *Webhook {
	return &Webhook{url: url, t: t, client: newClient()}
}

// Send posts the message. What it returns for later messages is "".
func (w *Webhook) Send(ctx context.Context, m notify.Message, _ string) (string, error) {
	c, err := w.call(ctx)
	if err != nil {
		return "", err
	}
	a, err := c.post(ctx, w.client, pack(m, w.t))
	if err != nil {
		return "", err
	}
	return "", c.verdict(a)
}

// Refresh makes the next Send fetch the URL anew.
func (w *Webhook) Refresh() { w.url.Forget() }

func (w *Webhook) call(ctx context.Context) (call, error) {
	secret, err := w.url.Get(ctx)
	if err != nil {
		return call{}, fmt.Errorf("slack webhook: %w", err)
	}
	secret = strings.TrimSpace(secret)
	c := call{what: "slack webhook", to: secret, hidden: hide()}
	u, ok := secure(secret)
	if !ok {
		return c, c.refused(true, "the secret is no address that begins with https://")
	}
	c.hidden = hide(secret, u.RequestURI(), u.Path, strings.Trim(path.Base(u.Path), "/."))
	return c, nil
}

// verdict reads a webhook's answer: a status and a word, as
// https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
// lists them. Everything but the payload is part of the address, so that another
// address may help where the answer is 401, 403 (invalid_token,
// action_prohibited), 404 (no_service, no_team, channel_not_found) or 410
// (channel_is_archived), or leads elsewhere.
func (c call) verdict(a answer) error {
	switch {
	case a.status == http.StatusOK && a.whole && strings.TrimSpace(string(a.body)) == "ok":
		return nil
	case a.status < http.StatusMultipleChoices:
		return c.unsure(a.words() + ", not ok")
	case a.passes():
		return c.later(a.after, a.words())
	default:
		return c.refused(elsewhere(a.status), a.words())
	}
}

func elsewhere(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	default:
		return status < http.StatusBadRequest
	}
}

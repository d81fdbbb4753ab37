package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pullfix/pullfix/notify"
)

// API is where Slack's Web API is. That of GovSlack is at
// https://slack-gov.com/api.
const API = "https://slack.com/api"

// Bot sends messages as an app's bot. The first message about a problem goes to
// the channel. A repeat goes into its thread, and the first message is replaced
// by the newest, with its count. Where the reader must do something, the repeat
// is shown in the channel as well: replies in a thread notify only those who
// follow it. A thread whose first message was deleted is begun anew.
type Bot struct {
	token   notify.Secret
	channel string
	api     string
	t       *notify.Template
	client  *http.Client
}

// NewBot returns the channel of that id or name, such as C0123456789 or #alerts.
// The token is a secret, begins with xox, and has the scope chat:write. api is
// [API] or another address of the same methods: https, or on this machine. t may
// be nil.
func NewBot(token notify.Secret, channel, api string, t *notify.Template) (*Bot, error) {
	if channel == "" {
		return nil, errors.New("slack bot: no channel")
	}
	if _, ok := secure(api); !ok {
		return nil, fmt.Errorf("slack bot: the address of the API is %q: want one that begins with https://", api)
	}
	return &Bot{token: token, channel: channel, api: strings.TrimSuffix(api, "/"), t: t, client: newClient()}, nil
}

// Refresh makes the next Send fetch the token anew.
func (b *Bot) Refresh() { b.token.Forget() }

// Send posts the message with chat.postMessage
// (https://docs.slack.dev/reference/methods/chat.postMessage). What it returns
// for later messages names the first one: CHANNEL_ID/TIMESTAMP/CHANNEL, where
// CHANNEL is as it was configured, so that another one begins anew.
func (b *Bot) Send(ctx context.Context, m notify.Message, thread string) (string, error) {
	token, err := b.secret(ctx)
	if err != nil {
		return "", err
	}
	p := pack(m, b.t)
	if first, ok := b.parse(thread); ok {
		return b.repeat(ctx, token, m, p, first)
	}
	return b.begin(ctx, token, p)
}

func (b *Bot) secret(ctx context.Context) (string, error) {
	token, err := b.token.Get(ctx)
	if err != nil {
		return "", fmt.Errorf("slack bot: %w", err)
	}
	token = strings.TrimSpace(token)
	if !tokens().MatchString(token) {
		return "", &notify.RefusedError{Unauthorised: true, Err: errors.New("slack bot: the secret is no token: want one that begins with xox")}
	}
	return token, nil
}

// tokens are described at https://docs.slack.dev/authentication/tokens.
var tokens = onUse(`^xox[a-z]?[.-][\w.%-]+$`)

// begin posts the first message about a problem.
func (b *Bot) begin(ctx context.Context, token string, p payload) (string, error) {
	p.Channel = b.channel
	c := b.call(token, "chat.postMessage")
	r, err := c.invoke(ctx, b.client, p)
	if err != nil {
		return "", err
	}
	return b.format(r), c.judge(r)
}

// repeat replaces the first message and then replies to it, in this order
// because to replace can be tried again without harm, and finds out that there
// is no first message while nothing has been posted.
func (b *Bot) repeat(ctx context.Context, token string, m notify.Message, p payload, first message) (string, error) {
	switch r := b.replace(ctx, token, m, first); {
	case slices.Contains(gone, r.Error):
		return b.begin(ctx, token, p)
	case slices.Contains(unauthorised, r.Error):
		return "", b.call(token, "chat.update").judge(r)
	}
	p.Channel, p.ThreadTS, p.ReplyBroadcast = first.channel, first.ts, m.Tone.Urgent()
	c := b.call(token, "chat.postMessage")
	r, err := c.invoke(ctx, b.client, p)
	switch {
	case err != nil:
		return "", err
	case slices.Contains(gone, r.Error):
		return b.begin(ctx, token, p.alone())
	case r.OK && r.Message.ThreadTS == "":
		return b.format(r), nil // no first message any more: Slack has made the reply one of its own
	}
	return b.name(first), c.judge(r)
}

func (p payload) alone() payload {
	p.ThreadTS, p.ReplyBroadcast = "", false
	return p
}

// replaceTimeout leaves the greater part of a try to the reply.
const replaceTimeout = 4 * time.Second

// replace puts the newest message in the place of the first one. It can fail for
// reasons that do not concern the reply, such as a workspace that lets nobody
// edit old messages; then the first message keeps its old count.
func (b *Bot) replace(ctx context.Context, token string, m notify.Message, first message) reply {
	m.Missed = 0 // it is no message since the last one
	p := pack(m, b.t)
	ctx, cancel := context.WithTimeout(ctx, replaceTimeout)
	defer cancel()
	p.Channel, p.TS = first.channel, first.ts
	r, err := b.call(token, "chat.update").invoke(ctx, b.client, p)
	if err != nil {
		return reply{}
	}
	return r
}

func (b *Bot) call(token, method string) call {
	return call{what: "slack " + method, to: b.api + "/" + method, token: token, hidden: hide(token)}
}

// message is a message in Slack: the id of its channel, and its timestamp, which
// is its id.
type message struct{ channel, ts string }

var references = onUse(`^([A-Z0-9]+)/(\d+\.\d+)/(.+)$`)

// parse reads what format wrote, if for this channel.
func (b *Bot) parse(thread string) (message, bool) {
	parts := references().FindStringSubmatch(thread)
	if len(parts) != 4 || parts[3] != b.channel {
		return message{}, false
	}
	return message{parts[1], parts[2]}, true
}

func (b *Bot) name(m message) string { return m.channel + "/" + m.ts + "/" + b.channel }

func (b *Bot) format(r reply) string {
	if !r.OK || r.TS == "" {
		return ""
	}
	return b.name(message{r.Channel, r.TS})
}

// reply is the part of the answer that matters
// (https://docs.slack.dev/apis/web-api/#responses).
type reply struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Needed  string `json:"needed"` // the scope that the token lacks
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Message struct {
		ThreadTS string `json:"thread_ts"`
	} `json:"message"`
	Metadata struct {
		Messages []string `json:"messages"` // what is wrong with the blocks
	} `json:"response_metadata"`

	after time.Duration
}

// invoke calls a method. The error is that of the way there and back.
func (c call) invoke(ctx context.Context, client *http.Client, p payload) (reply, error) {
	a, err := c.post(ctx, client, p)
	if err != nil {
		return reply{}, err
	}
	r := reply{after: a.after}
	switch {
	case a.passes():
		return reply{}, c.later(a.after, a.words())
	case a.status != http.StatusOK:
		return reply{}, c.refused(a.status == http.StatusUnauthorized || a.status == http.StatusForbidden, a.words())
	case !a.whole || json.Unmarshal(a.body, &r) != nil || !r.OK && r.Error == "":
		return reply{}, c.unsure("HTTP 200 without an answer that can be read")
	}
	return r, nil
}

// What the words of https://docs.slack.dev/reference/methods/chat.postMessage#errors
// and https://docs.slack.dev/reference/methods/chat.update#errors mean; every
// other one is a refusal that another try would meet again.
var (
	unauthorised = []string{"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}
	passing      = []string{"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
	gone         = []string{
		"message_not_found", "thread_not_found", "invalid_thread_ts", "cannot_reply_to_message",
		"restricted_action_thread_locked", "restricted_action_non_threadable_channel",
	}
)

// judge makes an error of an answer that is none of success.
func (c call) judge(r reply) error {
	switch {
	case r.OK:
		return nil
	case slices.Contains(passing, r.Error):
		return c.later(r.after, r.Error)
	}
	why := []string{r.Error}
	if r.Needed != "" {
		why = append(why, "the token needs "+r.Needed)
	}
	why = append(why, r.Metadata.Messages...)
	return c.refused(slices.Contains(unauthorised, r.Error), strings.Join(why, ": "))
}

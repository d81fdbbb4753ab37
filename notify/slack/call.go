package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	kit "github.com/slack-go/slack"

	"github.com/pullfix/pullfix/notify"
)

// payload is what a webhook, chat.postMessage and chat.update take
// (https://docs.slack.dev/reference/methods/chat.postMessage).
type payload struct {
	Channel        string      `json:"channel,omitempty"`
	ThreadTS       string      `json:"thread_ts,omitempty"`
	ReplyBroadcast bool        `json:"reply_broadcast,omitempty"`
	TS             string      `json:"ts,omitempty"` // of the message to be replaced
	Text           string      `json:"text"`
	Blocks         []kit.Block `json:"blocks"`
	Parse          string      `json:"parse"` // chat.update would look for names and addresses
	UnfurlLinks    bool        `json:"unfurl_links"`
	UnfurlMedia    bool        `json:"unfurl_media"`
}

// pack makes the payload. A template that fails must not keep the news from the
// reader: it is told among the facts.
func pack(m notify.Message, t *notify.Template) payload {
	c, err := Blocks(m, t)
	if err != nil {
		m.Facts = append([]notify.Fact{{Name: "Template not used", Value: err.Error()}}, m.Facts...)
		c = form(m, report(m))
	}
	return payload{Text: c.Text, Blocks: c.Blocks, Parse: "none"}
}

// newClient keeps a connection for the next message of a burst, and not while
// the function sleeps. It follows no redirect: the address and the token are
// for one host.
func newClient() *http.Client {
	return &http.Client{
		Timeout: 12 * time.Second,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 10 * time.Second,
			IdleConnTimeout:       5 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// secure reads an address to which a secret may be sent.
func secure(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, false
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u, u.Scheme == "https" || u.Scheme == "http" && local
}

// call is one request. It makes the errors, in which no secret is.
type call struct {
	what   string
	to     string
	token  string
	hidden *strings.Replacer
}

// hide replaces secrets.
func hide(secrets ...string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if s != "" {
			pairs = append(pairs, s, "[redacted]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// answer is what came back.
type answer struct {
	status int
	after  time.Duration
	body   []byte
	whole  bool
}

// post sends a payload once. The error says whether it may have arrived.
func (c call) post(ctx context.Context, client *http.Client, p payload) (answer, error) {
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(i httptrace.WroteRequestInfo) { sent.Store(i.Err == nil) },
	})
	req, err := c.request(ctx, p)
	if err != nil {
		return answer{}, c.refused(false, err.Error())
	}
	res, err := client.Do(req)
	if err != nil {
		if fault := (*url.Error)(nil); errors.As(err, &fault) {
			err = fault.Err
		}
		if sent.Load() {
			return answer{}, c.unsure(err.Error())
		}
		return answer{}, c.later(0, err.Error())
	}
	defer res.Body.Close()
	return read(res), nil
}

func (c call) request(ctx context.Context, p payload) (*http.Request, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to, bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("the address is not one for a request")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

func read(res *http.Response) answer {
	const most = 1 << 20 // an answer repeats the message
	body, err := io.ReadAll(io.LimitReader(res.Body, most))
	return answer{status: res.StatusCode, after: after(res.Header), body: body, whole: err == nil}
}

// after is how long Slack asks to be left alone
// (https://docs.slack.dev/apis/web-api/rate-limits).
func after(h http.Header) time.Duration {
	const most = 24 * 60 * 60
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, most)) * time.Second
}

// slacksWord is how Slack names an error. Anything else is of a proxy's making.
var slacksWord = onUse(`^[a-z][a-z_]{2,60}$`)

// passes reports whether another try may be answered otherwise.
func (a answer) passes() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || a.status >= http.StatusInternalServerError
}

// words is an HTTP answer in short.
func (a answer) words() string {
	text := fmt.Sprintf("HTTP %d", a.status)
	if word := strings.TrimSpace(string(a.body)); slacksWord().MatchString(word) {
		text += ": " + word
	}
	return text
}

func (c call) later(wait time.Duration, why string) error {
	return &notify.LaterError{After: wait, Err: c.say(why)}
}

func (c call) refused(unauthorised bool, why string) error {
	return &notify.RefusedError{Unauthorised: unauthorised, Err: c.say(why)}
}

func (c call) unsure(why string) error { return notify.Unsure(c.say(why)) }

func (c call) say(why string) error {
	return errors.New(cut(c.hidden.Replace(c.what+": "+line(why)), 300)) // half a secret is not found any more
}

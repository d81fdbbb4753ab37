package slack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullfix/pullfix/notify"
)

func answers(v any) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { say(rw, v) }
}

func status(code int, body string, header ...string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		for pair := range slices.Chunk(header, 2) {
			rw.Header().Set(pair[0], pair[1])
		}
		word(rw, code, body)
	}
}

// hangUp closes the connection instead of an answer.
func hangUp(rw http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// stall does not answer while somebody waits.
func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// half is cut in the middle of the answer.
func half(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(rw, `{"ok": tr`)
}

func TestAMessageThroughAWebhook(t *testing.T) {
	w := newWorkspace(t)
	if thread := deliver(t, w.webhook(nil), nth(notify.Flood, 57, 56), "ignored"); thread != "" {
		t.Errorf("the reference is %q, want none", thread)
	}
	sees(t, w, ":ocean: Many failures: web failed | Happened *57 times* in all, 56 times more since the last message")
}

func TestARefusedWebhookIsFetchedAnew(t *testing.T) {
	for _, old := range []string{"/services/replaced", "", "not an address", "http://example.com/services/x"} {
		t.Run(old, func(t *testing.T) {
			w := newWorkspace(t)
			if strings.HasPrefix(old, "/") {
				old = w.URL + old
			}
			s := NewWebhook(&vault{values: []string{old, w.URL + hookPath + "\n"}}, nil)
			deliver(t, s, nth(notify.ActNow, 1, 0), "")
			sees(t, w, ":rotating_light: Action needed: web failed")
		})
	}
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	for name, faults := range map[string][]http.HandlerFunc{
		"5xx":           {status(http.StatusInternalServerError, "rollup_error"), status(http.StatusServiceUnavailable, "<html>")},
		"once too many": {status(http.StatusTooManyRequests, "", "Retry-After", "0")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.next(hookPath, faults...)
			w.next(postPath, faults...)
			deliver(t, w.webhook(nil), nth(notify.Stopped, 1, 0), "")
			deliver(t, w.bot(t), nth(notify.Stopped, 1, 0), "")
			sees(t, w, ":octagonal_sign: Stopped: web failed", ":octagonal_sign: Stopped: web failed")
		})
	}
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	w := newWorkspace(t)
	w.next(postPath, status(http.StatusTooManyRequests, "", "Retry-After", "1"))
	begin := time.Now()
	deliver(t, w.bot(t), nth(notify.ActNow, 1, 0), "")
	if took := time.Since(begin); took < time.Second {
		t.Errorf("tried again after %s, want a second", took)
	}
}

// kind is what an error says to do.
func kind(err error) string {
	refused, later := (*notify.RefusedError)(nil), (*notify.LaterError)(nil)
	switch {
	case err == nil:
		return "sent"
	case errors.Is(err, notify.ErrUnsure):
		return "unsure"
	case errors.As(err, &refused) && refused.Unauthorised:
		return "refused, unauthorised"
	case errors.As(err, &refused):
		return "refused"
	case errors.As(err, &later):
		return "later, after " + later.After.String()
	default:
		return "other"
	}
}

var hookAnswers = map[string]struct {
	fault http.HandlerFunc
	kind  string
	words string
}{
	"invalid_payload":      {status(400, "invalid_payload"), "refused", "HTTP 400: invalid_payload"},
	"user_not_found":       {status(400, "user_not_found"), "refused", "HTTP 400: user_not_found"},
	"invalid_blocks":       {status(400, "invalid_blocks\n"), "refused", "HTTP 400: invalid_blocks"},
	"invalid_token":        {status(403, "invalid_token"), "refused, unauthorised", "HTTP 403: invalid_token"},
	"action_prohibited":    {status(403, "action_prohibited"), "refused, unauthorised", "HTTP 403: action_prohibited"},
	"no_service":           {status(404, "no_service"), "refused, unauthorised", "HTTP 404: no_service"},
	"no_team":              {status(404, "no_team"), "refused, unauthorised", "HTTP 404: no_team"},
	"channel_not_found":    {status(404, "channel_not_found"), "refused, unauthorised", "HTTP 404: channel_not_found"},
	"channel_is_archived":  {status(410, "channel_is_archived"), "refused, unauthorised", "HTTP 410: channel_is_archived"},
	"a redirect":           {status(302, "", "Location", "https://slack.com/"), "refused, unauthorised", "HTTP 302"},
	"a method":             {status(405, "<html>no</html>"), "refused", "HTTP 405"},
	"rate":                 {status(429, "rate_limited", "Retry-After", "30"), "later, after 30s", "HTTP 429: rate_limited"},
	"rate without a time":  {status(429, ""), "later, after 0s", "HTTP 429"},
	"rate with a bad time": {status(429, "", "Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"), "later, after 0s", "HTTP 429"},
	"rate for ever":        {status(429, "", "Retry-After", "99999999999"), "later, after 24h0m0s", "HTTP 429"},
	"rollup_error":         {status(500, "rollup_error"), "later, after 0s", "HTTP 500: rollup_error"},
	"a gateway":            {status(502, "<html>"), "later, after 0s", "HTTP 502"},
	"a portal":             {status(200, "<html>log in</html>"), "unsure", "HTTP 200, not ok"},
	"accepted":             {status(202, ""), "unsure", "HTTP 202, not ok"},
	"half an answer":       {half, "unsure", "HTTP 200, not ok"},
	"hung up":              {hangUp, "unsure", "EOF"},
}

func TestWhatAWebhooksAnswersMean(t *testing.T) {
	for name, c := range hookAnswers {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.next(hookPath, c.fault)
			_, err := w.webhook(nil).Send(t.Context(), nth(notify.ActNow, 1, 0), "")
			if kind(err) != c.kind || !strings.HasSuffix(err.Error(), "slack webhook: "+c.words) {
				t.Errorf("%s: %v\nwant %s: … %s", kind(err), err, c.kind, c.words)
			}
		})
	}
}

var methodAnswers = map[string]struct {
	fault http.HandlerFunc
	kind  string
	words string
}{
	"invalid_auth":        {answers(failed("invalid_auth")), "refused, unauthorised", "invalid_auth"},
	"not_authed":          {answers(failed("not_authed")), "refused, unauthorised", "not_authed"},
	"token_revoked":       {answers(failed("token_revoked")), "refused, unauthorised", "token_revoked"},
	"token_expired":       {answers(failed("token_expired")), "refused, unauthorised", "token_expired"},
	"account_inactive":    {answers(failed("account_inactive")), "refused, unauthorised", "account_inactive"},
	"channel_not_found":   {answers(failed("channel_not_found")), "refused", "channel_not_found"},
	"not_in_channel":      {answers(failed("not_in_channel")), "refused", "not_in_channel"},
	"is_archived":         {answers(failed("is_archived")), "refused", "is_archived"},
	"msg_blocks_too_long": {answers(failed("msg_blocks_too_long")), "refused", "msg_blocks_too_long"},
	"missing_scope": {
		answers(map[string]any{"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "chat:read"}),
		"refused", "missing_scope: the token needs chat:write",
	},
	"invalid_blocks": {
		answers(map[string]any{"ok": false, "error": "invalid_blocks", "response_metadata": map[string]any{"messages": []string{"[ERROR] too long"}}}),
		"refused", "invalid_blocks: [ERROR] too long",
	},
	"ratelimited":         {answers(failed("ratelimited")), "later, after 0s", "ratelimited"},
	"internal_error":      {answers(failed("internal_error")), "later, after 0s", "internal_error"},
	"fatal_error":         {answers(failed("fatal_error")), "later, after 0s", "fatal_error"},
	"service_unavailable": {answers(failed("service_unavailable")), "later, after 0s", "service_unavailable"},
	"request_timeout":     {answers(failed("request_timeout")), "later, after 0s", "request_timeout"},
	"HTTP 429":            {status(429, "", "Retry-After", "7"), "later, after 7s", "HTTP 429"},
	"HTTP 503":            {status(503, "<html>"), "later, after 0s", "HTTP 503"},
	"HTTP 401":            {status(401, ""), "refused, unauthorised", "HTTP 401"},
	"HTTP 404":            {status(404, ""), "refused", "HTTP 404"},
	"a redirect":          {status(307, "", "Location", "https://slack.com/"), "refused", "HTTP 307"},
	"a portal":            {status(200, "<html>log in</html>"), "unsure", "HTTP 200 without an answer that can be read"},
	"half an answer":      {half, "unsure", "HTTP 200 without an answer that can be read"},
	"hung up":             {hangUp, "unsure", "EOF"},
}

func TestWhatAMethodsAnswersMean(t *testing.T) {
	for name, c := range methodAnswers {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.next(postPath, c.fault)
			_, err := w.bot(t).Send(t.Context(), nth(notify.ActNow, 1, 0), "")
			if kind(err) != c.kind || !strings.HasSuffix(err.Error(), "slack chat.postMessage: "+c.words) {
				t.Errorf("%s: %v\nwant %s: … %s", kind(err), err, c.kind, c.words)
			}
		})
	}
}

func senders(t *testing.T, w *workspace) map[string]notify.Sender {
	t.Helper()
	return map[string]notify.Sender{hookPath: w.webhook(nil), postPath: w.bot(t)}
}

func TestNoAnswerIsUnsure(t *testing.T) {
	w := newWorkspace(t)
	for path, s := range senders(t, w) {
		ctx, giveUp := context.WithCancel(t.Context())
		w.next(path, func(rw http.ResponseWriter, r *http.Request) { giveUp(); stall(rw, r) })
		_, err := s.Send(ctx, nth(notify.ActNow, 1, 0), "")
		giveUp()
		if kind(err) != "unsure" {
			t.Errorf("%s: %s: %v, want unsure", path, kind(err), err)
		}
	}
}

func TestNobodyThereIsForLater(t *testing.T) {
	w := newWorkspace(t)
	all := senders(t, w)
	w.Close()
	for path, s := range all {
		if _, err := s.Send(t.Context(), nth(notify.ActNow, 1, 0), ""); kind(err) != "later, after 0s" {
			t.Errorf("%s: %s: %v, want later", path, kind(err), err)
		}
	}
}

// TestARequestThatIsNotWrittenIsForLater hangs up on whoever greets: the request
// is not written before TLS is agreed on.
func TestARequestThatIsNotWrittenIsForLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	s := NewWebhook(&vault{values: []string{"https://" + l.Addr().String() + hookPath}}, nil)
	if _, err := s.Send(t.Context(), nth(notify.ActNow, 1, 0), ""); kind(err) != "later, after 0s" {
		t.Errorf("%s: %v, want later", kind(err), err)
	}
}

// TestNoRedirectIsFollowed would hand the token to another host.
func TestNoRedirectIsFollowed(t *testing.T) {
	asked := atomic.Bool{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer elsewhere.Close()
	w := newWorkspace(t)
	for path, s := range senders(t, w) {
		w.next(path, status(http.StatusTemporaryRedirect, "", "Location", elsewhere.URL))
		if _, err := s.Send(t.Context(), nth(notify.ActNow, 1, 0), ""); err == nil || asked.Load() {
			t.Errorf("%s: the other host was asked: %t, error %v; want an error and no request", path, asked.Load(), err)
		}
	}
}

func TestAConnectionServesMoreThanOneMessage(t *testing.T) {
	opened := atomic.Int32{}
	w := &workspace{faults: map[string][]http.HandlerFunc{}}
	w.Server = httptest.NewUnstartedServer(w)
	w.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	w.Start()
	defer w.Close()
	b := w.bot(t)
	first := deliver(t, b, sample(notify.ActNow), "")
	deliver(t, b, sample(notify.ActNow), first)
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for three requests, want 1", n)
	}
}

func TestASecretThatCannotBeFetched(t *testing.T) {
	bot, err := NewBot(&vault{values: []string{""}, err: errors.New("no access")}, channel, API, nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]notify.Sender{
		"slack webhook: no access": NewWebhook(&vault{values: []string{""}, err: errors.New("no access")}, nil),
		"slack bot: no access":     bot,
	} {
		if _, err := s.Send(t.Context(), nth(notify.ActNow, 1, 0), ""); kind(err) != "other" || err.Error() != want {
			t.Errorf("%s: %v, want other: %s", kind(err), err, want)
		}
	}
}

// TestNoErrorHasTheSecret meets every fault of the tables above, and a server
// that repeats what it was sent.
func TestNoErrorHasTheSecret(t *testing.T) {
	echo := func(rw http.ResponseWriter, r *http.Request) {
		say(rw, failed(r.Header.Get("Authorization")+" "+r.URL.Path))
	}
	secrets := map[string]string{hookPath: "hook-of-the-channel", postPath: goodToken}
	faults := map[string]http.HandlerFunc{"echo": echo, "stall": stall}
	for name, c := range hookAnswers {
		faults["webhook "+name] = c.fault
	}
	for name, c := range methodAnswers {
		faults["method "+name] = c.fault
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			for path, s := range senders(t, w) {
				w.next(path, fault)
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				_, err := s.Send(ctx, nth(notify.ActNow, 1, 0), "")
				cancel()
				tellsNo(t, err, secrets[path])
			}
		})
	}
}

func TestASecretOfAnotherFormIsNotRepeated(t *testing.T) {
	for _, secret := range []string{"hunter2", "http://example.com/hunter2", "https://", "https://a b/hunter2", "https://[::1/hunter2", "xoxb hunter2", "xoxb-hunter2\nx"} {
		t.Run(secret, func(t *testing.T) {
			w := newWorkspace(t)
			for _, s := range []notify.Sender{NewWebhook(&vault{values: []string{secret}}, nil), w.bot(t, secret)} {
				_, err := s.Send(t.Context(), nth(notify.ActNow, 1, 0), "")
				if kind(err) != "refused, unauthorised" {
					t.Errorf("%s: %v, want refused, unauthorised", kind(err), err)
				}
				tellsNo(t, err, "hunter2")
			}
		})
	}
}

// tellsNo looks into every error that is wrapped.
func tellsNo(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, s := range secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("the error has the secret: %v", err)
		}
	}
	switch e := err.(type) { //nolint:errorlint // goes through the tree itself
	case interface{ Unwrap() error }:
		if e.Unwrap() != nil {
			tellsNo(t, e.Unwrap(), secrets...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			tellsNo(t, inner, secrets...)
		}
	}
}

// A template that fails when it is used is told of, and the message still comes.
func TestATemplateThatFailsDoesNotKeepTheMessageBack(t *testing.T) {
	broken, err := notify.ParseTemplate("ours", "one\n{{index .Facts 7}}")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkspace(t)
	deliver(t, w.webhook(broken), nth(notify.ActNow, 1, 0), "")
	sees(t, w, ":rotating_light: Action needed: web failed")
	raw, err := json.Marshal(pack(nth(notify.ActNow, 1, 0), broken))
	if err != nil || !strings.Contains(string(raw), "Template not used") || !strings.Contains(string(raw), "ours:2") {
		t.Errorf("the message has not where the template fails, want ours:2 in it: %s, %v", raw, err)
	}
}

package pullfix

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// leak is a way in which a secret could get out.
type leak struct {
	name, side string
	secret     func(*far) string // that is configured; nil is the one that works
	meet       func(*far)        // what the channel meets; nil is nothing
	want       string            // what the log says of it
}

var leaks = []leak{
	{name: "403 that echoes", side: "slack-webhook", meet: hookEchoes(http.StatusForbidden), want: "HTTP 403"},
	{name: "400 that echoes", side: "slack-webhook", meet: hookEchoes(http.StatusBadRequest), want: "HTTP 400"},
	{name: "500 that echoes", side: "slack-webhook", meet: hookEchoes(http.StatusInternalServerError), want: "HTTP 500"},
	{name: "200 that echoes", side: "slack-webhook", meet: hookEchoes(http.StatusOK), want: "HTTP 200, not ok"},
	{name: "the token in small letters as a word", side: "slack-webhook", secret: small, meet: func(f *far) {
		f.hook.meet(answering(http.StatusForbidden, letters))
	}, want: "HTTP 403"},
	{name: "cut", side: "slack-webhook", meet: func(f *far) { f.hook.meet(cut) }, want: "EOF"},
	{name: "redirected", side: "slack-webhook", meet: func(f *far) { f.hook.meet(redirecting) }, want: "HTTP 302"},
	{name: "no HTTP", side: "slack-webhook", meet: func(f *far) { f.hook.meet(echoingRaw("")) }, want: "malformed HTTP response"},
	{name: "nobody there", side: "slack-webhook", secret: func(*far) string { return "http://127.0.0.1:1/services/" + core }, want: "connect"},
	{name: "no such host", side: "slack-webhook", secret: func(*far) string { return "https://hooks.invalid/services/" + core }, want: "hooks.invalid"},
	{name: "no URL", side: "slack-webhook", secret: func(*far) string { return "hooks " + core }, want: "begins with https://"},
	{name: "a URL that cannot be read", side: "slack-webhook", secret: func(*far) string { return "https://127.0.0.1/%zz" + core }, want: "begins with https://"},
	{name: "a URL of two lines", side: "slack-webhook", secret: func(f *far) string { return f.secret + "\n" + core }, want: "begins with https://"},
	{name: "a URL in clear text", side: "slack-webhook", secret: func(*far) string { return "http://hooks.example.com/" + core }, want: "begins with https://"},
	{name: "a token for a URL", side: "slack-webhook", secret: func(*far) string { return "xoxb-" + core }, want: "begins with https://"},

	{name: "403 that echoes", side: "slack", meet: botEchoes(http.StatusForbidden, "%s"), want: "HTTP 403"},
	{name: "500 that echoes", side: "slack", meet: botEchoes(http.StatusInternalServerError, "%s"), want: "HTTP 500"},
	{name: "200 that echoes", side: "slack", meet: botEchoes(http.StatusOK, "%s"), want: "HTTP 200 without an answer"},
	{name: "an error that echoes", side: "slack", meet: botEchoes(http.StatusOK, `{"ok":false,"error":"bad %s"}`), want: "bad "},
	{name: "a need that echoes", side: "slack", meet: botEchoes(http.StatusOK, `{"ok":false,"error":"missing_scope","needed":"%s"}`), want: "missing_scope"},
	{name: "details that echo", side: "slack", meet: botEchoes(http.StatusOK, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["%s"]}}`), want: "invalid_blocks"},
	{name: "cut", side: "slack", meet: func(f *far) { f.bot.meet(cut) }, want: "EOF"},
	{name: "no HTTP", side: "slack", meet: func(f *far) { f.bot.meet(echoingRaw("")) }, want: "malformed HTTP response"},
	{name: "revoked", side: "slack", meet: func(f *far) { f.bot.replace("xoxb-another") }, want: "invalid_auth"},
	{name: "no token", side: "slack", secret: func(*far) string { return "Bearer " + core }, want: "begins with xox"},
	{name: "a token of two lines", side: "slack", secret: func(*far) string { return "xoxb-" + core + "\nX: y" }, want: "begins with xox"},

	{name: "wrong password", side: "email", meet: func(f *far) { f.office.replace("another") }, want: "535"},
	{name: "wrong password that is echoed", side: "email", meet: func(f *far) {
		f.office.meet(&mailFault{password: func(p string) error { return &smtp.SMTPError{Code: 535, Message: "wrong: " + p} }})
	}, want: "535"},
	{name: "password echoed for now", side: "email", meet: func(f *far) {
		f.office.meet(&mailFault{password: func(p string) error {
			return &smtp.SMTPError{Code: 454, Message: "later: " + base64.StdEncoding.EncodeToString([]byte("\x00pullfix\x00"+p))}
		}})
	}, want: "454"},
	{name: "550 that echoes", side: "email", meet: func(f *far) {
		f.office.meet(&mailFault{end: &smtp.SMTPError{Code: 550, Message: "spam of " + core}})
	}, want: "550"},
	{name: "cut", side: "email", meet: func(f *far) { f.office.meet(&mailFault{cut: true}) }, want: "end of DATA"},
	{name: "a password of two lines", side: "email", secret: func(*far) string { return core + "\r\nRSET\r\n" + core }, want: "email: "},
}

// letters is a token that looks like one of Slack's words.
const letters = "notaword_nowword_nevaword"

func small(f *far) string { return strings.TrimSuffix(f.secret, core) + letters }

// longLeaks have the secret behind so much that somewhere within it is where a
// long text is cut.
func longLeaks() (all []leak) {
	for n := 150; n < 310; n += 10 {
		before, name := strings.Repeat("x", n), fmt.Sprintf(", %d letters later", n)
		all = append(all,
			leak{name: "no HTTP" + name, side: "slack-webhook", meet: func(f *far) { f.hook.meet(echoingRaw(before)) }, want: "malformed HTTP response"},
			leak{name: "no HTTP" + name, side: "slack", meet: func(f *far) { f.bot.meet(echoingRaw(before)) }, want: "malformed HTTP response"},
			leak{name: "an error that echoes" + name, side: "slack", meet: botEchoes(http.StatusOK, `{"ok":false,"error":"`+before+`%s"}`), want: "xxx"},
		)
	}
	return all
}

func hookEchoes(status int) func(*far) {
	return func(f *far) {
		f.hook.meet(func(w http.ResponseWriter, r *http.Request) { answering(status, r.URL.Path)(w, r) })
	}
}

func botEchoes(status int, form string) func(*far) {
	return func(f *far) {
		f.bot.meet(func(w http.ResponseWriter, r *http.Request) {
			answering(status, fmt.Sprintf(form, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))(w, r)
		})
	}
}

func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func redirecting(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/moved"+r.URL.Path, http.StatusFound)
}

// echoingRaw answers with what is no HTTP and holds what the request did.
func echoingRaw(before string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintf(conn, "%s%s%s\r\n\r\n", before, r.URL.Path, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		_ = conn.(*net.TCPConn).Close()
	}
}

// TestTellingShowsNoSecret has a channel fail in every way, with its secret in
// the environment and in Secret Manager. Nothing of the secret is in the log,
// in a record, or in what the other channel is told.
func TestTellingShowsNoSecret(t *testing.T) {
	for _, l := range append(longLeaks(), leaks...) {
		for _, where := range []string{"environment", "Secret Manager"} {
			t.Run(l.side+", "+l.name+", "+where, func(t *testing.T) {
				t.Parallel()
				f, other := farSides[l.side](t), newSlackServer(t, "")
				s, entry := leakStage(t, l, f, where, other)
				if l.meet != nil {
					l.meet(f)
				}
				status := s.send(t, "1", "binary", entry)
				if got := s.log.String(); !strings.Contains(got, l.want) || !strings.Contains(got, `channel \"team\"`) && !strings.Contains(got, `"channel":"team"`) {
					t.Errorf("the log lacks %q of the channel, so that it is not known what the fault did:\n%s", l.want, got)
				}
				if other.count() != 1 {
					t.Errorf("the other channel was told %d times, want once", other.count())
				}
				for name, text := range map[string]string{"log": s.log.String(), "record": fmt.Sprint(s.cloud.Entries()), "message": other.told()} {
					for _, shown := range shownOf(text) {
						t.Errorf("with answer %d, %q of the secret is in the %s:\n%s", status, shown, name, around(text, shown))
					}
				}
			})
		}
	}
}

func leakStage(t *testing.T, l leak, f *far, where string, other *slackServer) (*stage, []byte) {
	t.Helper()
	story, entry := load(t, "not-allowed")
	secret := f.secret
	if l.secret != nil {
		secret = l.secret(f)
	}
	if where == "environment" {
		story = withFar(story, f, "env:TEAM", other)
		cloud, address := emulatortest.Start(t, section(story, "seed.yaml"))
		return stageWith(t, story, cloud, address, map[string]string{"TEAM": secret}), entry
	}
	story = withFar(story, f, teamSecret+"/versions/latest", other)
	story = withSeedOnly(story, fmt.Sprintf("secrets:\n  - {name: %s, value: %q}\n", teamSecret, secret))
	return newStage(t, story), entry
}

// withSeedOnly returns the story with lines added to its seed.
func withSeedOnly(story *txtar.Archive, lines string) *txtar.Archive {
	env := section(story, "env")
	return withEnv(withSeed(story, lines), env)
}

// enough is how many characters of a secret in a row say something of it.
const enough = 6

// shownOf returns the parts of the secrets that a text has, in any spelling.
func shownOf(text string) []string {
	var shown []string
	encode := base64.StdEncoding.EncodeToString
	for _, secret := range []string{core, letters, encode([]byte(core)), encode([]byte("\x00pullfix\x00" + core))} {
		for i := range len(secret) - enough + 1 {
			if part := secret[i : i+enough]; strings.Contains(strings.ToLower(text), strings.ToLower(part)) {
				shown = append(shown, part)
			}
		}
	}
	return shown[:min(len(shown), 1)]
}

func around(text, part string) string {
	at := strings.Index(strings.ToLower(text), strings.ToLower(part))
	return text[max(0, at-200):min(len(text), at+100)]
}

// TestShownOf holds that a secret would be found.
func TestShownOf(t *testing.T) {
	for _, text := range []string{
		"a " + core + " b", "cut off: " + core[:enough], strings.ToUpper(core), "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00pullfix\x00"+core)),
	} {
		if len(shownOf(text)) == 0 {
			t.Errorf("%q is taken for a text without the secret", text)
		}
	}
	if got := shownOf("HTTP 403: invalid_token of channel team"); len(got) != 0 {
		t.Errorf("got %q in a text without the secret", got)
	}
}

package email

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/notify"
)

// failure is what ended a conversation.
type failure struct {
	step  string
	err   error
	sent  bool // the end of the mail was sent
	final bool // another try would end in the same way
}

func (f *failure) Error() string { return f.step + ": " + f.err.Error() }

// judge says what a failure means to the caller.
type judge struct {
	server string
	secret secret
}

// unauthorised are the replies that speak of the user or the password
// (https://www.rfc-editor.org/rfc/rfc4954#section-6).
var unauthorised = []int{530, 534, 535}

// class gives an error the class that [notify.Sender] documents. The text of
// what the server said is kept, the error itself is not: it may hold the
// password. What is no failure of the conversation is about the mail's text,
// and will be met again.
func (j judge) class(ctx context.Context, err error) error {
	f, reply := (*failure)(nil), (*textproto.Error)(nil)
	if !errors.As(err, &f) {
		return &notify.RefusedError{Err: err}
	}
	answered := errors.As(f.err, &reply)
	err = fmt.Errorf("email: %s: %s: %s", j.server, f.step, j.text(ctx, f.err))
	switch {
	case answered && reply.Code >= 500:
		return &notify.RefusedError{Unauthorised: slices.Contains(unauthorised, reply.Code), Err: err}
	case f.sent && !answered:
		return notify.Unsure(err)
	case f.final || untrusted(f.err):
		return &notify.RefusedError{Err: err}
	default:
		return &notify.LaterError{Err: err}
	}
}

// untrusted reports whether TLS does not hold with this server at this port.
func untrusted(err error) bool {
	certificate, header := (*tls.CertificateVerificationError)(nil), tls.RecordHeaderError{}
	return errors.As(err, &certificate) || errors.As(err, &header)
}

// text is an error in words without the password.
func (j judge) text(ctx context.Context, err error) string {
	if reply := (*textproto.Error)(nil); errors.As(err, &reply) {
		return j.reply(reply)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx).Error() // the connection was closed for that
	}
	return j.secret.redact(err.Error())
}

func (j judge) reply(r *textproto.Error) string {
	return fmt.Sprintf("%d %s", r.Code, j.secret.redact(oneLine(r.Msg, longestReply)))
}

const longestReply = 300

// reasons says in words whom the mail is not taken for and why.
func (j judge) reasons(untaken []refusal) []string {
	var all []string
	for _, r := range untaken {
		all = append(all, r.address+": "+j.reply(r.err))
	}
	return all
}

// secret is every spelling in which a server is told the password, in lower
// case.
type secret []string

func newSecret(user, password string) secret {
	if password == "" {
		return nil
	}
	encode := base64.StdEncoding.EncodeToString
	var s secret
	for _, spelling := range []string{password, encode([]byte(password)), encode([]byte("\x00" + user + "\x00" + password))} {
		s = append(s, strings.ToLower(spelling))
	}
	return s
}

// echo is how many characters of the password in a row a server's text may not
// have.
const echo = 4

// redact hides a text that repeats the password, be it cut or broken into lines.
func (s secret) redact(text string) string {
	lower := strings.ToLower(text)
	for _, spelling := range s {
		n := min(len(spelling), echo)
		for i := range len(spelling) - n + 1 {
			if strings.Contains(lower, spelling[i:i+n]) {
				return "[redacted]"
			}
		}
	}
	return text
}

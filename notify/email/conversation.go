package email

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// open begins the conversation: greeting, hello and TLS.
func (s *Sender) open(conn net.Conn) (*smtp.Client, error) {
	hello := literal(conn.LocalAddr())
	if s.server.implicit {
		conn = tls.Client(conn, s.tls)
	}
	c, err := smtp.NewClient(conn, s.server.host)
	if err != nil {
		return nil, &failure{step: "greeting", err: err}
	}
	c.SkipSMTPUTF8(true) // the addresses are ASCII: no relay behind the server needs it
	if err := c.Hello(hello); err != nil {
		return nil, &failure{step: "EHLO", err: err}
	}
	if s.server.implicit {
		return c, nil
	}
	return c, s.startTLS(c)
}

// literal names this machine as a client without a name does
// (https://www.rfc-editor.org/rfc/rfc5321#section-4.1.3).
func literal(local net.Addr) string {
	at, err := netip.ParseAddrPort(local.String())
	switch ip := at.Addr().Unmap().WithZone(""); {
	case err != nil:
		return "localhost"
	case ip.Is6():
		return "[IPv6:" + ip.String() + "]"
	default:
		return "[" + ip.String() + "]"
	}
}

var errNoTLS = errors.New("the server offers no STARTTLS: a mail is not sent in clear text beyond this machine")

func (s *Sender) startTLS(c *smtp.Client) error {
	switch offered, _ := c.Extension("STARTTLS"); {
	case offered:
		if err := c.StartTLS(s.tls); err != nil {
			return &failure{step: "STARTTLS", err: err}
		}
	case !s.server.loopback():
		return &failure{step: "EHLO", err: errNoTLS, final: true}
	}
	return nil
}

// authenticate does nothing where the server wants no user. What it does in
// clear text, it does on this machine alone.
func (s *Sender) authenticate(c *smtp.Client, password string) error {
	if s.server.user == "" {
		return nil
	}
	_, offered := c.Extension("AUTH")
	auth := s.mechanism(strings.Fields(offered), password)
	if auth == nil {
		return &failure{step: "AUTH", err: fmt.Errorf("the server offers %q: want one of %q", offered, mechanisms), final: true}
	}
	if err := c.Auth(auth); err != nil {
		return &failure{step: "AUTH", err: err}
	}
	return nil
}

// mechanisms are in order of preference. CRAM-MD5 is the last because a server
// can offer it and hold no password that it works with.
var mechanisms = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"}

// mechanism returns nil where the server offers none that is known here.
func (s *Sender) mechanism(offered []string, password string) smtp.Auth {
	user, host, here := s.server.user, s.server.host, s.server.loopback()
	i := slices.IndexFunc(mechanisms, func(m string) bool { return slices.Contains(offered, m) })
	if i < 0 {
		return nil
	}
	return map[string]smtp.Auth{
		"SCRAM-SHA-256": smtp.ScramSHA256Auth(user, password),
		"SCRAM-SHA-1":   smtp.ScramSHA1Auth(user, password),
		"PLAIN":         smtp.PlainAuth("", user, password, host, here),
		"LOGIN":         smtp.LoginAuth(user, password, host, here),
		"CRAM-MD5":      smtp.CRAMMD5Auth(user, password),
	}[mechanisms[i]]
}

// refusal is one recipient's.
type refusal struct {
	address string
	err     *textproto.Error
}

// address names the sender and the recipients, and returns those whom the
// server takes no mail for. It is an error where these are all.
func (s *Sender) address(c *smtp.Client) (untaken []refusal, err error) {
	if err := c.Mail(path(s.envelope.from)); err != nil {
		return nil, &failure{step: "MAIL FROM:" + path(s.envelope.from), err: err}
	}
	for _, to := range s.envelope.to {
		err := c.Rcpt(path(to))
		reply := (*textproto.Error)(nil)
		switch {
		case errors.As(err, &reply):
			untaken = append(untaken, refusal{to.Address, reply})
		case err != nil:
			return nil, &failure{step: "RCPT TO:" + path(to), err: err}
		}
	}
	if len(untaken) < len(s.envelope.to) {
		return untaken, nil
	}
	worst := untaken[max(0, slices.IndexFunc(untaken, refusal.passing))]
	return nil, &failure{step: "RCPT TO:<" + worst.address + ">", err: worst.err}
}

// passing reports whether another try may be met otherwise.
func (r refusal) passing() bool { return r.err.Code < 500 }

// transmit sends the mail itself. A server that has not got the end of it has
// no mail, and may say so before the end.
func transmit(c *smtp.Client, mail []byte) error {
	w, err := c.Data()
	if err != nil {
		return &failure{step: "DATA", err: err}
	}
	_, _ = w.Write(mail) // what could not be written cannot be flushed either
	err = w.Close()
	unwritten := c.Text.W.Flush()
	switch reply := (*textproto.Error)(nil); {
	case err == nil:
		return nil
	case unwritten != nil && !errors.As(err, &reply):
		return &failure{step: "DATA", err: unwritten}
	default:
		return &failure{step: "end of DATA", err: err, sent: true}
	}
}

// longestQuit is what good manners may take once the mail is handed in.
const longestQuit = time.Second

func leave(c *smtp.Client) {
	if err := c.UpdateDeadline(longestQuit); err == nil {
		_ = c.Quit() // the mail is the server's already
	}
}

package email

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/notify"
)

// The classes of an error.
const (
	refusedError      = "refused"
	unauthorisedError = "refused as unauthorised"
	laterError        = "later"
	unsureError       = "unsure"
)

func classOf(err error) string {
	refused, later := (*notify.RefusedError)(nil), (*notify.LaterError)(nil)
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, notify.ErrUnsure):
		return unsureError
	case errors.As(err, &refused) && refused.Unauthorised:
		return unauthorisedError
	case refused != nil:
		return refusedError
	case errors.As(err, &later):
		return laterError
	default:
		return "another"
	}
}

// wantClass wants an error of a class that says something.
func wantClass(t *testing.T, err error, class, says string) {
	t.Helper()
	if got := classOf(err); got != class || !strings.Contains(err.Error(), says) {
		t.Errorf("the error is %q (%v), want %q, with %q", got, err, class, says)
	}
}

// TestEveryRefusal has the server say no at every step.
func TestEveryRefusal(t *testing.T) {
	no := func(code int) *smtp.SMTPError { return &smtp.SMTPError{Code: code, Message: "no"} }
	for name, c := range map[string]struct {
		office *office
		want   string
		says   string
	}{
		"EHLO, for good":      {&office{hello: no(550)}, refusedError, "EHLO: 550 "},
		"EHLO, for now":       {&office{hello: no(421)}, laterError, "EHLO: 421 "},
		"MAIL, for good":      {&office{from: no(553)}, refusedError, "MAIL FROM:<alerts@ops.example.com>: 553 "},
		"MAIL, for now":       {&office{from: no(451)}, laterError, "MAIL FROM:<alerts@ops.example.com>: 451 "},
		"MAIL, without AUTH":  {&office{from: no(530)}, unauthorisedError, "530 "},
		"RCPT, for good":      {&office{refuse: map[string]error{"ana@example.com": no(550)}}, refusedError, "RCPT TO:<ana@example.com>: 550 "},
		"RCPT, for now":       {&office{refuse: map[string]error{"ana@example.com": no(450)}}, laterError, "RCPT TO:<ana@example.com>: 450 "},
		"the mail, for good":  {&office{end: no(554)}, refusedError, "end of DATA: 554 "},
		"the mail, for now":   {&office{end: no(452)}, laterError, "end of DATA: 452 "},
		"a full mailbox":      {&office{end: no(552)}, refusedError, "end of DATA: 552 "},
		"too much, going off": {&office{end: no(421)}, laterError, "end of DATA: 421 "},
	} {
		t.Run(name, func(t *testing.T) {
			err := send(t, newSender(t, options("smtp://"+c.office.open(t))), sample(notify.ActNow))
			wantClass(t, err, c.want, c.says)
			if n := len(c.office.taken()); n != 0 {
				t.Errorf("the server has %d mails, want none", n)
			}
		})
	}
}

func TestOneRecipientForNowIsLater(t *testing.T) {
	o := &office{refuse: map[string]error{
		"ana@example.com": &smtp.SMTPError{Code: 550, Message: "no"}, "bo@example.com": &smtp.SMTPError{Code: 450, Message: "busy"},
	}}
	settings := options("smtp://" + o.open(t))
	settings.To = []string{"ana@example.com", "bo@example.com"}
	wantClass(t, send(t, newSender(t, settings), sample(notify.ActNow)), laterError, "RCPT TO:<bo@example.com>: 450 ")
}

func TestEveryRefusalOfAPassword(t *testing.T) {
	for code, want := range map[int]string{535: unauthorisedError, 534: unauthorisedError, 530: unauthorisedError, 454: laterError, 504: refusedError} {
		o := &office{passwords: map[string]string{}, mechanisms: []string{"PLAIN"}, wrong: &smtp.SMTPError{Code: code, Message: "no"}}
		settings := options("smtp://alerts@" + o.open(t))
		settings.Password = &vault{passwords: []string{password}}
		wantClass(t, send(t, newSender(t, settings), sample(notify.ActNow)), want, "AUTH: ")
	}
}

func TestNoMechanismInCommonIsARefusal(t *testing.T) {
	o := &office{passwords: map[string]string{"alerts": password}, mechanisms: []string{"GSSAPI"}}
	settings := options("smtp://alerts@" + o.open(t))
	settings.Password = &vault{passwords: []string{password}}
	wantClass(t, send(t, newSender(t, settings), sample(notify.ActNow)), refusedError, `AUTH: the server offers "GSSAPI": want one of `)
}

// tries have no patience.
var tries = notify.Tries{
	Timeout: 5 * time.Second, Attempts: 3,
	Backoff: gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond, Multiplier: 1},
}

func TestGreylistedMailArrivesInTheEnd(t *testing.T) {
	o := &office{greylist: true}
	if _, err := notify.Deliver(t.Context(), newSender(t, options("smtp://"+o.open(t))), tries, sample(notify.ActNow), ""); err != nil {
		t.Fatal(err)
	}
	only(t, o)
}

func TestReplacedPasswordIsFetched(t *testing.T) {
	o := &office{passwords: map[string]string{"alerts": password}, mechanisms: []string{"LOGIN", "PLAIN"}}
	settings := options("smtp://alerts@" + o.open(t))
	settings.Password = &vault{passwords: []string{"the-old-one", password}}
	if _, err := notify.Deliver(t.Context(), newSender(t, settings), tries, sample(notify.ActNow), ""); err != nil {
		t.Fatal(err)
	}
	only(t, o)
}

func TestClearTextStaysOnThisMachine(t *testing.T) {
	o := &office{passwords: map[string]string{"alerts": password}, mechanisms: []string{"PLAIN"}}
	settings := options("smtp://alerts@mail.example.com")
	settings.Password = &vault{passwords: []string{password}}
	err := send(t, atHost(newSender(t, settings), o.open(t)), sample(notify.ActNow))
	wantClass(t, err, refusedError, "the server offers no STARTTLS")
	if spoken := o.spoken.String(); strings.Contains(spoken, "AUTH PLAIN A") || strings.Contains(spoken, "MAIL") {
		t.Errorf("the client went on: %s", spoken)
	}
}

func TestUntrustedServersGetNothing(t *testing.T) {
	_, stranger := certify(t, "mail.example.com")
	for name, c := range map[string]struct {
		host  string // in the certificate
		edit  func(*Options)
		class string
	}{
		"another authority":            {"mail.example.com", func(o *Options) { o.Roots = stranger }, refusedError},
		"another host":                 {"mail.example.org", func(*Options) {}, refusedError},
		"the system's authorities":     {"mail.example.com", func(o *Options) { o.Roots = nil }, refusedError},
		"smtps where TLS begins later": {"mail.example.com", func(o *Options) { o.Server = "smtps://mail.example.com" }, refusedError},
	} {
		t.Run(name, func(t *testing.T) {
			o := &office{}
			settings := options("smtp://mail.example.com")
			o.certificate, settings.Roots = certify(t, c.host)
			c.edit(&settings)
			err := send(t, atHost(newSender(t, settings), o.open(t)), sample(notify.ActNow))
			wantClass(t, err, c.class, "tls: ")
			if len(o.taken()) != 0 {
				t.Error("the server has a mail, want none")
			}
		})
	}
}

func TestOldTLSIsNotSpoken(t *testing.T) {
	certificate, roots := certify(t, "127.0.0.1")
	old := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	serve(old, func(conn net.Conn) { fmt.Fprint(conn, "220 mail.example.com\r\n") })
	settings := options("smtps://" + old.Addr().String())
	settings.Roots = roots
	wantClass(t, send(t, newSender(t, settings), sample(notify.ActNow)), laterError, "protocol version")
}

// serve answers one connection after the other until the listener closes.
func serve(l net.Listener, answer func(net.Conn)) {
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			answer(conn)
			_ = conn.Close()
		}
	}()
}

// TestBrokenConnections cuts and holds connections at every moment.
func TestBrokenConnections(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(net.Conn, context.CancelFunc)
		want   string
	}{
		"closes at once":           {greets(""), laterError},
		"is no mail server":        {greets("SSH-2.0-OpenSSH_9.2\r\n"), laterError},
		"is closed":                {greets("554 no mail here\r\n"), refusedError},
		"is busy":                  {greets("421 too busy\r\n"), laterError},
		"says nothing":             {script(), laterError},
		"says nothing to EHLO":     {script("220 hi"), laterError},
		"says nothing to MAIL":     {script("220 hi", "250 hi"), laterError},
		"says nothing to RCPT":     {script("220 hi", "250 hi", "250 ok"), laterError},
		"says nothing to DATA":     {script("220 hi", "250 hi", "250 ok", "250 ok"), laterError},
		"says nothing to the mail": {script("220 hi", "250 hi", "250 ok", "250 ok", "354 go on"), unsureError},
		"says nothing to QUIT":     {script("220 hi", "250 hi", "250 ok", "250 ok", "354 go on", "250 ok"), "none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			serve(l, func(conn net.Conn) { c.answer(conn, giveUp) })
			_, err := newSender(t, options("smtp://"+l.Addr().String())).Send(ctx, sample(notify.ActNow), "")
			if got := classOf(err); got != c.want {
				t.Errorf("the error is %q (%v), want %q", got, err, c.want)
			}
			if ended := ctx.Err(); err != nil && ended != nil && !strings.HasSuffix(err.Error(), ended.Error()) {
				t.Errorf("the error is %v, want that the context has ended it", err)
			}
		})
	}
}

// greets says a text and closes.
func greets(text string) func(net.Conn, context.CancelFunc) {
	return func(conn net.Conn, _ context.CancelFunc) { fmt.Fprint(conn, text) }
}

// script says its lines one by one, the first at once and each further one to
// a command or a whole mail, and then nothing more. When it has heard what it
// does not answer, who waits gives up.
func script(lines ...string) func(net.Conn, context.CancelFunc) {
	return func(conn net.Conn, giveUp context.CancelFunc) {
		in := bufio.NewReader(conn)
		for _, line := range lines {
			fmt.Fprint(conn, line+"\r\n")
			heard(in, strings.HasPrefix(line, "354"))
		}
		giveUp()
		_, _ = io.Copy(io.Discard, in)
	}
}

func heard(in *bufio.Reader, mail bool) {
	for {
		if line, err := in.ReadString('\n'); err != nil || !mail || line == ".\r\n" {
			return
		}
	}
}

func TestCutAfterTheEndIsUnsure(t *testing.T) {
	o := &office{read: func(c *smtp.Conn) { _ = c.Conn().Close() }}
	wantClass(t, send(t, newSender(t, options("smtp://"+o.open(t))), sample(notify.ActNow)), unsureError, "end of DATA")
}

func TestHeldAfterTheEndIsUnsure(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	o := &office{read: func(*smtp.Conn) { giveUp(); <-t.Context().Done() }}
	_, err := newSender(t, options("smtp://"+o.open(t))).Send(ctx, sample(notify.ActNow), "")
	wantClass(t, err, unsureError, "context canceled")
}

// cutWire breaks when that many bytes have been written.
type cutWire struct {
	net.Conn
	left int
}

func (c *cutWire) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		_ = c.Close()
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Write(p)
}

// A mail of which a part is missing is no mail, wherever the part begins.
func TestCutBeforeTheEndIsLater(t *testing.T) {
	o := &office{}
	address := o.open(t)
	for left := 0; left < 100_000; left += 1_500 {
		s := newSender(t, options("smtp://"+address))
		s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return &cutWire{conn, left}, err
		}
		err := send(t, s, sample(notify.ActNow))
		if len(o.taken()) > 0 {
			if err != nil || left < 3_000 {
				t.Errorf("with %d bytes: %v, want a mail to be longer", left, err)
			}
			return
		}
		wantClass(t, err, laterError, ": io: read/write on closed pipe")
	}
	t.Error("the mail never arrives, want it shorter than 100 kB")
}

// What the server says while a mail is under way counts more than that it
// listens no longer.
func TestRefusalBeforeTheEndIsARefusal(t *testing.T) {
	l := listen(t)
	answer := script("220 hi", "250 hi", "250 ok", "250 ok", "354 go on\r\n552 too big")
	serve(l, func(conn net.Conn) { answer(conn, func() {}) })
	s := newSender(t, options("smtp://"+l.Addr().String()))
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &cutWire{conn, 1_000}, err
	}
	wantClass(t, send(t, s, sample(notify.ActNow)), refusedError, "end of DATA: 552 too big")
}

// TestNothingToldIsThePassword has servers repeat what they were told.
func TestNothingToldIsThePassword(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00alerts\x00" + password))
	for name, o := range map[string]*office{
		"AUTH":           {passwords: map[string]string{}, echo: true},
		"in small parts": {passwords: map[string]string{}, wrong: &smtp.SMTPError{Code: 535, Message: "not " + plain[:20] + " " + plain[20:]}},
		"one part":       {passwords: map[string]string{}, wrong: &smtp.SMTPError{Code: 535, Message: "not " + password[:5] + "…"}},
		"in capitals":    {passwords: map[string]string{}, wrong: &smtp.SMTPError{Code: 500, Message: strings.ToUpper(plain) + "?"}},
		"later":          {passwords: map[string]string{"alerts": password}, end: &smtp.SMTPError{Code: 554, Message: "not from " + password}},
	} {
		for _, mechanism := range []string{"PLAIN", "LOGIN"} {
			t.Run(name+" "+mechanism, func(t *testing.T) {
				o := &office{passwords: o.passwords, echo: o.echo, wrong: o.wrong, end: o.end, mechanisms: []string{mechanism}}
				settings := options("smtp://alerts@" + o.open(t))
				settings.Password = &vault{passwords: []string{password}}
				err := send(t, newSender(t, settings), sample(notify.ActNow))
				if err == nil || !strings.HasSuffix(err.Error(), " [redacted]") {
					t.Errorf("got %v, want what the server said to be redacted", err)
				}
				for ; err != nil; err = errors.Unwrap(err) {
					wantNoPassword(t, err.Error())
				}
			})
		}
	}
}

func wantNoPassword(t *testing.T, text string) {
	t.Helper()
	for _, spelling := range []string{password, base64.StdEncoding.EncodeToString([]byte(password)), base64.StdEncoding.EncodeToString([]byte("\x00alerts\x00" + password))} {
		if strings.Contains(text, spelling) || strings.Contains(text, spelling[len(spelling)-6:]) {
			t.Errorf("the password is in %q", text)
		}
	}
}

// A mail to one recipient says what the server said of another.
func TestNoMailHasThePassword(t *testing.T) {
	o := &office{
		passwords: map[string]string{"alerts": password}, mechanisms: []string{"PLAIN"},
		refuse: map[string]error{"bo@example.com": &smtp.SMTPError{Code: 550, Message: "I know " + password}},
	}
	settings := options("smtp://alerts@" + o.open(t))
	settings.Password, settings.To = &vault{passwords: []string{password}}, []string{"ana@example.com", "bo@example.com"}
	if err := send(t, newSender(t, settings), sample(notify.ActNow)); err != nil {
		t.Fatal(err)
	}
	got, l := only(t, o)
	wantNoPassword(t, string(got.wire)+l.text+l.html)
}

func TestPasswordThatCannotBeFetchedIsAnError(t *testing.T) {
	settings := options("smtp://alerts@127.0.0.1:1")
	settings.Password = lost{}
	wantClass(t, send(t, newSender(t, settings), sample(notify.ActNow)), "another", "email: password: no permission")
}

type lost struct{}

func (lost) Get(context.Context) (string, error) { return "", errors.New("no permission") }
func (lost) Forget()                             {}

func TestServerThatIsNotThereIsLater(t *testing.T) {
	l := listen(t)
	address := l.Addr().String()
	l.Close()
	wantClass(t, send(t, newSender(t, options("smtp://"+address)), sample(notify.ActNow)), laterError, "connect: ")
}

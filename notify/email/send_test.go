package email

import (
	"context"
	"crypto/x509"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/notify"
)

// vault holds a password, and behind it those that replace it.
type vault struct {
	passwords []string
	forgotten bool
}

func (v *vault) Get(context.Context) (string, error) {
	if v.forgotten && len(v.passwords) > 1 {
		v.passwords = v.passwords[1:]
	}
	v.forgotten = false
	return v.passwords[0], nil
}

func (v *vault) Forget() { v.forgotten = true }

const password = "Zq7-kW9_xB2+"

func options(server string) Options {
	return Options{Server: server, From: "pullfix <alerts@ops.example.com>", To: []string{"ana@example.com"}, List: "night"}
}

func newSender(t *testing.T, o Options) *Sender {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// atHost sends to an address what is meant for a host of another name.
func atHost(s *Sender, address string) *Sender {
	s.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return s
}

func send(t *testing.T, s *Sender, m notify.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := s.Send(ctx, m, "")
	return err
}

// letter is a mail as its reader's program takes it apart.
type letter struct {
	header     mail.Header
	text, html string
}

func only(t *testing.T, o *office) (delivered, letter) {
	t.Helper()
	mails := o.taken()
	if len(mails) != 1 {
		t.Fatalf("the server has %d mails, want 1", len(mails))
	}
	return mails[0], read(t, mails[0].wire)
}

func read(t *testing.T, wire []byte) letter {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(string(wire)))
	if err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the mail is %q (%v), want multipart/alternative", kind, err)
	}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	return letter{m.Header, nextPart(t, parts, "text/plain"), nextPart(t, parts, "text/html")}
}

func nextPart(t *testing.T, parts *multipart.Reader, want string) string {
	t.Helper()
	p, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if err != nil || kind != want || parameters["charset"] != "UTF-8" || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		t.Fatalf("a part is %v, want %s in UTF-8 and quoted-printable", p.Header, want)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

func decoded(t *testing.T, value string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMailArrives(t *testing.T) {
	o := &office{passwords: map[string]string{"alerts": password}, mechanisms: []string{"PLAIN"}}
	var roots *x509.CertPool
	o.certificate, roots = certify(t, "mail.example.com")
	address := o.open(t)
	settings := options("smtp://alerts@mail.example.com:587")
	settings.Password, settings.Roots = &vault{passwords: []string{password}}, roots
	settings.To = []string{"Ana <ana@example.com>", "bo@example.com"}
	began := time.Now()

	m := sample(notify.ActNow)
	if err := send(t, atHost(newSender(t, settings), address), m); err != nil {
		t.Fatal(err)
	}
	got, l := only(t, o)
	if want := (delivered{from: "alerts@ops.example.com", user: "alerts", to: []string{"ana@example.com", "bo@example.com"}, secure: true, wire: got.wire}); !cmp.Equal(want, got, cmp.AllowUnexported(delivered{})) {
		t.Errorf("the envelope is %+v, want %+v", got, want)
	}
	want := rendered(t, m, nil)
	if diff := cmp.Diff(want, Rendered{decoded(t, l.header.Get("Subject")), l.text, l.html}); diff != "" {
		t.Errorf("the mail is not what Render shows: -want +got\n%s", diff)
	}
	for name, want := range map[string]string{
		"From": `"pullfix" <alerts@ops.example.com>`, "To": `"Ana" <ana@example.com>, <bo@example.com>`,
		"List-Id": "night <night.ops.example.com>", "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "User-Agent": "", "X-Mailer": "",
	} {
		if got := l.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if date, err := l.header.Date(); err != nil || date.Before(began.Truncate(time.Second)) {
		t.Errorf("Date is %v (%v), want when it was sent", date, err)
	}
}

func TestLinesOfAMailAreShort(t *testing.T) {
	o := &office{}
	m := sample(notify.ActNow)
	m.Title, m.Why, m.Gcloud = strings.Repeat("長い ", 400), strings.Repeat("x", 50_000), strings.Repeat(".\n", 9_000)
	if err := send(t, newSender(t, options("smtp://"+o.open(t))), m); err != nil {
		t.Fatal(err)
	}
	got, l := only(t, o)
	for line := range strings.Lines(string(got.wire)) {
		if len(strings.TrimRight(line, "\r\n")) > 998 {
			t.Fatalf("a line of %d bytes, want at most 998: %.80s…", len(line), line)
		}
	}
	if want := rendered(t, m, nil).Text; l.text != want {
		t.Errorf("the text arrived changed: -want +got\n%s", cmp.Diff(want, l.text))
	}
}

func TestMailsOfAProblemAreAThread(t *testing.T) {
	o := &office{}
	s := newSender(t, options("smtp://"+o.open(t)))
	first := sample(notify.Refused)
	repeat, other := first, first
	other.Problem = "p9" // a second one of the same event
	repeat.Event, repeat.Missed, repeat.Count = "evt9", 12, 20
	for _, m := range []notify.Message{first, first, repeat, other} {
		if err := send(t, s, m); err != nil {
			t.Fatal(err)
		}
	}
	var ids, threads, subjects []string
	for _, d := range o.taken() {
		h := read(t, d.wire).header
		ids, threads, subjects = append(ids, h.Get("Message-Id")), append(threads, h.Get("References")), append(subjects, h.Get("Subject"))
		if h.Get("In-Reply-To") != h.Get("References") || !strings.HasSuffix(h.Get("References"), "@ops.example.com>") {
			t.Errorf("In-Reply-To is %q and References %q, want one id of the sender's domain", h.Get("In-Reply-To"), h.Get("References"))
		}
	}
	same := func(what string, all []string, a, b int, want bool) {
		if (all[a] == all[b]) != want {
			t.Errorf("%s of mails %d and %d: %q and %q: want them equal: %t", what, a, b, all[a], all[b], want)
		}
	}
	same("Message-ID", ids, 0, 1, true) // the same event again
	same("Message-ID", ids, 0, 2, false)
	same("References", threads, 0, 2, true)
	same("Subject", subjects, 0, 2, true)
	same("Message-ID", ids, 0, 3, false)
	same("References", threads, 0, 3, false)
	if slices.Contains(ids, threads[0]) {
		t.Errorf("a mail has the id %q, which all mails of the problem refer to", threads[0])
	}
}

func TestEveryMechanism(t *testing.T) {
	for _, mechanism := range mechanisms {
		t.Run(mechanism, func(t *testing.T) {
			o := &office{passwords: map[string]string{"alerts": password}, mechanisms: []string{"NTLM", mechanism}}
			settings := options("smtp://alerts@" + o.open(t))
			settings.Password = &vault{passwords: []string{"wrong"}}
			wantClass(t, send(t, newSender(t, settings), sample(notify.ActNow)), unauthorisedError, "535")
			settings.Password = &vault{passwords: []string{password}}
			if err := send(t, newSender(t, settings), sample(notify.ActNow)); err != nil {
				t.Fatal(err)
			}
			if got, _ := only(t, o); got.user != "alerts" {
				t.Errorf("the mail is from user %q, want alerts", got.user)
			}
		})
	}
}

func TestTLSIsUsedWhereItIsOffered(t *testing.T) {
	for _, scheme := range []string{"smtp", "smtps"} {
		t.Run(scheme, func(t *testing.T) {
			o := &office{implicit: scheme == "smtps"}
			var roots *x509.CertPool
			o.certificate, roots = certify(t, "127.0.0.1")
			settings := options(scheme + "://" + o.open(t))
			settings.Roots = roots
			if err := send(t, newSender(t, settings), sample(notify.ActNow)); err != nil {
				t.Fatal(err)
			}
			if got, _ := only(t, o); !got.secure {
				t.Error("the mail was sent in clear text, want TLS")
			}
		})
	}
}

// Who gets a mail learns whom it was not taken for.
func TestOneBadAddressKeepsNobodyElseFromTheMail(t *testing.T) {
	o := &office{refuse: map[string]error{
		"gone@example.com": &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such <user>"},
	}}
	settings := options("smtp://" + o.open(t))
	settings.To = []string{"gone@example.com", "ana@example.com"}
	if err := send(t, newSender(t, settings), sample(notify.ActNow)); err != nil {
		t.Fatal(err)
	}
	got, l := only(t, o)
	if want := []string{"ana@example.com"}; !slices.Equal(got.to, want) {
		t.Errorf("the mail went to %q, want %q", got.to, want)
	}
	if want := "gone@example.com: 550 5.1.1 No such <user>\n"; !strings.HasSuffix(l.text, want) {
		t.Errorf("the text ends with …%q, want %q", l.text[len(l.text)-100:], want)
	}
	if want := "gone@example.com: 550 5.1.1 No such &lt;user&gt;"; !strings.Contains(l.html, want) {
		t.Errorf("the HTML does not have %q", want)
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	const attack = "web\r\nBcc: eve@evil.example\n\r\n\r\n<b>body</b>"
	o := &office{}
	m := notify.Message{
		Title: attack, Why: attack, Decision: attack, Next: attack, Problem: attack, Event: attack, Kind: attack,
		Facts: []notify.Fact{{Name: attack, Value: attack}}, Links: []notify.Link{{Label: attack, URL: attack}}, Gcloud: attack,
	}
	if err := send(t, newSender(t, options("smtp://"+o.open(t))), m); err != nil {
		t.Fatal(err)
	}
	got, l := only(t, o)
	if len(got.to) != 1 || l.header.Get("Bcc") != "" {
		t.Errorf("the mail goes to %q, with Bcc %q: want the recipient alone", got.to, l.header.Get("Bcc"))
	}
	if got, want := decoded(t, l.header.Get("Subject")), "Action needed: web Bcc: eve@evil.example <b>body</b>"; got != want {
		t.Errorf("the subject is %q, want %q", got, want)
	}
	var names []string
	for name := range textproto.MIMEHeader(l.header) {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "In-Reply-To", "List-Id", "Message-Id", "Mime-Version", "References", "Subject", "To", "X-Auto-Response-Suppress"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("headers: -want +got\n%s", diff)
	}
}

// FuzzMail holds that no text makes a header, and that the subject arrives as
// it is shown.
func FuzzMail(f *testing.F) {
	for _, seed := range []string{"web", "web\r\nBcc: eve@evil.example", "=?utf-8?q?=0D=0ABcc:_eve?=", "\r\n.\r\nMAIL FROM:<>", "東京 " + strings.Repeat("é", 100), "\xff\x00\u202e", strings.Repeat("a b", 400)} {
		f.Add(seed, seed)
	}
	s, err := New(options("smtp://127.0.0.1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, title, value string) {
		m := notify.Message{Title: title, Why: value, Next: value, Facts: []notify.Fact{{Name: title, Value: value}}, Gcloud: value, Problem: title, Event: value}
		wire, err := s.mail(m, []string{value})
		if err != nil {
			t.Fatal(err)
		}
		l, want := read(t, wire), rendered(t, m, nil)
		if len(l.header) != 12 {
			t.Errorf("the mail has the headers %v, want 12", l.header)
		}
		if got := decoded(t, l.header.Get("Subject")); got != want.Subject {
			t.Errorf("the subject arrives as %q, want %q", got, want.Subject)
		}
	})
}

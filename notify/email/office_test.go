package email

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// office is a mail server: it keeps what it takes. Its zero value takes
// everything from everybody in clear text.
type office struct {
	certificate *tls.Certificate // nil for no TLS
	implicit    bool             // TLS begins at once
	passwords   map[string]string
	mechanisms  []string         // what it offers, where it knows passwords
	wrong       *smtp.SMTPError  // what it says of a wrong password; nil for 535
	echo        bool             // it repeats the password in what it says
	hello, from *smtp.SMTPError  // what it says to EHLO and MAIL; nil for yes
	end         *smtp.SMTPError  // what it says to a whole mail; nil for yes
	refuse      map[string]error // what it says to a recipient
	greylist    bool             // it refuses whom it sees for the first time, for now
	reading     func(*smtp.Conn, io.Reader)
	read        func(*smtp.Conn)

	mu     sync.Mutex
	seen   map[string]bool
	mails  []delivered
	spoken lockedBuffer
}

// delivered is a mail that the office has taken.
type delivered struct {
	from, user string
	to         []string
	secure     bool
	wire       []byte
}

// lockedBuffer is what was said on all connections.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open lets the office serve until the test ends, and returns its address.
func (o *office) open(t *testing.T) (address string) {
	t.Helper()
	listener := listen(t)
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		if o.hello != nil {
			return nil, o.hello
		}
		return o.session(c), nil
	}))
	server.Domain, server.AllowInsecureAuth, server.EnableSMTPUTF8 = "mail.example.com", true, true
	server.Debug, server.ErrorLog = &o.spoken, silence{}
	if o.certificate != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*o.certificate}}
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if o.implicit {
			_ = server.Serve(tls.NewListener(listener, server.TLSConfig))
			return
		}
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String()
}

// silence is about connections that a test breaks.
type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func (o *office) taken() []delivered {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.mails)
}

func (o *office) session(c *smtp.Conn) smtp.Session {
	s := &session{office: o, conn: c}
	if o.passwords == nil {
		return s
	}
	return &authSession{s}
}

// session is one connection to the office.
type session struct {
	*office
	conn *smtp.Conn
	mail delivered
}

func (s *session) Reset()        { s.mail.from, s.mail.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, options *smtp.MailOptions) error {
	if s.from != nil {
		return s.from
	}
	if options.UTF8 {
		return &smtp.SMTPError{Code: 550, Message: "the next relay knows no SMTPUTF8"}
	}
	if s.passwords != nil && s.mail.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.mail.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.refuse[to]; err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.greylist && !s.seen[to] {
		s.seen = map[string]bool{to: true}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted, try again"}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	if s.reading != nil {
		s.reading(s.conn, r)
	}
	wire, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.read != nil {
		s.read(s.conn)
	}
	if s.end != nil {
		return s.end
	}
	mail := s.mail
	mail.wire = wire
	_, mail.secure = s.conn.TLSConnectionState()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, mail)
	return nil
}

// authSession is a connection whose client must say who it is.
type authSession struct{ *session }

func (s *authSession) AuthMechanisms() []string { return s.mechanisms }

func (s *authSession) Auth(mechanism string) (sasl.Server, error) {
	return newMechanism(mechanism, s.session)
}

// certify makes an authority and a certificate by it for the hosts.
func certify(t *testing.T, hosts ...string) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(sign(t, authority, authority, key))
	return &tls.Certificate{Certificate: [][]byte{sign(t, leaf, authority, key).Raw}, PrivateKey: key}, roots
}

func sign(t *testing.T, c, by *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

package pullfix

import (
	"bytes"
	"cmp"
	"io"
	"net"
	"net/mail"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer plays a mail server on this machine, with one user.
type mailServer struct {
	url      string // as PULLFIX_SMTP has it
	mu       sync.Mutex
	password string
	fault    *mailFault
	mails    []*mail.Message
}

// mailFault is what goes wrong instead; the zero value is nothing.
type mailFault struct {
	recipient, end error                       // the answers to RCPT and to the whole mail
	password       func(password string) error // the answer to AUTH
	cut            bool                        // the connection ends in place of the answer to the mail
}

func newMailServer(t testing.TB, password string) *mailServer {
	t.Helper()
	s := &mailServer{password: password}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "smtp://pullfix@" + listener.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &mailSession{mailServer: s, conn: c}, nil
	}))
	server.Domain, server.AllowInsecureAuth, server.ErrorLog = "mail.example.com", true, unread{}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return s
}

// unread is the log about connections that a test breaks.
type unread struct{}

func (unread) Printf(string, ...any) {}
func (unread) Println(...any)        {}

// meet has something go wrong from now on; nil ends that.
func (s *mailServer) meet(fault *mailFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *mailServer) replace(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = password
}

func (s *mailServer) now() (mailFault, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		return mailFault{}, s.password
	}
	return *s.fault, s.password
}

func (s *mailServer) taken() []*mail.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

func (s *mailServer) count() int { return len(s.taken()) }

// mailSession is one connection.
type mailSession struct {
	*mailServer
	conn  *smtp.Conn
	known bool
}

func (s *mailSession) Reset()                   {}
func (s *mailSession) Logout() error            { return nil }
func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		fault, right := s.now()
		switch {
		case fault.password != nil:
			return fault.password(password)
		case user != "pullfix" || password != right:
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Authentication credentials invalid"}
		}
		s.known = true
		return nil
	}), nil
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if !s.known {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	return nil
}

func (s *mailSession) Rcpt(string, *smtp.RcptOptions) error {
	fault, _ := s.now()
	return fault.recipient
}

func (s *mailSession) Data(r io.Reader) error {
	fault, _ := s.now()
	wire, err := io.ReadAll(r)
	if fault.cut {
		return s.conn.Conn().Close()
	}
	if err := cmp.Or(err, fault.end); err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(wire))
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: err.Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	return nil
}

package email

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/pullfix/pullfix/notify"
)

// longestSend bounds a caller without a deadline.
const longestSend = time.Minute

// Send hands in one mail for all recipients. Where the server takes it for
// some of them, they get it and it says whom it was not taken for and why, and
// Send returns no error: nobody gets a mail twice because of somebody else's
// address. The error is as [notify.Sender] has it.
//
// What the mail refers to follows from the problem, so that Send needs no
// thread and returns none.
func (s *Sender) Send(ctx context.Context, m notify.Message, _ string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, longestSend)
	defer cancel()
	password, err := s.fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("email: password: %w", err)
	}
	if err := s.handIn(ctx, password, m); err != nil {
		return "", err
	}
	return "", nil
}

func (s *Sender) fetch(ctx context.Context) (string, error) {
	if s.password == nil {
		return "", nil
	}
	return s.password.Get(ctx)
}

// handIn has one conversation with the server. The connection ends with the
// context, whatever the other side does or leaves undone.
func (s *Sender) handIn(ctx context.Context, password string, m notify.Message) error {
	says := judge{server: s.server.address(), secret: newSecret(s.server.user, password)}
	conn, err := s.dial(ctx, "tcp", s.server.address())
	if err != nil {
		return says.class(ctx, &failure{step: "connect", err: err})
	}
	end := func() { _ = conn.Close() }
	defer end()
	defer context.AfterFunc(ctx, end)()
	if err := s.talk(conn, password, m, says); err != nil {
		return says.class(ctx, err)
	}
	return nil
}

func (s *Sender) talk(conn net.Conn, password string, m notify.Message, says judge) error {
	c, err := s.open(conn)
	if err != nil {
		return err
	}
	if err := s.authenticate(c, password); err != nil {
		return err
	}
	untaken, err := s.address(c)
	if err != nil {
		return err
	}
	mail, err := s.mail(m, says.reasons(untaken))
	if err != nil {
		return err
	}
	if err := transmit(c, mail); err != nil {
		return err
	}
	leave(c)
	return nil
}

// Package email is the channel that sends mail. A [notify.Message] comes in; a
// mail server of the sender's own side has it, as one mail to all recipients,
// when [Sender.Send] returns without an error. Everything is written twice, as
// plain text and as HTML, and [Render] shows both without sending.
//
// Mails about one problem refer to the same first mail, so that they are shown
// together. Mails about one event have the same Message-ID, so that a mailbox
// can tell a repetition.
package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/pullfix/pullfix/notify"
)

// Options say where mail goes, and through which server.
type Options struct {
	// Server is smtp://HOST:PORT, where TLS begins with STARTTLS, or
	// smtps://HOST:PORT, where it begins at once. A user stands before the host,
	// as in smtp://USER@HOST:587. Without a port it is 587, or 465 with smtps
	// (https://www.rfc-editor.org/rfc/rfc8314#section-3). Google Cloud lets nothing
	// out to port 25 (https://cloud.google.com/compute/docs/tutorials/sending-mail).
	//
	// Only a server on this machine may do without TLS: localhost, 127.0.0.0/8
	// or ::1.
	Server string

	// Password of the user; nil where the server wants none.
	Password notify.Secret

	From string   // an address such as ops@example.com or "pullfix <ops@example.com>"
	To   []string // addresses, at least one
	List string   // the channel's name, by which a mailbox can sort: letters, digits, "-" and "_"

	Template *notify.Template // makes the text; nil for the channel's own
	Roots    *x509.CertPool   // vouch for the server; nil for the system's
}

// Sender is the channel behind [Options].
type Sender struct {
	server   server
	password notify.Secret
	envelope envelope
	template *notify.Template
	tls      *tls.Config
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// New returns the channel. It reaches for nothing: an error is about an option,
// and names it.
func New(o Options) (*Sender, error) {
	server, serverErr := parseServer(o.Server)
	envelope, envelopeErr := parseEnvelope(o.From, o.To, o.List)
	if err := errors.Join(serverErr, envelopeErr); err != nil {
		return nil, err
	}
	switch {
	case server.user != "" && o.Password == nil:
		return nil, fmt.Errorf("email: server %q: names a user: want a password too", o.Server)
	case server.user == "" && o.Password != nil:
		return nil, fmt.Errorf("email: server %q: there is a password: want its user before the host, as in smtp://USER@HOST:587", o.Server)
	}
	return &Sender{
		server: server, password: o.Password, envelope: envelope, template: o.Template,
		tls:  &tls.Config{ServerName: server.host, RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		dial: new(net.Dialer).DialContext,
	}, nil
}

// Check says what [New] would say about a server, a sender's address and the
// recipients' addresses.
func Check(server, from string, to []string) error {
	_, serverErr := parseServer(server)
	_, envelopeErr := parseEnvelope(from, to, "any")
	return errors.Join(serverErr, envelopeErr)
}

// Refresh makes the next Send fetch the password anew.
func (s *Sender) Refresh() {
	if s.password != nil {
		s.password.Forget()
	}
}

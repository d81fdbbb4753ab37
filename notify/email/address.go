package email

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// server is where mail is handed in, and by whom.
type server struct {
	host, port string
	user       string // "" for nobody
	implicit   bool   // TLS begins at once, not with STARTTLS
}

func parseServer(text string) (server, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "smtp" && u.Scheme != "smtps", u.Hostname() == "", u.Path != "" && u.Path != "/",
		u.RawQuery != "", u.Fragment != "":
		return server{}, fmt.Errorf("email: server %q: want smtp://USER@HOST:PORT or smtps://USER@HOST:PORT, where USER@ and :PORT may be missing", shown(text))
	case hasPassword(u):
		return server{}, fmt.Errorf("email: server %q: has a password: give it apart, it is a secret", shown(text))
	}
	s := server{host: u.Hostname(), port: u.Port(), user: u.User.Username(), implicit: u.Scheme == "smtps"}
	if s.port == "" {
		s.port = map[bool]string{false: "587", true: "465"}[s.implicit]
	}
	if n, err := strconv.ParseUint(s.port, 10, 16); err != nil || n == 0 {
		return server{}, fmt.Errorf("email: server %q: want a port from 1 to 65535", shown(text))
	}
	if s.port == "465" && !s.implicit {
		return server{}, fmt.Errorf("email: server %q: on port 465 TLS begins at once: want smtps://", shown(text))
	}
	return s, nil
}

func hasPassword(u *url.URL) bool {
	_, has := u.User.Password()
	return has
}

// shown is a server's text without what may be a password.
func shown(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		text = "…" + text[at:]
	}
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text = text[:end] + "…"
	}
	return text
}

func (s server) address() string { return net.JoinHostPort(s.host, s.port) }

// loopback reports whether what is said stays on this machine.
func (s server) loopback() bool {
	ip, err := netip.ParseAddr(s.host)
	return s.host == "localhost" || err == nil && ip.IsLoopback()
}

// envelope is who writes to whom.
type envelope struct {
	from   *mail.Address
	to     []*mail.Address
	domain string // of the sender
	list   string
}

var listName = onUse(`^[A-Za-z0-9_-]{1,64}$`)

func parseEnvelope(from string, to []string, list string) (envelope, error) {
	sender, err := parseAddress("from", from)
	if err != nil {
		return envelope{}, err
	}
	e := envelope{from: sender, domain: sender.Address[strings.LastIndexByte(sender.Address, '@')+1:], list: list}
	if len(to) == 0 {
		return envelope{}, fmt.Errorf("email: to: no address: want at least one")
	}
	for _, text := range to {
		recipient, err := parseAddress("to", text)
		if err != nil {
			return envelope{}, err
		}
		e.to = append(e.to, recipient)
	}
	if !listName().MatchString(list) {
		return envelope{}, fmt.Errorf(`email: list %q: want letters, digits, "-" and "_"`, list)
	}
	return e, nil
}

// plainAddress holds of every address that needs no extension of a server.
var plainAddress = onUse(`^[[:graph:]]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`)

func parseAddress(what, text string) (*mail.Address, error) {
	address, err := mail.ParseAddress(text)
	if err != nil || !plainAddress().MatchString(address.Address) {
		return nil, fmt.Errorf("email: %s %q: want an address such as ops@example.com or pullfix <ops@example.com>", what, text)
	}
	return address, nil
}

// path is an address as the commands MAIL and RCPT take it.
func path(a *mail.Address) string { return (&mail.Address{Address: a.Address}).String() }

// onUse compiles an expression when it is first used, and not in every cold start.
func onUse(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

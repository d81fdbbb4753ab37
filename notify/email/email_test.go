package email

import (
	"strings"
	"testing"
)

// TestServers reads the URLs of servers.
func TestServers(t *testing.T) {
	for text, want := range map[string]server{
		"smtp://mail.example.com":                      {host: "mail.example.com", port: "587"},
		"smtps://mail.example.com":                     {host: "mail.example.com", port: "465", implicit: true},
		"smtps://mail.example.com:2465/":               {host: "mail.example.com", port: "2465", implicit: true},
		"smtp://alerts@mail.example.com:25":            {host: "mail.example.com", port: "25", user: "alerts"},
		"smtp://alerts@example.com@mail.example.com":   {host: "mail.example.com", port: "587", user: "alerts@example.com"},
		"smtp://alerts%40example.com@mail.example.com": {host: "mail.example.com", port: "587", user: "alerts@example.com"},
		"smtp://[::1]:1025":                            {host: "::1", port: "1025"},
	} {
		got, err := parseServer(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"mail.example.com": false, "10.0.0.1": false, "localhost.example.com": false, "127.0.0.1.example.com": false, "0.0.0.0": false, "::": false,
	} {
		if got := (server{host: host}).loopback(); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
}

func TestRefusedOptions(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Options)
		want string
	}{
		"no server":       {func(o *Options) { o.Server = "" }, `email: server "": want smtp://USER@HOST:PORT or smtps://USER@HOST:PORT, where USER@ and :PORT may be missing`},
		"no scheme":       {func(o *Options) { o.Server = "mail.example.com:587" }, `server "mail.example.com:587": want smtp://`},
		"another scheme":  {func(o *Options) { o.Server = "https://mail.example.com" }, `server "https://mail.example.com": want smtp://`},
		"no host":         {func(o *Options) { o.Server = "smtp://:587" }, `server "smtp://:587": want smtp://`},
		"a path":          {func(o *Options) { o.Server = "smtp://mail.example.com/x" }, `want smtp://`},
		"port 0":          {func(o *Options) { o.Server = "smtp://mail.example.com:0" }, `server "smtp://mail.example.com:0": want a port from 1 to 65535`},
		"port too high":   {func(o *Options) { o.Server = "smtp://mail.example.com:65536" }, `want a port from 1 to 65535`},
		"the wrong TLS":   {func(o *Options) { o.Server = "smtp://mail.example.com:465" }, `server "smtp://mail.example.com:465": on port 465 TLS begins at once: want smtps://`},
		"no password":     {func(o *Options) { o.Server = "smtp://alerts@mail.example.com" }, `server "smtp://alerts@mail.example.com": names a user: want a password too`},
		"no user":         {func(o *Options) { o.Password = &vault{} }, `there is a password: want its user before the host`},
		"no sender":       {func(o *Options) { o.From = "" }, `email: from "": want an address such as ops@example.com or pullfix <ops@example.com>`},
		"no address":      {func(o *Options) { o.From = "ops" }, `email: from "ops": want an address`},
		"no recipient":    {func(o *Options) { o.To = nil }, `email: to: no address: want at least one`},
		"two in one":      {func(o *Options) { o.To = []string{"ana@example.com, bo@example.com"} }, `email: to "ana@example.com, bo@example.com": want an address`},
		"an injection":    {func(o *Options) { o.To = []string{"ana@example.com>\r\nRCPT TO:<eve@evil.example"} }, `email: to "ana@example.com>\r\nRCPT TO:<eve@evil.example": want an address`},
		"not ASCII":       {func(o *Options) { o.To = []string{"ana@exämple.com"} }, `email: to "ana@exämple.com": want an address`},
		"a bad list":      {func(o *Options) { o.List = "night shift" }, `email: list "night shift": want letters, digits, "-" and "_"`},
		"an injured list": {func(o *Options) { o.List = "night\r\nBcc: eve@evil.example" }, `email: list "night\r\nBcc: eve@evil.example": want letters`},
	} {
		t.Run(name, func(t *testing.T) {
			o := options("smtp://mail.example.com")
			c.edit(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestPasswordInTheServerIsNotRepeated(t *testing.T) {
	for _, text := range []string{
		"smtp://alerts:hunter2@mail.example.com:587", "smtp://alerts:@mail.example.com", "alerts:hunter2@mail.example.com:587", "smtp://alerts:hunter2@",
		"smtp://alerts:hun%ter2@mail.example.com", "smtp://alerts:hunter2@x@mail.example.com:x", "smtp://alerts:a#hunter2@mail.example.com",
		"smtp://alerts:/hunter2?@mail.example.com", "smtp://mail.example.com?password=hunter2", "smtp://mail.example.com#hunter2",
	} {
		err := Check(text, "ops@example.com", []string{"ana@example.com"})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want an error without the password", text, err)
		}
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	if err := Check("smtps://alerts@mail.example.com", "Пулфикс <ops@example.com>", []string{"ana@example.com"}); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	err := Check("mail.example.com", "ops@example.com", []string{"ana"})
	for _, want := range []string{`server "mail.example.com"`, `to "ana"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

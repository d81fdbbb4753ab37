package load

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/further"
)

// clients is how many there are at once of each sort.
func clients(t *testing.T, what string) int {
	switch {
	case what == idle:
		return 1000
	case further.Wanted(t):
		return 100
	}
	return 20
}

const idle = "nothing at all"

const opening = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

// attacks are what clients do on a connection. Each leaves it open, or closes it
// as it says.
var attacks = map[string]func(c *net.TCPConn){
	idle:                     func(*net.TCPConn) {},
	"half a line":            say("POST / HT"),
	"headers without an end": say(opening + "X: "),
	"headers, and no body":   say(opening + "Content-Length: 1000\r\n\r\n"),
	"half a body":            say(opening + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 500_000)),
	"half a chunk":           say(opening + "Transfer-Encoding: chunked\r\n\r\nffff\r\nxxxx"),
	"a byte now and then": func(c *net.TCPConn) {
		say(opening + "Content-Length: 100000\r\n\r\n")(c)
		for range 20 {
			say("x")(c)
			time.Sleep(10 * time.Millisecond)
		}
	},
	"reset in the middle of a body": func(c *net.TCPConn) {
		say(opening + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 500_000))(c)
		reset(c)
	},
	"reset after the request": func(c *net.TCPConn) {
		say(length(passed) + passed)(c)
		reset(c)
	},
	"closed in the middle of a body": func(c *net.TCPConn) {
		say(opening + "Content-Length: 1000\r\n\r\nxxxx")(c)
		_ = c.CloseWrite()
	},
	"answers that nobody reads": func(c *net.TCPConn) {
		_ = c.SetReadBuffer(1 << 10)
		_ = c.SetWriteDeadline(time.Now().Add(time.Second)) // nobody takes more
		say(strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 20_000))(c)
	},
	"large headers":        say(opening + "X: " + strings.Repeat("x", 900_000) + "\r\n"),
	"too large headers":    say(opening + "X: " + strings.Repeat("x", 3<<20) + "\r\n\r\n"),
	"many headers":         say("PUT / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 50_000) + "\r\n"),
	"a preface of HTTP/2":  say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 100)),
	"a handshake of TLS":   say("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 500)),
	"an upgrade":           say("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
	"two lengths":          say(opening + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
	"a length and chunks":  say(opening + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
	"a length below zero":  say(opening + "Content-Length: -1\r\n\r\n"),
	"a length of a number": say(opening + "Content-Length: 99999999999999999999\r\n\r\n"),
	"a huge length":        say(opening + "Content-Length: 9223372036854775807\r\n\r\nx"),
	"a chunk of no size":   say(opening + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
	"endless extensions":   say(opening + "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("x", 100_000)),
	"endless trailers":     say(opening + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", 50_000)),
	"expects to go on":     say(opening + "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"),
	"random bytes": func(c *net.TCPConn) {
		text := make([]byte, 10_000)
		for n := range text {
			text[n] = byte(rand.Uint32())
		}
		say(string(text))(c)
	},
}

// passed is the body of an event that leaves nothing on record.
const passed = `{"message":{"messageId":"1","data":"e30="}}`

func say(text string) func(c *net.TCPConn) {
	return func(c *net.TCPConn) { _, _ = c.Write([]byte(text)) }
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// TestHostileClients has many clients do the same at once, and go away. While
// they are there and after it an event is answered. Nothing of them stays in the
// process, and on record is nothing of what did not arrive whole.
func TestHostileClients(t *testing.T) {
	w := newWorld(t)
	warm, want := events("warm", 10*deployed)
	w.send(t, warm, deployed)
	before, text, sent := w.held(t), template(t), 0
	good := func(t *testing.T) {
		t.Helper()
		e := entry{id: fmt.Sprint("good-", sent), sort: "watched", to: "apps"}
		want[e.id] = line{event: e.id, phase: "decision", verdict: "grant", rule: "watched", outcome: "observed"}
		sent++
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: watchdog}
		if status, err := post(client, w.address, "push", e.id, e.text(text, time.Now())); err != nil || status != http.StatusNoContent {
			t.Errorf("a good event: got %d, %v", status, err)
		}
	}
	for what, attack := range attacks {
		t.Run(what, func(t *testing.T) {
			w.forget(t)
			conns := dialAll(t, w.address, clients(t, what))
			var attackers sync.WaitGroup
			for _, c := range conns {
				attackers.Go(func() { attack(c) })
			}
			attackers.Wait()
			good(t)
			peak := w.peak(t)
			t.Logf("%d clients: %d MiB at most", len(conns), peak)
			if peak > memory {
				t.Errorf("the process had %d MiB, want at most %d", peak, memory)
			}
			for n, c := range conns {
				if n%2 == 0 {
					reset(c)
				} else {
					_ = c.Close()
				}
			}
			w.settles(t, before)
			good(t)
		})
	}
	w.holds(t, want)
}

func dialAll(t *testing.T, address string, count int) []*net.TCPConn {
	t.Helper()
	conns := make([]*net.TCPConn, count)
	for n := range conns {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conns[n], _ = conn.(*net.TCPConn)
	}
	return conns
}

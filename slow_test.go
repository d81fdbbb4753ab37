package pullfix

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullfix/pullfix/internal/settings"
)

// pipes is a listener whose connections are pipes, on which time can be anything.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// served has the function serve a client, on a server without timeouts, as the
// framework's is, in a bubble with a clock of its own.
func served(t *testing.T, talk func(t *testing.T, f *function, client net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := settings.Read(func(name string) (string, bool) {
			v, ok := map[string]string{"PULLFIX_PROJECT": "ops"}[name]
			return v, ok
		}, defaultRules)
		if err != nil {
			t.Fatal(err)
		}
		f := newFunction(s, io.Discard)
		l := make(pipes, 1)
		server := &http.Server{Handler: f} //nolint:gosec // no timeouts: so is the framework's
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		here, there := net.Pipe()
		l <- there
		talk(t, f, here)
		_ = here.Close()
		close(l)
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// status is that of the answer, 0 for none.
func status(client net.Conn) int {
	resp, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

const boring = `{"message":{"messageId":"1","data":"e30="}}`

func head(length int) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
}

// TestSlowBody sends half a body, and no more: the sender is told to send it
// again, and the connection is closed.
func TestSlowBody(t *testing.T) {
	for what, body := range map[string]string{"of an event": boring, "that is too large": strings.Repeat("x", 2*largestBody)} {
		t.Run(what, func(t *testing.T) {
			served(t, func(t *testing.T, _ *function, client net.Conn) {
				began := time.Now()
				if _, err := io.WriteString(client, head(len(body)+1)+body); err != nil {
					t.Fatal(err)
				}
				if got := status(client); got != http.StatusInternalServerError || time.Since(began) != bodyTime {
					t.Errorf("got status %d after %s, want %d after %s", got, time.Since(began), http.StatusInternalServerError, bodyTime)
				}
				if n, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("the connection goes on: %d, %v", n, err)
				}
			})
		})
	}
}

// TestSlowEvent takes longer over an event than a client may over its body: the
// event is not given up for that.
func TestSlowEvent(t *testing.T) {
	served(t, func(t *testing.T, f *function, client net.Conn) {
		if err := f.room.decoded.Acquire(t.Context(), mostDecoded); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(2*bodyTime, func() { f.room.decoded.Release(mostDecoded) })
		if _, err := io.WriteString(client, head(len(boring))+boring); err != nil {
			t.Fatal(err)
		}
		if got := status(client); got != http.StatusNoContent {
			t.Errorf("got status %d, want %d", got, http.StatusNoContent)
		}
	})
}

// TestNobodyReadsTheAnswer leaves an answer where it is: the function does not
// wait for ever for somebody to take it.
func TestNobodyReadsTheAnswer(t *testing.T) {
	served(t, func(t *testing.T, _ *function, client net.Conn) {
		if _, err := io.WriteString(client, head(len(boring))+boring); err != nil {
			t.Fatal(err)
		}
		time.Sleep(answerTime + time.Second)
		if got := status(client); got != 0 {
			t.Errorf("got status %d, want a connection that is closed", got)
		}
	})
}

// deadlines is an answer that keeps when its client was cut off.
type deadlines struct {
	http.ResponseWriter
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { d.read = at; return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }

// TestWatch waits for several clients in all orders of their times: each that is
// still waited for is cut off at its time, and no other.
func TestWatch(t *testing.T) {
	const never = 0
	for _, test := range []struct {
		name  string
		until []int // seconds of each client, who comes a second after the one before
		takes []int // seconds until it is done; never
	}{
		{"one", []int{30}, []int{never}},
		{"one that is done", []int{30}, []int{29}},
		{"the same time for all", []int{30, 30, 30}, []int{never, never, never}},
		{"the first is done", []int{30, 30}, []int{10, never}},
		{"the last is done", []int{30, 30}, []int{never, 10}},
		{"a shorter time comes later", []int{110, 30}, []int{never, never}},
		{"a shorter time, and it is done", []int{110, 30}, []int{never, 10}},
		{"a longer time comes later", []int{30, 110}, []int{never, never}},
		{"nobody is left for a while", []int{1, 3, 30}, []int{never, 1, never}},
		{"each sooner than the one before", []int{5, 100, 90, 80, 70, 60}, []int{never, never, never, never, never, never}},
		{"the time is over at once", []int{0, 30}, []int{never, never}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				watch, clients := newWatch(), make([]deadlines, len(test.until))
				for n := range clients {
					until := time.Now().Add(time.Duration(test.until[n]) * time.Second)
					go watch.over(&clients[n], until, func() {
						if test.takes[n] == never {
							time.Sleep(time.Hour)
						}
						time.Sleep(time.Duration(test.takes[n]) * time.Second)
					})
					want := until
					if test.takes[n] != never {
						want = time.Time{}
					}
					time.AfterFunc(30*time.Minute, func() {
						watch.mu.Lock()
						defer watch.mu.Unlock()
						if got := clients[n]; !got.read.Equal(want) || !got.write.Equal(want) {
							t.Errorf("client %d: cut off at %s and %s, want %s", n, got.read, got.write, want)
						}
					})
					time.Sleep(time.Second)
				}
				time.Sleep(2 * time.Hour)
				watch.mu.Lock()
				defer watch.mu.Unlock()
				if len(watch.until) != 0 || !watch.next.IsZero() {
					t.Errorf("got %d clients and a timer at %s, want none when all is over", len(watch.until), watch.next)
				}
			})
		})
	}
}

// TestRoom wants large bodies to wait for one another, and small ones for none
// of them.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := newRoom()
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var leave []func()
		for n := range mostHeld / largestBody {
			end, err := room.hold(soon, time.Now().Add(timeout), []int64{largestBody, 10 * largestBody, -1}[n%3])
			if err != nil {
				t.Fatalf("large body %d: %v", n, err)
			}
			leave = append(leave, end)
		}
		if _, err := room.hold(soon, time.Now().Add(timeout), smallBody); err != nil {
			t.Errorf("a small body waits for large ones: %v", err)
		}
		if _, err := room.hold(soon, time.Now().Add(timeout), largestBody); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want one more large body to wait", err)
		}
		leave[0]()
		if _, err := room.hold(t.Context(), time.Now().Add(timeout), largestBody); err != nil {
			t.Error(err)
		}
	})
}

// TestRoomAfterAPanic decodes what makes the decoder panic: the room is there
// again.
func TestRoomAfterAPanic(t *testing.T) {
	room := newRoom()
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			_ = room.decode(t.Context(), 2*mostDecoded, func() { panic("broken") })
		}()
	}
	done := false
	if err := room.decode(t.Context(), mostDecoded, func() { done = true }); err != nil || !done {
		t.Errorf("got %v, done %t", err, done)
	}
}

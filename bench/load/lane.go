package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// mostDeliveries is how often a request is sent before it counts as lost.
const mostDeliveries = 20

// patience is how long an answer may take.
const patience = 2 * time.Minute

// lane is one connection.
type lane struct {
	Run
	conn      net.Conn
	request   []byte
	answer    []byte
	latencies []time.Duration
	again     int
}

type lanes []*lane

// openAll opens the connections of a run. Those that were opened are returned
// with an error, too.
func openAll(ctx context.Context, r Run) (all lanes, err error) {
	for range r.Connections {
		l := &lane{Run: r, answer: make([]byte, 0, 4<<10)}
		if err := l.dial(ctx); err != nil {
			return all, err
		}
		all = append(all, l)
	}
	return all, nil
}

func (all lanes) close() {
	for _, l := range all {
		l.close()
	}
}

func (l *lane) dial(ctx context.Context) (err error) {
	l.conn, err = new(net.Dialer).DialContext(ctx, "tcp", l.Address)
	return err
}

func (l *lane) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// run sends one request after the other.
func (l *lane) run(ctx context.Context, began time.Time, next *atomic.Int64) error {
	for ctx.Err() == nil {
		n := int(next.Add(1)) - 1
		if l.Count > 0 && n >= l.Count || l.Time > 0 && time.Since(began) >= l.Time {
			return nil
		}
		l.request = l.Request(l.request[:0], l.First+n)
		sent := time.Now()
		if err := l.deliver(ctx); err != nil {
			return fmt.Errorf("request %d: %w", l.First+n, err)
		}
		l.latencies = append(l.latencies, time.Since(sent))
	}
	return ctx.Err()
}

// deliver sends the request until it is answered with 204.
func (l *lane) deliver(ctx context.Context) error {
	for delivery := 1; ; delivery++ {
		err := l.send()
		if err == nil || !l.Again || delivery == mostDeliveries || ctx.Err() != nil {
			return err
		}
		l.again++
		l.close() // what is left of the answer is not read
		if err := l.dial(ctx); err != nil {
			return err
		}
	}
}

var (
	noContent = []byte("HTTP/1.1 204 ")
	headEnd   = []byte("\r\n\r\n")
)

// send sends the request and reads the head of the answer. That of a 204 is all
// of it.
func (l *lane) send() error {
	if err := l.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := l.conn.Write(l.request); err != nil {
		return err
	}
	for l.answer = l.answer[:0]; !bytes.HasSuffix(l.answer, headEnd); {
		if len(l.answer) == cap(l.answer) {
			return errors.New("the head of the answer has no end")
		}
		n, err := l.conn.Read(l.answer[len(l.answer):cap(l.answer)])
		if l.answer = l.answer[:len(l.answer)+n]; err != nil {
			return fmt.Errorf("the answer was cut off: %q: %w", l.answer, err)
		}
		if !bytes.HasPrefix(l.answer, noContent) && bytes.Contains(l.answer, headEnd) {
			return fmt.Errorf("answered %q, want 204", l.answer)
		}
	}
	return nil
}

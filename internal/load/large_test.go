package load

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/further"
)

// memory is what the function is deployed with, in MiB.
const memory = 256

const mebibyte = 1 << 20

// filled is the body of a push, as near to the size as can be, whose entry looks
// like a denial and is filled with a text over and over.
func filled(size int, begin, fill, end string) string {
	const opening, closing = `{"message":{"messageId":"1","data":"`, `"}}`
	const denial = `{"insertId":"large","logName":"projects/app-1/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"status":{"code":7,"message":"denied"},"x":`
	room := (size-len(opening)-len(closing))/4*3 - len(denial) - len(begin) - len(end) - 2
	times := room / len(fill)
	entry := denial + begin + strings.Repeat(fill, times) + end + "}}"
	return opening + base64.StdEncoding.EncodeToString([]byte(entry)) + closing
}

// largest are bodies of the most that is read, which are costly to read.
func largest() map[string]string {
	const size = mebibyte
	return map[string]string{
		"numbers":        filled(size, "[0", ",0", "]"),
		"empty objects":  filled(size, "[{}", ",{}", "]"),
		"empty lists":    filled(size, "[[]", ",[]", "]"),
		"keys":           filled(size, `{"a":0`, `,"a":0`, "}"),
		"one text":       filled(size, `"`, "x", `"`),
		"escapes":        filled(size, `"`, `\u00e9`, `"`),
		"denials":        filled(size, `"`, "must have permission to read the image, us-docker.pkg.dev/p/r/i:v1. ", `"`),
		"deep":           filled(size, "", `{"a":`, "0"),
		"nothing":        strings.Repeat(" ", size),
		"no JSON at all": strings.Repeat("x", size),
	}
}

// together posts a body on many connections at once, and keeps back the last
// byte of each until all wait for theirs, or without that where they would wait
// for one another. It returns how many got which status, 0 for no answer.
func together(t *testing.T, address, head, body string, atOnce int) map[int]int {
	t.Helper()
	var (
		ready, done sync.WaitGroup
		mu          sync.Mutex
		statuses    = map[int]int{}
		waits       = make(chan struct{})
	)
	ready.Add(atOnce)
	for range atOnce {
		done.Go(func() {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Error(err)
				ready.Done()
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(watchdog))
			if atOnce > deployed {
				ready.Done()
			}
			_, err = io.WriteString(conn, head+body[:len(body)-1])
			if atOnce <= deployed {
				ready.Done()
			}
			<-waits
			_, last := io.WriteString(conn, body[len(body)-1:])
			resp, answered := http.ReadResponse(bufio.NewReader(conn), nil)
			status := 0
			if answered == nil {
				_ = resp.Body.Close()
				status = resp.StatusCode
			} else {
				t.Logf("no answer: %v", errors.Join(err, last, answered))
			}
			mu.Lock()
			statuses[status]++
			mu.Unlock()
		})
	}
	ready.Wait()
	close(waits)
	done.Wait()
	return statuses
}

func length(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n", opening, len(body))
}

// TestLargeBodies posts the largest bodies that are read, of the sorts that cost
// most to decode, and ten times as large ones, at the concurrency that is
// deployed and at ten times that: each is answered and once on record, and the
// process stays below the memory of an instance.
func TestLargeBodies(t *testing.T) {
	sorts := []string{"numbers"}
	if further.Wanted(t) {
		sorts = slices.Sorted(maps.Keys(largest()))
	}
	huge := strings.Repeat("x", 10*mebibyte)
	for _, atOnce := range []int{deployed, 10 * deployed} {
		w := newWorld(t)
		try := func(what, head, body string) {
			t.Run(fmt.Sprintf("%s, %d at once", what, atOnce), func(t *testing.T) {
				before := len(w.recorded())
				w.forget(t)
				statuses := together(t, w.address, head, body, atOnce)
				if statuses[http.StatusNoContent] != atOnce {
					t.Errorf("got statuses %v, want %d of %d", statuses, atOnce, http.StatusNoContent)
				}
				if lines := len(w.recorded()) - before; lines != atOnce {
					t.Errorf("%d lines on record, want %d", lines, atOnce)
				}
				peak := w.peak(t)
				if peak > memory {
					t.Errorf("the process had %d MiB, want at most %d", peak, memory)
				}
				t.Logf("peak %d MiB", peak)
			})
		}
		for _, sort := range sorts {
			try(sort, length(largest()[sort]), largest()[sort])
		}
		try("10 MB", length(huge), huge)
		try("10 MB in chunks", opening+"Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(huge), huge))
	}
}

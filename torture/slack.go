package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pullfix/pullfix/torture/check"
)

// slack stands in for Slack's incoming webhooks, one for each channel, and is
// often in trouble.
type slack struct {
	address string
	server  *http.Server
	clock   *clock
	seed    uint64
	calm    bool

	mu       sync.Mutex
	requests map[string]uint64 // by channel
	messages []check.Message
	met      map[string]int
}

func startSlack(ctx context.Context, clock *clock, seed uint64, calm bool) (*slack, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return nil, err
	}
	s := &slack{address: "http://" + listener.Addr().String(), clock: clock, seed: seed, calm: calm, requests: map[string]uint64{}, met: map[string]int{}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// ServeHTTP takes a message. What the nth request to a channel meets is certain
// by the seed.
func (s *slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	channel := path.Base(r.URL.Path)
	s.mu.Lock()
	n := s.requests[channel]
	s.requests[channel]++
	s.mu.Unlock()
	chance := chances(s.seed, "slack "+channel, n)
	fate := chance.IntN(100)
	if s.calm {
		fate = 99
	}
	switch {
	case fate < 2:
		s.meets("Slack is down")
		w.WriteHeader(http.StatusInternalServerError)
		return
	case fate < 3:
		s.meets("Slack has had enough")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case fate < 4:
		s.meets("Slack hangs up before it takes a message")
		panic(http.ErrAbortHandler)
	case fate < 10:
		s.meets("Slack is slow")
		_ = pause(r.Context(), time.Duration(chance.Int64N(int64(200*time.Millisecond))))
	}
	m, ok := readMessage(r)
	if !ok {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	m.Channel = channel
	s.mu.Lock()
	m.At = s.clock.tick()
	s.messages = append(s.messages, m)
	s.mu.Unlock()
	if fate == 10 {
		s.meets("Slack hangs up after it took a message")
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write([]byte("ok"))
}

func (s *slack) meets(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met[what]++
}

var (
	header = regexp.MustCompile(`^:[a-z_]+: ([^:]+): `)
	fact   = regexp.MustCompile("^\\*(Event|On)\\*\n`(.*)`$")
)

// readMessage finds in a message what it is about, as a reader would.
func readMessage(r *http.Request) (m check.Message, ok bool) {
	var payload struct {
		Blocks []any `json:"blocks"`
	}
	if err := json.NewDecoder(r.Body).Decode(&payload); err != nil || len(payload.Blocks) == 0 {
		return m, false
	}
	each(payload.Blocks, func(text string) {
		if found := header.FindStringSubmatch(text); found != nil && m.Tone == "" {
			m.Tone = found[1]
		}
		found := fact.FindStringSubmatch(strings.TrimSpace(text))
		switch {
		case found == nil:
		case found[1] == "Event":
			m.Event = found[2]
		default:
			m.On = found[2]
		}
	})
	return m, m.Tone != ""
}

// each visits the texts in a value of JSON.
func each(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case []any:
		for _, one := range v {
			each(one, visit)
		}
	case map[string]any:
		for _, one := range v {
			each(one, visit)
		}
	}
}

package event

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/rules"
)

var now = time.Date(2026, 3, 4, 5, 10, 0, 0, time.UTC)

// TestRequestsAreWhole reads requests as a server does.
func TestRequestsAreWhole(t *testing.T) {
	for kind := range entries {
		maker := Maker(kind, Wide, now)
		var stream []byte
		for n := range 3 {
			stream = maker(stream, n*99_999)
		}
		reader, seen := bufio.NewReader(bytes.NewReader(stream)), map[string]bool{}
		for range 3 {
			req, err := http.ReadRequest(reader)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			var body struct {
				Message struct{ Data, MessageID string }
			}
			if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			entry, err := base64.StdEncoding.DecodeString(body.Message.Data)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if _, err := parse.Entry(entry); err != nil {
				t.Errorf("%s: %v: %s", kind, err, entry)
			}
			if seen[body.Message.MessageID] || seen[string(entry)] || req.Header.Get("Ce-Id") != body.Message.MessageID {
				t.Errorf("%s: an id is used twice, or differs in the head and in the body", kind)
			}
			seen[body.Message.MessageID], seen[string(entry)] = true, true
		}
		if reader.Buffered() > 0 {
			t.Errorf("%s: a request is longer than it says", kind)
		}
	}
}

// TestKindsAreWhatTheySay parses an entry of each kind.
func TestKindsAreWhatTheySay(t *testing.T) {
	for kind, want := range map[Kind]struct {
		interesting bool
		kinds       string
	}{
		Success: {false, "[]"}, Read: {true, "[]"}, Ignored: {true, "[run-image]"},
		Alert: {true, "[act-as]"}, Observe: {true, "[run-image]"}, Grant: {true, "[run-image]"},
	} {
		entry := Entry(kind, Wide, now)(nil, 7)
		event, err := parse.Entry(entry)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		kinds := []string{}
		for _, f := range event.Findings {
			kinds = append(kinds, f.Kind.String())
		}
		if got := fmt.Sprint(kinds); parse.Interesting(entry) != want.interesting || got != want.kinds {
			t.Errorf("%s: interesting %t, kinds %s, want %t, %s", kind, parse.Interesting(entry), got, want.interesting, want.kinds)
		}
		if size, base := len(entry), len(Entry(Grant, Wide, now)(nil, 7)); size < base*8/10 || size > base*12/10 {
			t.Errorf("%s: %d bytes, want about as many as a denial, %d", kind, size, base)
		}
	}
}

// TestEveryGrantIsAnother counts the grants that a fixture holds.
func TestEveryGrantIsAnother(t *testing.T) {
	for _, spread := range []Spread{Wide, Storm} {
		seen := map[[2]int]bool{}
		for n := range Projects * Repositories {
			c := deal(n, spread)
			if pair := [2]int{c.project, c.repository}; seen[pair] {
				t.Fatalf("spread %d: event %d asks for a grant that was made", spread, n)
			} else {
				seen[pair] = true
			}
		}
	}
}

func TestFixture(t *testing.T) {
	for _, seed := range []Seed{{}, {Latency: time.Millisecond, Members: 3}, {Members: 1000, Few: 60}} {
		if _, err := emulator.ParseSeed("seed.yaml", seed.YAML()); err != nil {
			t.Error(err)
		}
	}
	for _, further := range []int{0, 1, 10_000} {
		policy, err := rules.Parse("rules.yaml", Rules(false, further))
		if err != nil {
			t.Errorf("%d further rules: %v", further, err)
		} else if policy.Rules() != further+3 {
			t.Errorf("got %d rules, want %d", policy.Rules(), further+3)
		}
	}
}

// TestRecordIsSound has the record checked as that of a deployment is.
func TestRecordIsSound(t *testing.T) {
	text, err := Record(40, now)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "record.jsonl")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := audit.VerifyFile(t.Context(), path, audit.VerifyOptions{Now: now}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || report.Chain == "" || report.Records != 40 {
		t.Errorf("got %+v, want 40 records, a chain and nothing to object to", report)
	}
}

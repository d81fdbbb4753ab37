package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// give puts entries where Pub/Sub puts what it gave up.
func (d *doctored) give(entries ...string) {
	d.Helper()
	for _, entry := range entries {
		d.call(http.MethodPost, "v1/projects/ops/topics/pullfix-dead-letters:publish", map[string]any{"messages": []any{map[string]any{
			"data":       base64.StdEncoding.EncodeToString([]byte(entry)),
			"attributes": map[string]any{"CloudPubSubDeadLetterSourceDeliveryCount": "50", "logging.googleapis.com/timestamp": "2026-03-04T05:06:07Z"},
		}}})
	}
}

func denial(t *testing.T) string {
	t.Helper()
	story, err := txtar.ParseFile("testdata/serve.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range story.Files {
		if f.Name == "entry.json" {
			return strings.ReplaceAll(string(f.Data), "NOW", "2026-03-04T05:06:07Z")
		}
	}
	t.Fatal("serve.txtar has no entry.json")
	return ""
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	d := newDoctored(t)
	if status, out, errs := d.pullfix("dead-letters", "list"); status != exitFailed || out != "" || !strings.Contains(errs, "none waits") {
		t.Errorf("none: got %d, %q, %q", status, out, errs)
	}
	d.give(denial(t), `{"logName": "projects/app-two/logs/x"}`, `no entry`)

	for range 2 { // nothing is taken away
		status, out, errs := d.pullfix("dead-letters", "list")
		want := regexp.MustCompile(`(?m)\A\S+Z  app-one +run-image +50  \d+$\n\S+Z  app-two +\? +50  \d+$\n\S+Z  \? +\? +50  \d+\n\z`)
		if status != exitDone || !want.MatchString(out) {
			t.Errorf("got %d, %s%s, want %s", status, out, errs, want)
		}
	}
	status, out, errs := d.pullfix("dead-letters", "list", "--format", "json", "--limit", "1")
	want := regexp.MustCompile(`^\{"at":"\S+Z","project":"app-one","kind":"run-image","attempts":50,"message":"\d+"\}\n$`)
	if status != exitDone || !want.MatchString(out) {
		t.Errorf("got %d, %s%s, want %s", status, out, errs, want)
	}
	if status, out, errs := d.pullfix("dead-letters", "replay", "--dry-run"); status != exitDone || strings.Count(out, "\n") != 3 {
		t.Errorf("--dry-run: got %d, %s%s", status, out, errs)
	}
	if n := d.published(); n != 0 {
		t.Errorf("--dry-run published %d", n)
	}
	if status, out, errs := d.pullfix("dead-letters", "replay", "--limit", "2"); status != exitDone || strings.Count(out, "\n") != 2 {
		t.Errorf("replay of 2: got %d, %s%s", status, out, errs)
	}
	if status, out, errs := d.pullfix("dead-letters", "replay"); status != exitDone || strings.Count(out, "\n") != 1 {
		t.Errorf("replay: got %d, %s%s", status, out, errs)
	}
	if status, out, _ := d.pullfix("dead-letters", "replay"); status != exitDone || out != "" {
		t.Errorf("replay of none: got %d, %s", status, out)
	}
	if n := d.published(); n != 3 {
		t.Errorf("got %d on the topic, want 3", n)
	}
}

// published counts what waits for the function, and holds that it came as it was.
func (d *doctored) published() int {
	d.Helper()
	received, _ := d.call(http.MethodPost, "v1/projects/ops/subscriptions/pushes:pull", map[string]any{"maxMessages": 10})["receivedMessages"].([]any)
	for _, r := range received {
		message := r.(map[string]any)["message"].(map[string]any)
		if got := fmt.Sprint(message["attributes"]); got != "map[logging.googleapis.com/timestamp:2026-03-04T05:06:07Z]" {
			d.Errorf("got attributes %s", got)
		}
	}
	return len(received)
}

// What was given up goes the whole way once it is replayed.
func TestReplayIsDelivered(t *testing.T) {
	t.Parallel()
	d := newDoctored(t)
	d.give(denial(t))
	d.deliver()
	if status, out, errs := d.pullfix("dead-letters", "replay"); status != exitDone {
		t.Fatalf("got %d, %s%s", status, out, errs)
	}
	for range 100 {
		if _, out, _ := d.pullfix("audit", "show", "e1"); strings.Contains(out, "e1") {
			return
		}
	}
	t.Error("there is no record of what was replayed")
}

func TestDeadLettersAreNotThere(t *testing.T) {
	t.Parallel()
	d := newDoctored(t)
	d.call(http.MethodDelete, "v1/projects/ops/subscriptions/pullfix-dead-letters", map[string]any{})
	status, out, errs := d.pullfix("dead-letters", "replay")
	if status != exitUsage || out != "" || !strings.HasPrefix(errs, "pullfix: dead-letters: pull from projects/ops/subscriptions/pullfix-dead-letters: ") {
		t.Errorf("got %d, %s%s", status, out, errs)
	}
}

// While Pub/Sub cannot say what waits, nothing is said about it.
func TestDeadLettersAreNotKnown(t *testing.T) {
	t.Parallel()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(busy.Close)
	d := &doctored{T: t, dir: t.TempDir(), address: strings.TrimPrefix(busy.URL, "http://")}
	for _, verb := range []string{"list", "replay"} {
		status, out, errs := d.pullfix("dead-letters", verb)
		if status != exitUsage || out != "" || !strings.Contains(errs, "pubsub.googleapis.com answers 503: ") {
			t.Errorf("%s: got %d, %s%s", verb, status, out, errs)
		}
	}
}

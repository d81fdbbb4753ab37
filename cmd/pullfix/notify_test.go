package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotifyTest sends a sample to two webhooks, of which one refuses it.
func TestNotifyTest(t *testing.T) {
	var got bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/gone") {
			http.Error(w, "no_service", http.StatusNotFound)
			return
		}
		_, _ = io.Copy(&got, r.Body)
		_, _ = io.WriteString(w, "ok")
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	const policy = `apiVersion: pullfix/v1
notify:
  - {name: here, type: slack-webhook, target: env:HERE}
  - {name: gone, type: slack-webhook, target: env:GONE}
`
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HERE", server.URL+"/hunter2/here")
	t.Setenv("GONE", server.URL+"/hunter2/gone")

	var out, errs bytes.Buffer
	if status := run([]string{"notify", "test", "--rules", file}, nil, &out, &errs); status != exitFailed {
		t.Errorf("got exit status %d, want %d", status, exitFailed)
	}
	if out.String() != "channel \"here\": sent\n" {
		t.Errorf("got output %q", out.String())
	}
	if text := errs.String(); !strings.HasPrefix(text, `pullfix: notify: channel "gone": `) || strings.Contains(text, "hunter2") || strings.Count(text, "\n") != 1 {
		t.Errorf("got errors %q, want a line about the channel, without its secret", text)
	}
	if !strings.Contains(got.String(), "a test of pullfix notify: service web in app-one") {
		t.Errorf("got %s, want a message that says it is a test", got.String())
	}

	out.Reset()
	if status := run([]string{"notify", "test", "--rules", file, "--channel", "here", "--tone", "stopped"}, nil, &out, &errs); status != exitDone {
		t.Errorf("one channel: got exit status %d, want %d: %s", status, exitDone, errs.String())
	}
	if !strings.Contains(got.String(), "pullfix has stopped granting") {
		t.Errorf("got %s, want the message that was asked for", got.String())
	}
}

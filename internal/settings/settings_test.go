package settings

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/rules"
)

var fallback = []byte("apiVersion: pullfix/v1\nmode: enforce\n")

func read(env map[string]string) (Settings, error) {
	return Read(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, fallback)
}

func TestRead(t *testing.T) {
	s, err := read(map[string]string{
		"PULLFIX_PROJECT": "ops", "PULLFIX_AUDIT": "file:/tmp/x", "PULLFIX_SLACK": "https://hooks.example.com/token",
		"PULLFIX_ENDPOINT": "127.0.0.1:8085", "PULLFIX_LEDGER": "memory", "K_SERVICE": "pullfix",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Project.String() != "ops" || s.AuditFile != "/tmp/x" || s.Endpoint != "127.0.0.1:8085" || !s.Deployed || s.Policy.Mode() != rules.Enforce {
		t.Errorf("got %+v", s)
	}
	if value, version := s.Slack.Value(); value != "https://hooks.example.com/token" || version != "" {
		t.Errorf("got webhook %q, version %q", value, version)
	}
}

func TestDefaults(t *testing.T) {
	s, err := read(map[string]string{"GOOGLE_CLOUD_PROJECT": "other"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Project.String() != "other" || s.AuditFile != "" || !s.Slack.IsZero() || s.Endpoint != "" || s.Deployed {
		t.Errorf("got %+v", s)
	}
}

func TestLedger(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want bool // in Firestore
		fail string
	}{
		{map[string]string{"PULLFIX_PROJECT": "ops"}, false, ""},
		{map[string]string{"K_SERVICE": "pullfix"}, true, ""},
		{map[string]string{"K_SERVICE": "pullfix", "PULLFIX_LEDGER": "memory"}, false, ""},
		{map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_LEDGER": "firestore"}, true, ""},
		{map[string]string{"PULLFIX_AUDIT": "file:x", "PULLFIX_LEDGER": "firestore"}, true, "PULLFIX_PROJECT: missing: want the project that holds the ledger"},
	} {
		s, err := read(test.env)
		if s.Firestore != test.want || (err == nil) != (test.fail == "") || err != nil && !strings.HasPrefix(err.Error(), test.fail) {
			t.Errorf("%v: got Firestore %t and %v, want %t and %q", test.env, s.Firestore, err, test.want, test.fail)
		}
	}
}

func TestProjectMayComeFromTheMetadataServer(t *testing.T) {
	if _, err := read(map[string]string{"K_SERVICE": "pullfix"}); err != nil {
		t.Errorf("on Cloud Run: %v", err)
	}
}

func TestObserveIsForced(t *testing.T) {
	s, err := read(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_MODE": "observe"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Policy.Mode() != rules.Observe {
		t.Errorf("got mode %s, want observe", s.Policy.Mode())
	}
}

func TestPolicyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte("apiVersion: pullfix/v1\nmode: observ\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := read(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_RULES": path})
	if want := "PULLFIX_RULES: " + path + ":2:7: mode: \"observ\": want observe or enforce\n  2 | mode: observ\n"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := read(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_RULES": path + "x"}); err == nil || !strings.HasPrefix(err.Error(), "PULLFIX_RULES: ") {
		t.Errorf("a file that is not there: got %v", err)
	}
}

func TestEveryBadValueIsNamed(t *testing.T) {
	_, err := read(map[string]string{
		"PULLFIX_AUDIT": "cluod", "PULLFIX_LEDGER": "redis", "PULLFIX_MODE": "enforce", "PULLFIX_PROJECT": "Not A Project",
		"PULLFIX_SLACK": "secret-token", "PULLFIX_ENDPOINT": "8085",
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		`PULLFIX_AUDIT: "cluod": want cloud or file:PATH`, `PULLFIX_LEDGER: "redis": want firestore or memory`,
		`PULLFIX_MODE: "enforce": want observe`, `PULLFIX_PROJECT: project "Not A Project": want a project id`,
		"PULLFIX_SLACK: want a webhook URL", `PULLFIX_ENDPOINT: "8085": want host:port`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant …%s…", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret-token") {
		t.Errorf("the secret is in the error: %v", err)
	}
	if _, err := read(nil); err == nil || !strings.HasPrefix(err.Error(), "PULLFIX_PROJECT: missing: ") {
		t.Errorf("no project: got %v", err)
	}
}

func TestSecretVersions(t *testing.T) {
	for value, ok := range map[string]bool{
		"projects/ops/secrets/slack/versions/latest": true, "projects/ops/secrets/slack/versions/7": true,
		"projects/ops/locations/us/secrets/slack/versions/7": true,
		"projects/ops/secrets/slack":                         false, "projects/ops/secrets/slack/versions/newest": false,
		"http://hooks.example.com/token": false, "http://127.0.0.1:9/x": true,
	} {
		_, err := read(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_SLACK": value})
		if (err == nil) != ok {
			t.Errorf("%s: got error %v, want accepted %t", value, err, ok)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	s, err := read(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_SLACK": "https://hooks.example.com/token"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(struct{ Slack Secret }{s.Slack})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{s.Slack.String(), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s.Slack, s.Slack), string(text)} {
		if strings.Contains(printed, "token") {
			t.Errorf("the secret is printed: %s", printed)
		}
	}
}

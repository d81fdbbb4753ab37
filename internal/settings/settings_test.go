package settings

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	want := []rules.Channel{{Name: "slack", Type: rules.SlackWebhook, Secret: "env:PULLFIX_SLACK"}}
	if diff := cmp.Diff(want, s.Policy.Channels(), cmpopts.IgnoreUnexported(rules.Channel{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if s.Senders["slack"] == nil {
		t.Errorf("got senders %v, want one for slack", s.Senders)
	}
}

func TestDefaults(t *testing.T) {
	s, err := read(map[string]string{"GOOGLE_CLOUD_PROJECT": "other"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Project.String() != "other" || s.AuditFile != "" || s.Policy.Channels() != nil || s.Endpoint != "" || s.Deployed {
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
		"projects/ops/locations/us/secrets/slack/versions/7": false,
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
	s, err := read(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_SLACK": "https://hooks.example.com/hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(printed, "hunter2") {
		t.Errorf("the secret is printed: %s", printed)
	}
}

func TestEmail(t *testing.T) {
	whole := map[string]string{
		"PULLFIX_PROJECT": "ops", "PULLFIX_SMTP": "smtp://u@example.com:587", "PULLFIX_SMTP_PASSWORD": "hunter2",
		"PULLFIX_EMAIL_FROM": "p@example.com", "PULLFIX_EMAIL_TO": "a@example.com, b@example.com",
	}
	s, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	want := []rules.Channel{{
		Name: "email", Type: rules.Email, Target: "a@example.com, b@example.com", Secret: "env:PULLFIX_SMTP_PASSWORD",
		Server: "smtp://u@example.com:587", From: "p@example.com",
	}}
	if diff := cmp.Diff(want, s.Policy.Channels(), cmpopts.IgnoreUnexported(rules.Channel{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, test := range []struct{ name, value, want string }{
		{"PULLFIX_SMTP", "", "PULLFIX_SMTP: missing: want the server"},
		{"PULLFIX_SMTP", "example.com", "PULLFIX_SMTP: "},
		{"PULLFIX_SMTP", "smtp://u:hunter2@example.com", "PULLFIX_SMTP: "},
		{"PULLFIX_EMAIL_FROM", "", "PULLFIX_EMAIL_FROM: missing: want the address"},
		{"PULLFIX_EMAIL_FROM", "p", "PULLFIX_EMAIL_FROM: "},
		{"PULLFIX_EMAIL_TO", "", "PULLFIX_EMAIL_TO: missing: want the addresses"},
		{"PULLFIX_EMAIL_TO", "a@example.com,,", "PULLFIX_EMAIL_TO: "},
		{"PULLFIX_SMTP_PASSWORD", "projects/ops/secrets/s", "PULLFIX_SMTP_PASSWORD: want the password, or"},
	} {
		env := maps.Clone(whole)
		env[test.name] = test.value
		if _, err := read(env); err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s=%s: got %v, want %s…", test.name, test.value, err, test.want)
		}
	}
}

func TestChannelsOfThePolicy(t *testing.T) {
	const channel = "apiVersion: pullfix/v1\nnotify: [{name: slack, type: slack-webhook, target: env:HOOK, template: \"{{.Titel}}\"}]\n"
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte(channel), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := read(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_RULES": path, "PULLFIX_SLACK": "https://hooks.example.com/a"})
	for _, want := range []string{
		"PULLFIX_RULES: " + path + ":2:73: channel \"slack\": template: ", "HOOK: missing: channel \"slack\" of the policy has its secret there",
		"PULLFIX_SLACK: channel \"slack\": " + path + " has a channel of that name",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant …%s…", err, want)
		}
	}
}

package settings

import (
	"strings"
	"testing"
)

// FuzzRead reads variables of any value: settings that can be used, or errors
// that name a variable and hold no secret.
func FuzzRead(f *testing.F) {
	const secret = "hunter2hunter2"
	f.Add("file:/tmp/x", "memory", "ops", "127.0.0.1:8085", "https://hooks.example.com/", "smtp://user@mail.example.com:587", "a@example.com", "b@example.com,c@example.com", "apiVersion: pullfix/v1\n")
	f.Add("cloud", "firestore", "", "", "http://127.0.0.1:1/", "smtp://127.0.0.1", "", "", "mode: enforce\n")
	f.Add("", "", "example.com:p", "[::1]:1", "projects/p/secrets/", "smtp://", "<>", ",", "apiVersion: pullfix/v1\nnotify:\n  - {name: a, type: slack-webhook, secret: env:X}\n")
	f.Add("file:", "disk", "..", ":", "ftp://", "://", "a", "b", "")
	f.Fuzz(func(t *testing.T, audit, ledger, project, endpoint, slack, smtp, from, to, policy string) {
		env := map[string]string{
			"PULLFIX_AUDIT": audit, "PULLFIX_LEDGER": ledger, "PULLFIX_PROJECT": project, "PULLFIX_ENDPOINT": endpoint,
			"PULLFIX_SLACK": slack + secret, "PULLFIX_SMTP": smtp, "PULLFIX_SMTP_PASSWORD": secret,
			"PULLFIX_EMAIL_FROM": from, "PULLFIX_EMAIL_TO": to,
		}
		s, err := Read(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, []byte(policy))
		switch {
		case err == nil && s.Policy == nil:
			t.Error("neither a policy nor an error")
		case err == nil && len(s.Senders) != len(s.Policy.Channels()):
			t.Errorf("got %d senders for %d channels", len(s.Senders), len(s.Policy.Channels()))
		case err != nil && !strings.Contains(err.Error(), "PULLFIX_"):
			t.Errorf("the error names no variable: %v", err)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("the error holds a secret: %v", err)
		}
	})
}

package docs_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// slackStandIn answers like a webhook of Slack, and like Secret Manager, which
// has its URL where the page keeps one. The address is that of the latter.
func slackStandIn(t *testing.T) (address string) {
	t.Helper()
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(slack.Close)
	_, address = emulatortest.Start(t, fmt.Sprintf(`
projects: [{id: ops, number: 900000000009}]
secrets: [{name: projects/ops/secrets/slack-webhook, value: %q}]
`, slack.URL))
	return address
}

// saidRow is what pullfix notify test says of a webhook's or a bot's answer.
var saidRow = regexp.MustCompile("^\\| `(slack [a-zA-Z.]+: (?:HTTP ([0-9]+): )?([a-z_]+))` \\|")

// sayWhatSlackSaid gives the answers on the page to pullfix notify test, and
// wants it to say what the page says.
func sayWhatSlackSaid(t *testing.T, program string) {
	t.Helper()
	tried := 0
	for _, l := range pageOf(t, alertsPage).prose {
		m := saidRow.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		tried++
		said, word := m[1], m[3]
		status, err := strconv.Atoi(m[2])
		if err != nil {
			status, word = http.StatusOK, fmt.Sprintf(`{"ok": false, "error": %q}`, word)
		}
		slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, word)
		}))
		variable, policy := "PULLFIX_SLACK="+slack.URL, "apiVersion: pullfix/v1\n"
		if strings.Contains(said, "chat.") {
			variable = "TOKEN=xox-1"
			policy += fmt.Sprintf("notify: [{name: bot, type: slack, target: C0123456789, secret: 'env:TOKEN', server: '%s/api'}]\n", slack.URL)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, exit := runIn(t, dir, program, variable, "notify", "test"); exit != 1 || !strings.Contains(out, said) {
			t.Errorf("%s:%d: pullfix notify test says %q, with exit status %d, the page %q", alertsPage, l.number, out, exit, said)
		}
		slack.Close()
	}
	if tried == 0 {
		t.Errorf("%s shows no answer of Slack", alertsPage)
	}
}

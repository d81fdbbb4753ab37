package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pullfix/pullfix/iam"
)

const channels = `notify:
  - {name: platform, type: slack, target: C0123456789, secret: projects/ops/secrets/bot/versions/3, verdicts: [grant]}
  - {name: on-watch, type: slack-webhook, target: "env:WEBHOOK", verdicts: [alert]}
  - {name: mail, type: email, target: "a@example.com, b@example.com", server: "smtp://u@example.com:587", from: p@example.com, secret: "env:P"}
`

func TestChannels(t *testing.T) {
	p := must(Parse("rules.yaml", []byte(header+channels)))
	want := []Channel{
		{Name: "platform", Type: Slack, Target: "C0123456789", Secret: "projects/ops/secrets/bot/versions/3", Verdicts: []Verdict{Grant}},
		{Name: "on-watch", Type: SlackWebhook, Secret: "env:WEBHOOK", Verdicts: []Verdict{Alert}},
		{Name: "mail", Type: Email, Target: "a@example.com, b@example.com", Server: "smtp://u@example.com:587", From: "p@example.com", Secret: "env:P"},
	}
	if diff := cmp.Diff(want, p.Channels(), cmpopts.IgnoreUnexported(Channel{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTold(t *testing.T) {
	naming := func(names string) string {
		return strings.Replace(allowApps, "members:", "notify: "+names+"\n    members:", 1)
	}
	for _, test := range []struct {
		name, policy string
		verdict      Verdict
		want         []string
	}{
		{"all that want grants", channels + allowApps, Grant, []string{"platform", "mail"}},
		{"all that want alerts", channels + allowApps, Alert, []string{"on-watch", "mail"}},
		{"those of the rule", channels + naming("[mail]"), Alert, []string{"mail"}},
		{"of the rule's, those that want it", channels + naming("[mail, on-watch]"), Grant, []string{"mail"}},
		{"a grant that none of the rule's wants", channels + naming("[on-watch]"), Grant, nil},
		{"an alert that none of the rule's wants", channels + naming("[platform]"), Alert, []string{"on-watch", "mail"}},
		{"a rule whose channel is not there", channels + naming("[other]"), Grant, []string{"platform", "mail"}},
		{"no channels", allowApps, Alert, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := must(Parse("rules.yaml", []byte(header+test.policy)))
			if got := p.Told(p.Decide(failing()), test.verdict); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestAnAlertIsToldToSomebody holds that no rule keeps an alert from every
// channel that wants alerts.
func TestAnAlertIsToldToSomebody(t *testing.T) {
	p := must(Parse("rules.yaml", []byte(header+channels+allowApps+"deny: [{name: d, notify: [platform]}]")))
	for _, from := range []string{"app-one", "other"} {
		q := failing()
		q.From = must(iam.ParseProject(from))
		if p.Told(p.Decide(q), Alert) == nil {
			t.Errorf("from %s: nobody is told", from)
		}
	}
	if got := p.Told(Decision{}, Alert); !slices.Equal(got, []string{"on-watch", "mail"}) {
		t.Errorf("without a decision: got %q, want all that want alerts", got)
	}
}

func TestMoreChannels(t *testing.T) {
	p := must(Parse("rules.yaml", []byte(header+channels)))
	q, err := p.WithChannels(Channel{Name: "slack", Type: SlackWebhook, Secret: "env:S"})
	if err != nil || len(q.Channels()) != 4 || len(p.Channels()) != 3 {
		t.Errorf("got %d and %d channels and %v, want 4, 3 as before, and no error", len(q.Channels()), len(p.Channels()), err)
	}
	if _, err := p.WithChannels(Channel{Name: "mail"}); err == nil || !strings.Contains(err.Error(), `channel "mail": rules.yaml has a channel of that name`) {
		t.Errorf("a name that is taken: got %v", err)
	}
}

// TestSecretsInTheFileAreNotShown holds that whoever writes a secret into the
// file, against the advice, does not find it in the problems.
func TestSecretsInTheFileAreNotShown(t *testing.T) {
	const hunter = "https://hooks.slack.com/services/T/B/hunter2"
	for _, policy := range []string{
		"notify: [{name: a, type: slack-webhook, target: \"" + hunter + "\"}]",
		"notify:\n  - name: a\n    type: slack-webhook\n    target: " + hunter,
		"notify: [{name: a, type: slack, target: C0123456789, secret: xoxb-hunter2, other: 1}]",
		"notify:\n  - name: a\n    password: hunter2",
		"notify:\n  - name: a\n    Webhook: \"hunter2",
		"notify:\n  - {name: a, 'token' : hunter2, type: x}",
		"notify:\n  - name: a\n    secret: [hunter2]",
		"allow:\n  - name: a\n    secret: hunter2",
		"notify:\n  - {name: a, server: \"smtp://u:hunter2@example.com\", type: x}",
	} {
		_, err := Parse("rules.yaml", []byte(header+policy))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error without the secret", policy, err)
		}
	}
}

func TestProblemOfAChannel(t *testing.T) {
	p := must(Parse("rules.yaml", []byte(header+`notify:
  - name: mail
    type: email
    target: "nobody"
    server: smtp://u@example.com
    from: p@example.com
    template: |
      {{.Title}}
      {{.Other}}
`)))
	for _, test := range []struct {
		key  string
		line int
		want string
	}{
		{"target", 1, "rules.yaml:6:13: channel \"mail\": target: why\n  6 |     target: \"nobody\"\n    |             ^"},
		{"template", 2, "rules.yaml:11:1: channel \"mail\": template: why\n  11 |       {{.Other}}\n     | ^"},
	} {
		if got := p.Problem(p.Channels()[0], test.key, test.line, "why").Error(); got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

package channels

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/notify/email"
	"github.com/pullfix/pullfix/notify/slack"
	"github.com/pullfix/pullfix/rules"
)

const seed = `
projects: [{id: ops, number: 900000000009}]
secrets:
  - {name: projects/ops/secrets/hook, value: "hunter2\n"}
  - {name: projects/ops/secrets/blank, value: " \n"}
`

func TestSecrets(t *testing.T) {
	cloud, address := emulatortest.Start(t, seed)
	env := map[string]string{"HOOK": " hunter3\n", "EMPTY": ""}
	secrets := Secrets{Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Options: emulatortest.Options(address)}
	for _, test := range []struct{ reference, want, fail string }{
		{"projects/ops/secrets/hook/versions/latest", "hunter2", ""},
		{"projects/ops/secrets/hook/versions/1", "hunter2", ""},
		{"env:HOOK", "hunter3", ""},
		{"env:EMPTY", "", `secret "env:EMPTY": it is empty`},
		{"env:OTHER", "", `secret "env:OTHER": it is empty`},
		{"projects/ops/secrets/blank/versions/1", "", `secret "projects/ops/secrets/blank/versions/1": it is empty`},
		{"projects/ops/secrets/other/versions/1", "", `secret "projects/ops/secrets/other/versions/1": rpc error: code = NotFound`},
	} {
		got, err := secrets.Of(test.reference).Get(t.Context())
		if got != test.want || (err == nil) != (test.fail == "") || err != nil && !strings.HasPrefix(err.Error(), test.fail) {
			t.Errorf("%s: got %q and %v, want %q and %q", test.reference, got, err, test.want, test.fail)
		}
	}

	before := cloud.Calls()["AccessSecretVersion"]
	s := secrets.Of("projects/ops/secrets/hook/versions/1")
	for range 3 {
		if _, err := s.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.Forget()
	if _, err := s.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := cloud.Calls()["AccessSecretVersion"] - before; n != 2 {
		t.Errorf("the secret was read %d times, want once, and once more after it was forgotten", n)
	}
}

func TestABrokenSecretIsNotUsed(t *testing.T) {
	_, address := emulatortest.Start(t, seed)
	flip := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if got, ok := reply.(*secretmanagerpb.AccessSecretVersionResponse); ok && err == nil {
			got.GetPayload().Data[0] ^= 1
		}
		return err
	}
	options := append(emulatortest.Options(address), option.WithGRPCDialOption(grpc.WithUnaryInterceptor(flip)))
	_, err := Secrets{Options: options}.Of("projects/ops/secrets/hook/versions/1").Get(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), ": the checksum does not match its bytes") {
		t.Errorf("got %v, want an error about the checksum", err)
	}
}

func TestOpen(t *testing.T) {
	for _, test := range []struct {
		channel    rules.Channel
		want, fail string
	}{
		{rules.Channel{Name: "a", Type: rules.SlackWebhook, Secret: "env:A"}, fmt.Sprintf("%T", &slack.Webhook{}), ""},
		{rules.Channel{Name: "a", Type: rules.Slack, Target: "C0123456789", Secret: "env:A"}, fmt.Sprintf("%T", &slack.Bot{}), ""},
		{rules.Channel{Name: "a", Type: rules.Slack, Target: "C0123456789", Secret: "env:A", Server: "http://example.com"}, "", "slack bot: "},
		{rules.Channel{Name: "a", Type: rules.Email, Target: "a@example.com", Server: "smtp://example.com", From: "b@example.com"}, fmt.Sprintf("%T", &email.Sender{}), ""},
		{rules.Channel{Name: "a", Type: rules.Email, Target: "a", Server: "smtp://example.com", From: "b@example.com"}, "", "email: "},
		{rules.Channel{Name: "a", Type: rules.SlackWebhook, Secret: "env:A", Template: "{{"}, "", "template: template:1: "},
		{rules.Channel{Name: "a"}, "", "it has no type"},
	} {
		s, err := Open(test.channel, Secrets{})
		if got := fmt.Sprintf("%T", s); test.fail == "" && (err != nil || got != test.want) {
			t.Errorf("%+v: got %s and %v, want %s", test.channel, got, err, test.want)
		}
		if test.fail != "" && (err == nil || !strings.HasPrefix(err.Error(), test.fail)) {
			t.Errorf("%+v: got error %v, want %s…", test.channel, err, test.fail)
		}
	}
}

const policy = `apiVersion: pullfix/v1
notify:
  - name: bot
    type: slack
    target: C0123456789
    secret: env:TOKEN
    server: %s
  - name: mail
    type: email
    target: %s
    server: %s
    from: %s
    template: |
      %s
      {{range .Facts}}{{.Name}}: {{.Value}}
      {{end}}
`

func TestCheck(t *testing.T) {
	const api, to, server, from, text = "https://slack-gov.com/api", "a@example.com", "smtp://example.com", "b@example.com", "{{.Title}}"
	for _, test := range []struct {
		api, to, server, from, text string
		want                        []string
	}{
		{api, to, server, from, text, nil},
		{"http://example.com", to, server, from, text, []string{"r:7:13: "}},
		{api, "nobody", server, from, text, []string{"r:10:13: "}},
		{api, to, "ftp://example.com", from, text, []string{"r:11:13: "}},
		{api, to, "smtp://u@example.com", from, text, []string{"r:11:13: "}},
		{api, to, server, from, "{{(index .Links 0).URL}}", []string{"r:14:1: "}},
		{api, to, server, "nobody", text, []string{"r:12:11: "}},
		{api, to, server, from, "{{.Titel}}", []string{`r:14:1: channel "mail": template: a message has no field Titel: is Title meant?`}},
		{api, to, server, from, "{{if eq .Kind \"none\"}}{{.Titel}}{{end}}{{.Whom}}", []string{"r:14:1: ", "r:14:1: "}},
		{api, to, server, from, "{{.Title", []string{"r:15:1: "}},
		{api, "nobody", server, from, "{{.Titel}}", []string{"r:10:13: ", "r:14:1: "}},
	} {
		p, err := rules.Parse("r", fmt.Appendf(nil, policy, test.api, test.to, test.server, test.from, test.text))
		if err != nil {
			t.Fatal(err)
		}
		var problems rules.Problems
		if err := Check(p); err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		ok := len(problems) == len(test.want)
		for i := range problems {
			ok = ok && strings.HasPrefix(problems[i].Error(), test.want[i])
		}
		if !ok {
			t.Errorf("%+v: got\n%v", test, problems)
		}
	}
}

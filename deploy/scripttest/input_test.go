package scripttest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

// TestRefusesBadInput wants an error that names the flag, before anything is
// called.
func TestRefusesBadInput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("empty", "")
	s.file("two-lines", webhook+"\n"+webhook)
	s.file("http", "http://hooks.slack.example/services/sEcReT")
	s.file("broken.yaml", "broken for rules check")
	s.file("failing.yaml", "broken for rules test")
	s.file("open.yaml", "secret projects/app-*/secrets/bot\n")
	s.file("numbered.yaml", "secret projects/123456/secrets/bot\n")
	s.file("folders.yaml", "folders yes\n")
	const fine = "--project=ops --source=projects/app-one"
	for _, test := range []struct{ args, want string }{
		{"--source=projects/app-one", "--project: missing"},
		{"--project=ops", "--source: missing"},
		{"--project", "--project: its value is missing"},
		{"--project= --source=projects/app-one", "--project: its value is empty"},
		{"--project=123456 --source=projects/app-one", "--project: 123456: want the id"},
		{"--project=Ops --source=projects/app-one", "--project: Ops: want the id"},
		{"--project=ops- --source=projects/app-one", "--project: ops-: want the id"},
		{"--project=example.com:ops --source=projects/app-one", "--project: example.com:ops: want a project that is not scoped"},
		{"--project=" + strings.Repeat("a", 31) + " --source=projects/app-one", "--project: aaaa"},
		{"--project=ops --source=app-one", "--source: app-one: want"},
		{"--project=ops --source=projects/app-one/", "--source: projects/app-one/: want"},
		{"--project=ops --source=projects/*", "--source: 'projects/*': want"},
		{"--project=ops --source=folders/077 --organization=1", "--source: folders/077: want"},
		{"--project=ops --source=folders/77", "--source: folders/77: want --organization NUMBER too"},
		{"--project=ops --source=organizations/5 --organization=6", "organizations/5: it is not the --organization"},
		{fine + " --organization=acme", "--organization: acme: want"},
		{fine + " --region=us", "--region: us: want"},
		{fine + " --region=us-central1-a", "--region: us-central1-a: want"},
		{fine + " --max-instances=0", "--max-instances: 0: want a number from 1 to 100"},
		{fine + " --max-instances=101", "--max-instances: 101: want a number from 1 to 100"},
		{fine + " --concurrency=10,5", "--concurrency: 10,5: want"},
		{fine + " --concurrency=99999999999999999999", "--concurrency: 99999999999999999999: want"},
		{fine + " --retention-days=-1", "--retention-days: -1: want"},
		{fine + " --rules=none.yaml", "--rules: none.yaml: no file"},
		{fine + " --rules=.", "--rules: .: no file"},
		{fine + " --rules=broken.yaml", "--rules: broken.yaml: see above"},
		{fine + " --rules=failing.yaml", "--rules: failing.yaml: its tests fail"},
		{fine + " --rules=open.yaml", "--resource: missing: the rules name 'projects/app-*/secrets/bot'"},
		{fine + " --rules=numbered.yaml", "projects/123456: want the id of the project"},
		{fine + " --rules=numbered.yaml --organization=123", "projects/123456: want the id of the project"},
		{fine + " --rules=folders.yaml", "--organization: missing"},
		{fine + " --resource=secrets/bot", "--resource: secrets/bot: want the full name"},
		{fine + " --resource=projects/app-two/secrets/bot", "--resource: projects/app-two/secrets/bot: no rule"},
		{fine + " --formerly=app-one", "--formerly: app-one: want"},
		{fine + " --formerly=projects/app-one", "--formerly: projects/app-one: it is a --source"},
		{fine + " --formerly=projects/vault", "--formerly: projects/vault: rules of rules.yaml name it"},
		{fine + " --formerly=folders/7", "--formerly: folders/7: want --organization"},
		{fine + " --slack-webhook-file=none", "--slack-webhook-file: none: no file"},
		{fine + " --slack-webhook-file=empty", "--slack-webhook-file: empty: want one URL"},
		{fine + " --slack-webhook-file=two-lines", "--slack-webhook-file: two-lines: want one URL"},
		{fine + " --slack-webhook-file=http", "--slack-webhook-file: http: want one URL"},
		{fine + " --email-to=a@example.com", "--smtp: missing"},
		{fine + " --smtp=smtp://mail.example.com", "--email-from: missing"},
		{fine + " --smtp=smtp://mail.example.com --email-from=a@example.com", "--email-to: missing"},
		{fine + " --smtp=smtp://u:sEcReT@mail.example.com --email-from=a@example.com --email-to=a@example.com", "--smtp: it holds a password"},
		{fine + " --smtp=mail.example.com --email-from=a@example.com --email-to=a@example.com", "--smtp: mail.example.com: want"},
		{fine + " --smtp=smtp://mail.example.com --email-from=a@example.com --email-to=a@example.com;b@example.com", "--email-to:"},
		{fine + " --smtp=smtp://mail.example.com --email-from=a|b@example.com --email-to=a@example.com", "--email-from:"},
		{fine + " --smtp=smtp://mail.example.com --email-from=a@example.com --email-to=a@example.com --smtp-password-file=password.txt", "--smtp-password-file: want a user"},
		{fine + " --smtp=smtp://u@mail.example.com --email-from=a@example.com --email-to=a@example.com --smtp-password-file=empty", "--smtp-password-file: empty: it is empty"},
		{fine + " --notification-channel=1", "--notification-channel: 1: want its name"},
		{fine + " --notification-channel=projects/ops/notificationChannels/1/2", "--notification-channel: projects/ops/notificationChannels/1/2: want"},
		{fine + " --deployer=me", "--deployer: me: want the address"},
		{fine + " --otel=OTEL_EXPORTER_OTLP_ENDPOINT", "--otel: want NAME=VALUE"},
		{fine + " --otel=http://u:sEcReT@h:4318", "--otel: want NAME=VALUE"},
		{fine + " --otel=PULLFIX_MODE=observe", "--otel: PULLFIX_MODE: want"},
		{fine + " --otel=OTEL_SERVICE_NAME=a|PULLFIX_MODE=observe", "want a variable of OpenTelemetry"},
		{fine + " --otel=OTEL_SERVICE_NAME=a;b", "want a variable of OpenTelemetry"},
		{fine + " --otel=OTEL_EXPORTER_OTLP_ENDPOINT=https://user:sEcReT@collector:4318", "--otel: "},
		{fine + " --otel=OTEL_EXPORTER_OTLP_HEADERS=key=sEcReT", "--otel: OTEL_EXPORTER_OTLP_HEADERS: it can hold a secret"},
		{fine + " --otel=OTEL_EXPORTER_OTLP_TRACES_HEADERS=key=sEcReT", "it can hold a secret"},
		{fine + " --otel=OTEL_SDK_DISABLED=true --otel=OTEL_SDK_DISABLED=false", "--otel: OTEL_SDK_DISABLED: it is there twice"},
		{fine + " --project=other", "--project: it is there twice"},
		{fine + " --rules=rules.yaml --rules rules.yaml", "--rules: it is there twice"},
		{fine + " --source projects/app-one", "--source: projects/app-one: it is there twice"},
		{fine + " --source=projects/vault --resource=projects/vault/secrets/root --source=projects/vault", "--source: projects/vault: it is there twice"},
		{fine + " --resource=projects/vault/secrets/root --resource=projects/vault/secrets/root", "--resource: projects/vault/secrets/root: it is there twice"},
		{fine + " --formerly=projects/app-two --formerly=projects/app-two", "--formerly: projects/app-two: it is there twice"},
		{fine + " --notification-channel=projects/ops/notificationChannels/1 --notification-channel=projects/ops/notificationChannels/1", "it is there twice"},
		{fine + " --plan --destroy", "--plan: it shows what a first run does"},
		{fine + " --plan=yes", "--plan: it takes no value"},
		{fine + " --dry-run", "--dry-run: no such flag"},
		{fine + " more", "more: no such flag"},
	} {
		r := s.run(strings.Fields(test.args)...)
		s.refused(r, test.args, test.want)
	}
}

// refused wants an error, and that nothing was called, left or given away.
func (s *site) refused(r result, args, want string) {
	s.Helper()
	if r.status != 2 || !strings.Contains(r.err, "deploy.sh: ") || !strings.Contains(r.err, want) || len(r.calls) > 0 || r.out != "" {
		s.Errorf("deploy.sh %s: exit status %d, want 2 and %q\ncalls: %v\n%s%s", args, r.status, want, r.calls, r.out, r.err)
	}
	if strings.Contains(r.err, "sEcReT") {
		s.Errorf("deploy.sh %s: a secret shows: %s", args, r.err)
	}
}

// Texts that a shell could take for more than a text.
var hostile = []string{
	"$(touch owned)", "`touch owned`", "; touch owned", "| touch owned", "&& touch owned", "a b", "a\tb", "a\nb", "a'b", `a"b`, `a\b`,
	"$HOME", "${IFS}", "*", "?", "[a]", "~", "--help", "-", "!", "#", "é", "\u202e", "\x01{number}", "a\r", "%s", "a[$(touch owned)]",
}

// TestHostileInput puts each into each flag.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, flag := range []string{
		"--project", "--region", "--source", "--organization", "--rules", "--resource", "--formerly", "--retention-days", "--max-instances",
		"--concurrency", "--slack-webhook-file", "--smtp", "--smtp-password-file", "--email-from", "--email-to",
		"--notification-channel", "--deployer", "--otel",
	} {
		all := hostile
		if !further.Wanted(t) {
			all = hostile[:3]
		}
		for _, text := range all {
			args := []string{"--project=ops", "--source=projects/app-one"}
			if slices.Contains([]string{"--smtp", "--smtp-password-file", "--email-from", "--email-to"}, flag) {
				args = append(args, "--smtp=smtp://u@mail.example.com", "--email-from=a@example.com", "--email-to=a@example.com")
			}
			args = slices.DeleteFunc(args, func(arg string) bool { return strings.HasPrefix(arg, flag+"=") })
			s.refused(s.run(append(args, flag, text)...), flag+" "+text, flag+": ")
		}
	}
	for _, text := range hostile {
		if text == "--help" {
			continue
		}
		s.refused(s.run(text), text, ": no such flag")
	}
	if _, err := os.Stat(s.path("owned")); err == nil {
		t.Error("a command in an input was run")
	}
}

// TestStrangeFiles deploys with files whose names a shell could take for more.
func TestStrangeFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := []string{"a b.yaml", "-rules.yaml", "$(touch owned).yaml", "it's \"é\".yaml", "*.yaml"}
	if !further.Wanted(t) {
		names = []string{"-$(touch owned) it's \"é\" *.yaml"}
	}
	for _, name := range names {
		s.setWorld(newWorld())
		s.file(name, "secret projects/vault/secrets/*\n")
		s.file(name+".txt", webhook)
		s.must("--project=ops", "--source=projects/app-one", "--rules", name, "--slack-webhook-file", name+".txt")
		w := s.world()
		if got := w.Things["projects/ops/locations/us-central1/functions/pullfix"]["rules"]; got != "secret projects/vault/secrets/*\n" {
			t.Errorf("%s: the function has the rules %q", name, got)
		}
		if got := w.Things["projects/ops/secrets/pullfix-slack"]["value"]; got != webhook {
			t.Errorf("%s: the secret is %q", name, got)
		}
	}
	if _, err := os.Stat(s.path("owned")); err == nil {
		t.Error("a command in the name of a file was run")
	}
}

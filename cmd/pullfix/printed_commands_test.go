package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/brief/samples"
	"github.com/pullfix/pullfix/internal/further"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/notify/email"
	"github.com/pullfix/pullfix/notify/slack"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
)

// shown is a command as somebody can copy it.
type shown struct{ by, text string }

// fixed is a failure, what mends it, and where the command for that is shown.
type fixed struct {
	name  string
	entry []byte
	plan  remediate.Plan
	want  iam.Binding
	shown []shown
}

// TestPrintedCommands copies the gcloud commands out of all that pullfix prints,
// as they stand there, and has a shell and the real gcloud run them. Each makes
// the binding that it should, and what else is in the policy stays.
func TestPrintedCommands(t *testing.T) {
	gcloud, sh := further.Program(t, "gcloud"), further.Program(t, "sh")
	story, err := txtar.ParseFile("testdata/printed/commands.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all := failures(t, story)
	byCommand := map[string]fixed{}
	logged := logLines(t, story, all)
	for _, f := range all {
		f.shown = append(explained(t, f), told(t, f)...)
		f.shown = append(f.shown, shown{"the log", logged[f.name]})
		text, _ := f.plan.Commands()
		want := shellWords(t, sh, text)
		for _, s := range f.shown {
			if got := shellWords(t, sh, s.text); got != want {
				t.Errorf("%s, %s: a shell reads\n%swant\n%s", f.name, s.by, got, want)
			}
		}
		byCommand[want] = f
	}
	for _, s := range sampled(t) {
		if _, known := byCommand[shellWords(t, sh, s.text)]; !known {
			t.Errorf("%s: no failure of testdata/printed/commands.txtar has this command, so nothing is known of what it does:\n%s", s.by, s.text)
		}
	}
	for _, f := range byCommand {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t, gcloud, sh)
		})
	}
}

// failures reads the entries of the story, each with the binding that its
// command must make: resource, role and member.
func failures(t *testing.T, story *txtar.Archive) (all []fixed) {
	t.Helper()
	for _, file := range story.Files {
		part := strings.Fields(file.Name)
		if len(part) != 4 {
			continue
		}
		event, err := parse.Entry(file.Data)
		if err != nil || len(event.Findings) != 1 {
			t.Fatalf("%s: %v, want one finding: %v", part[0], event.Findings, err)
		}
		f := fixed{name: part[0], entry: file.Data, plan: remediate.NewPlan(event.Findings[0].Kind, event.Findings[0].Access)}
		for n, to := range []interface{ UnmarshalText([]byte) error }{&f.want.Resource, &f.want.Role, &f.want.Member} {
			if err := to.UnmarshalText([]byte(part[1+n])); err != nil {
				t.Fatalf("%s: %v", part[0], err)
			}
		}
		if f.plan.Binding != f.want {
			t.Fatalf("%s: planned %v, want %v", part[0], f.plan.Binding, f.want)
		}
		all = append(all, f)
	}
	return all
}

// copied matches a command with the lines that it goes on for.
var copied = regexp.MustCompile(`(?m)^[ \t]*gcloud (?:.*\\\n)*.*$`)

// explained are the commands that explain prints for the entry, and what it
// prints where the member is not known, after somebody has put it in.
func explained(t *testing.T, f fixed) (all []shown) {
	t.Helper()
	for _, format := range []string{"text", "json", "markdown"} {
		var out, errs bytes.Buffer
		entry := bytes.ReplaceAll(f.entry, []byte("\n"), nil)
		if status := run([]string{"explain", "--format", format}, bytes.NewReader(entry), &out, &errs); status != exitDone {
			t.Fatalf("explain: %d: %s", status, errs.String())
		}
		by, text := "explain --format "+format, copied.FindString(out.String())
		if format == "json" {
			var report struct{ Findings []explanation }
			if err := json.Unmarshal(out.Bytes(), &report); err != nil || len(report.Findings) != 1 {
				t.Fatalf("%s: %v: %s", by, err, out.String())
			}
			text = report.Findings[0].Commands.Gcloud
		}
		all = append(all, shown{by, text})
	}
	outline := strings.ReplaceAll(f.plan.Outline(), "MEMBER", f.want.Member.String())
	return append(all, shown{"explain, with the word MEMBER", outline})
}

// told are the commands of a message as people are sent it.
func told(t *testing.T, f fixed) []shown {
	t.Helper()
	gcloud, terraform := f.plan.Commands()
	return sentAs(t, f.name, notify.Message{Title: f.name, Gcloud: gcloud, Terraform: terraform, At: time.Unix(1, 0)})
}

func sampled(t *testing.T) (all []shown) {
	t.Helper()
	made, err := samples.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range made {
		if s.Message.Gcloud != "" {
			all = append(all, sentAs(t, s.Name, s.Message)...)
		}
	}
	return all
}

var (
	preformatted = regexp.MustCompile(`(?s)<pre[^>]*>(.*?)</pre>`)
	tag          = regexp.MustCompile(`<[^>]*>`)
)

func sentAs(t *testing.T, name string, m notify.Message) []shown {
	t.Helper()
	mail, err := email.Render(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := slack.Blocks(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := json.Marshal(content.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var elements any
	if err := json.Unmarshal(blocks, &elements); err != nil {
		t.Fatal(err)
	}
	code := preformatted.FindString(mail.HTML)
	return []shown{
		{name + " in a mail as text", copied.FindString(mail.Text)},
		{name + " in a mail as HTML", copied.FindString(html.UnescapeString(tag.ReplaceAllString(code, "")))},
		{name + " in Slack", slackCommand(elements)},
	}
}

// slackCommand finds the text that is a command and nothing else.
func slackCommand(element any) (found string) {
	switch e := element.(type) {
	case []any:
		for _, inner := range e {
			found += slackCommand(inner)
		}
	case map[string]any:
		for key, inner := range e {
			if text, ok := inner.(string); ok && key == "text" && strings.HasPrefix(text, "gcloud ") {
				return text
			}
			found += slackCommand(inner)
		}
	}
	return found
}

// logLines sends all entries to a function that has no channel, and returns the
// command that it logs for each.
func logLines(t *testing.T, story *txtar.Archive, all []fixed) map[string]string {
	t.Helper()
	dir, ports := t.TempDir(), make([]string, 2)
	for n := range ports {
		ports[n] = itoa(ownPort())
	}
	for _, file := range story.Files {
		if file.Name == "seed.yaml" {
			if err := os.WriteFile(filepath.Join(dir, file.Name), file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out bytes.Buffer
	serve := exec.CommandContext(t.Context(), "pullfix", "serve", "--emulator", "--seed", "seed.yaml", "--port", ports[0], "--emulator-port", ports[1])
	serve.Dir, serve.Stdout, serve.Stderr = dir, &out, &out
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	logged := map[string]string{}
	for _, f := range all {
		now := []byte(time.Now().UTC().Format(time.RFC3339Nano))
		entry := bytes.ReplaceAll(bytes.ReplaceAll(f.entry, []byte("2026-03-04T05:08:59.5Z"), now), []byte("entry-1"), []byte(f.name))
		push(t, "http://127.0.0.1:"+ports[0], f.name, entry)
	}
	_ = serve.Process.Signal(os.Interrupt)
	_ = serve.Wait()
	for line := range strings.Lines(out.String()) {
		var alert struct{ Event, Gcloud string }
		if json.Unmarshal([]byte(line), &alert) == nil && alert.Gcloud != "" {
			logged[alert.Event] = alert.Gcloud
		}
	}
	return logged
}

// push delivers an entry as Pub/Sub does, as soon as somebody listens.
func push(t *testing.T, url, id string, entry []byte) {
	t.Helper()
	body := fmt.Appendf(nil, `{"message":{"messageId":%q,"data":%q}}`, id, base64.StdEncoding.EncodeToString(entry))
	for range 3000 {
		answer, err := http.Post(url, "application/json", bytes.NewReader(body))
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %s", id, answer.Status)
		}
		return
	}
	t.Fatal("pullfix serve does not answer")
}

// shellWords are the arguments that a shell makes of a command, one a line.
func shellWords(t *testing.T, sh, text string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), sh, "-c", "gcloud() { printf '%s\\n' \"$@\"; }\n"+text).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", text, err, out)
	}
	return string(out)
}

// run has the command run by gcloud against a local Google Cloud, and compares
// the policy with what it was, and with what the function writes for the plan.
func (f fixed) run(t *testing.T, gcloud, sh string) {
	t.Helper()
	seed := seedOf(f.want)
	cloud, address := emulatortest.Start(t, seed)
	name := f.want.Resource.String()
	want := cloud.Policies()[name]
	add(want, f.want)

	cmd := exec.CommandContext(t.Context(), sh, "-c", f.shown[0].text)
	cmd.Env = gcloudAt(t, gcloud, address)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, f.shown[0].text, out)
	}
	got := cloud.Policies()[name]
	if !sameBindings(got, want) {
		t.Errorf("after\n%s\nthe policy is %v\nwant %v", f.shown[0].text, got.GetBindings(), want.GetBindings())
	}
	if grant, err := f.plan.Grant(iam.Principal{}); err == nil {
		if own := granted(t, seed, grant); !sameBindings(got, own) {
			t.Errorf("gcloud writes %v\nand the function %v", got.GetBindings(), own.GetBindings())
		}
	}
}

// granted is the policy after the function has granted.
func granted(t *testing.T, seed string, grant remediate.Grant) *iampb.Policy {
	t.Helper()
	cloud, address := emulatortest.Start(t, seed)
	clients := remediate.NewClients(emulatortest.Options(address)...)
	defer func() { _ = clients.Close() }()
	granter := &remediate.Granter{Services: clients.Policies, Calls: retry.Default}
	if change, err := granter.Grant(t.Context(), grant, nil, ""); err != nil || !change.Made {
		t.Errorf("%v: made %t: %v", grant.Binding(), change.Made, err)
	}
	return cloud.Policies()[grant.Binding().Resource.String()]
}

// add puts the member into the unconditional binding of the role.
func add(policy *iampb.Policy, b iam.Binding) {
	for _, held := range policy.GetBindings() {
		if held.GetRole() == b.Role.String() && held.GetCondition() == nil {
			held.Members = append(held.Members, b.Member.String())
			return
		}
	}
	policy.Bindings = append(policy.Bindings, &iampb.Binding{Role: b.Role.String(), Members: []string{b.Member.String()}})
}

// sameBindings leaves the order aside, which gcloud changes.
func sameBindings(a, b *iampb.Policy) bool {
	texts := func(p *iampb.Policy) (all []string) {
		for _, held := range p.GetBindings() {
			all = append(all, fmt.Sprintf("%s %q %s", held.GetRole(), slices.Sorted(slices.Values(held.GetMembers())), held.GetCondition().GetExpression()))
		}
		return slices.Sorted(slices.Values(all))
	}
	return slices.Equal(texts(a), texts(b))
}

var collections = map[iam.ResourceType]string{
	iam.RepositoryType: "repositories", iam.SecretType: "secrets", iam.ServiceType: "services", iam.JobType: "jobs",
	iam.ServiceAccountType: "serviceAccounts",
}

// seedOf is a local Google Cloud that holds the resource. Its policy has a
// condition, which makes gcloud careful, and others in the role.
func seedOf(b iam.Binding) string {
	r := b.Resource
	policy := fmt.Sprintf(`policy: {bindings: [
    {role: %[1]s, members: ["group:dev@example.com"]},
    {role: %[1]s, members: ["user:ann@example.com"], condition: {title: soon, expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}},
    {role: roles/viewer, members: ["user:bob@example.com"]}]}`, b.Role)
	switch r.Type() {
	case iam.ProjectType:
		return fmt.Sprintf("projects: [{id: %s, number: 111111111111, %s}]\n", r.Project(), policy)
	case iam.RepositoryType:
		policy = "format: docker, mode: standard, " + policy
	}
	return fmt.Sprintf("projects: [{id: %s, number: 111111111111}]\n%s: [{name: %s, %s}]\n", r.Project(), collections[r.Type()], r, policy)
}

// gcloudAt is the environment of somebody whose gcloud has never been used, and
// takes the local Google Cloud for the real one. Nothing answers what it asks.
func gcloudAt(t *testing.T, gcloud, address string) []string {
	t.Helper()
	env := []string{
		"PATH=" + filepath.Dir(gcloud) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CLOUDSDK_CONFIG=" + t.TempDir(),
		"CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true",
	}
	for _, service := range []string{"ARTIFACTREGISTRY", "SECRETMANAGER", "IAM", "RUN", "CLOUDRESOURCEMANAGER"} {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+service+"=http://"+address+"/")
	}
	return env
}

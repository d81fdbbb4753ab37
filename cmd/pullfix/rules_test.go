package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/rules"
)

const testedPolicy = `apiVersion: pullfix/v1
mode: enforce
allow:
  - name: apps
    kinds: [run-image]
    from: [projects/app-*]
    to: [projects/shared/**]
    members: [cloud-run-agent]
`

const failedEntry = `{"insertId": "e1", "logName": "projects/PROJECT/logs/cloudaudit.googleapis.com%2Fsystem_event", "timestamp": "2026-01-02T03:04:05Z",
"resource": {"type": "cloud_run_revision", "labels": {"project_id": "PROJECT", "location": "us-central1", "service_name": "web"}},
"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "run.googleapis.com", "resourceName": "namespaces/PROJECT/services/web",
"status": {"code": 9, "message": "Ready condition status changed to False for Service web with message: Google Cloud Run Service Agent service-111111111111@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image, us-central1-docker.pkg.dev/shared/apps/web:v1."},
"response": {"metadata": {"name": "web", "namespace": "111111111111"}}}}
`

func failedIn(project string) string { return strings.ReplaceAll(failedEntry, "PROJECT", project) }

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRulesExitStatus(t *testing.T) {
	test := func(expect string) string {
		return testedPolicy + "tests: [{name: t, event: e.json, expect: {verdict: " + expect + "}}]\n"
	}
	t.Chdir(writeFiles(t, map[string]string{
		"good.yaml": testedPolicy, "bad.yaml": testedPolicy + "allow: []\n", "warned.yaml": testedPolicy + "deny: [{name: all}]\n",
		"passes.yaml": test("grant"), "fails.yaml": test("alert"), "unread.yaml": strings.ReplaceAll(test("grant"), "e.json", "nowhere.json"),
		"other.yaml": strings.ReplaceAll(testedPolicy, "enforce", "observe"), "e.json": failedIn("app-one"), "quiet.json": `{"textPayload": "fine"}`,
	}))
	for line, want := range map[string]int{
		"check good.yaml":                            0,
		"check --format json good.yaml":              0,
		"check --format github good.yaml":            0,
		"check warned.yaml":                          1,
		"check --format json warned.yaml":            1,
		"check --format github warned.yaml":          1,
		"check bad.yaml":                             2,
		"check --format json bad.yaml":               2,
		"check --format github bad.yaml":             2,
		"check nowhere.yaml":                         2,
		"test good.yaml":                             0,
		"test passes.yaml":                           0,
		"test fails.yaml":                            1,
		"test --format json fails.yaml":              1,
		"test unread.yaml":                           2,
		"test --update unread.yaml":                  2,
		"test bad.yaml":                              2,
		"explain --rules good.yaml e.json":           0,
		"explain --rules good.yaml quiet.json":       1,
		"explain --rules bad.yaml e.json":            2,
		"diff good.yaml good.yaml e.json":            0,
		"diff good.yaml other.yaml quiet.json":       0,
		"diff good.yaml other.yaml e.json":           1,
		"diff good.yaml other.yaml e.json good.yaml": 2,
		"diff good.yaml bad.yaml e.json":             2,
	} {
		var out, errs bytes.Buffer
		if got := run(append([]string{"rules"}, strings.Fields(line)...), nil, &out, &errs); got != want {
			t.Errorf("%s: got status %d, want %d\n%s%s", line, got, want, &out, &errs)
		}
	}
}

func TestUpdateKeepsTheFile(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"e.json": failedIn("app-one"),
		"r.yaml": testedPolicy + "tests: [{name: t, event: e.json, expect: {verdict: alert}}]\n",
	})
	file := filepath.Join(dir, "r.yaml")
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	report, err := runRulesTests(file, nil, true)
	if err != nil || report.Updated != 1 {
		t.Fatalf("got %+v, %v, want one test updated", report, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got mode %s, %v, want it unchanged", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("got %v, %v in the folder, want no other file", left, err)
	}
}

// However many entries there are, a differ remembers what differs.
func TestDiffRemembersOnlyWhatDiffers(t *testing.T) {
	observing := strings.ReplaceAll(testedPolicy, "enforce", "observe")
	dir := writeFiles(t, map[string]string{"old.yaml": observing, "new.yaml": testedPolicy})
	d, err := newDiffer(filepath.Join(dir, "old.yaml"), filepath.Join(dir, "new.yaml"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var in strings.Builder
	for n := range 300 {
		in.WriteString(failedIn(fmt.Sprintf("app-%d", n%3)))
		in.WriteString(failedIn(fmt.Sprintf("other-%d", n)))
	}
	if err := d.readEntries(strings.NewReader(in.String())); err != nil {
		t.Fatal(err)
	}
	if d.entries != 600 || d.denials != 600 || d.changed != 300 || len(d.changes) != 3 {
		t.Errorf("got %d entries, %d denials, %d changed, %d changes; want 600, 600, 300, 3", d.entries, d.denials, d.changed, len(d.changes))
	}
}

// A comment on GitHub has an end.
func TestDiffMarkdownFitsInAComment(t *testing.T) {
	d := policyDiff{Changed: 5000}
	for n := range 5000 {
		d.Changes = append(d.Changes, decisionChange{1, change{
			asked: asked{"run-image", fmt.Sprintf("projects/app-%d", n), "projects/shared/locations/us-central1/repositories/apps", "user:a@example.com"},
			Old:   outcome{Verdict: "alert"}, New: outcome{Verdict: "ignore", Rule: "r"},
		}})
	}
	var out strings.Builder
	if err := diffMarkdown(&out, d); err != nil {
		t.Fatal(err)
	}
	if n := out.Len(); n > 65_000 || n < 50_000 {
		t.Errorf("got %d bytes, want less than a comment has, and not much less", n)
	}
	shown := strings.Count(out.String(), "\n| 1 |")
	if want := fmt.Sprintf("\nand %d changes of other denials\n", 5000-shown); !strings.HasSuffix(out.String(), want) {
		t.Errorf("got …%q at the end, want %q", out.String()[out.Len()-60:], want)
	}
}

// The first rule of an explanation is the one that decides.
func TestExplainedRuleDecides(t *testing.T) {
	policy, err := rules.Parse("rules.yaml", []byte(testedPolicy+"deny: [{name: vault, to: [projects/vault/**]}]\nignore: [{name: all, from: [projects/*]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	e := rulesExplainer{policy: policy}
	for project, want := range map[string]string{"app-one": "apps", "other": "all"} {
		event, err := parse.Entry([]byte(failedIn(project)))
		if err != nil || len(event.Findings) != 1 {
			t.Fatalf("got %+v, %v, want one finding", event, err)
		}
		x := e.explain(event, event.Findings[0], nil)
		if x.Rule != want || !x.Rules[0].Decides || x.Rules[0].Rule != want {
			t.Errorf("%s: got rule %q, and first %+v; want %q", project, x.Rule, x.Rules[0], want)
		}
	}
}

func BenchmarkRulesDiff(b *testing.B) {
	policy, err := rules.Parse("rules.yaml", []byte(testedPolicy))
	if err != nil {
		b.Fatal(err)
	}
	export := strings.Repeat(failedIn("app-one"), 100)
	b.SetBytes(int64(len(export)))
	for b.Loop() {
		d := differ{old: policy, new: policy.Observing(), changes: map[change]int{}, missing: map[string]struct{}{}}
		if err := d.readEntries(strings.NewReader(export)); err != nil {
			b.Fatal(err)
		}
	}
}

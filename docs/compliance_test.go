package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report"
)

const (
	compliancePage = "compliance.md"
	recordFolder   = "testdata/record"
)

// TestRecordFields wants a row for every field of a record, in the order of the
// format.
func TestRecordFields(t *testing.T) {
	var want []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[audit.Record]()) {
		want = append(want, f.Tag.Get("json"))
	}
	wantRows(t, "The fields", want)
}

// TestRecordWords wants a row for every word that the code has, and none for
// another.
func TestRecordWords(t *testing.T) {
	wantRows(t, "The phases", constants(t, "Phase"))
	wantRows(t, "The outcomes", constants(t, "Outcome"))
	wantRows(t, "The mismatches", constants(t, "Mismatch"))
	var flags []string
	for _, name := range cli["audit verify"] {
		flags = append(flags, "--"+name)
	}
	wantRows(t, "How to check it", flags)
	want, got := map[string]string{}, map[string]string{}
	for _, e := range report.Endings() {
		want[e.String()] = e.Meaning()
	}
	for word, row := range cells(t, compliancePage, "What came of it") {
		got[word] = row[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: endings -code +page\n%s", compliancePage, diff)
	}
	if line := fmt.Sprintf("lists the latest %d of each kind", report.MostEntries); !strings.Contains(pageOf(t, compliancePage).words(), line) {
		t.Errorf("%s does not say %q", compliancePage, line)
	}
}

// wantRows compares the first cells of the rows under a heading.
func wantRows(t *testing.T, title string, want []string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(cells(t, compliancePage, title)))
	if want = slices.Sorted(slices.Values(want)); !slices.Equal(want, got) {
		t.Errorf("%s: under %q: got rows for %q, the code has %q", compliancePage, title, got, want)
	}
}

// constants returns the words of the constants of the package audit that are
// called so.
func constants(t *testing.T, prefix string) (words []string) {
	t.Helper()
	for _, file := range sources(t, "audit") {
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				c, _ := spec.(*ast.ValueSpec)
				if strings.HasPrefix(c.Names[0].Name, prefix) && len(c.Values) == 1 {
					words = append(words, said(c.Values[0]))
				}
			}
		}
	}
	return words
}

// TestLongText holds how long a text of a record may be.
func TestLongText(t *testing.T) {
	m := regexp.MustCompile(`longer than ([0-9]+) bytes is cut`).FindStringSubmatch(pageOf(t, compliancePage).words())
	if m == nil {
		t.Fatalf("%s does not say how long a text may be", compliancePage)
	}
	var longest int
	must(fmt.Sscan(m[1], &longest))
	for length, whole := range map[int]bool{longest: true, longest + 1: false} {
		text := strings.Repeat("a", length)
		line := must(audit.Record{Reason: text}.Line())
		if bytes.Contains(line, []byte(`"`+text+`"`)) != whole {
			t.Errorf("a text of %d bytes: whole is not %t", length, whole)
		}
	}
}

// recordsShown are those of the file that the page is about.
func recordsShown(t *testing.T) (all []audit.Record) {
	t.Helper()
	for r, err := range audit.ReadFile(t.Context(), recordFolder+"/record.jsonl", audit.Query{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *r.Clone())
	}
	return all
}

// TestRecordFile wants the file to be as pullfix writes it, and the altered one
// to differ in one line.
func TestRecordFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	file, err := audit.OpenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recordsShown(t) {
		if err := file.Write(context.WithoutCancel(t.Context()), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	want := string(must(os.ReadFile(path)))
	if diff := cmp.Diff(want, string(must(os.ReadFile(recordFolder+"/record.jsonl")))); diff != "" {
		t.Errorf("record.jsonl -as written +there\n%s", diff)
	}
	lines, others := strings.Split(want, "\n"), strings.Split(string(must(os.ReadFile(recordFolder+"/altered.jsonl"))), "\n")
	if len(lines) != len(others) || lines[3] == others[3] || !slices.Equal(slices.Delete(lines, 3, 4), slices.Delete(others, 3, 4)) {
		t.Error("altered.jsonl: want record.jsonl with another fourth line")
	}
}

// TestProof holds that the record, the entry of the denial and Google's entry of
// the change agree as the page says, and that the page names what they have.
func TestProof(t *testing.T) {
	const event = "app-one-deploys"
	all := recordsShown(t)
	r := all[slices.IndexFunc(all, func(r audit.Record) bool { return r.Event == event && r.Outcome == audit.OutcomeApplied })]

	var entry struct{ InsertID, LogName, Timestamp string }
	if err := json.Unmarshal(must(os.ReadFile("testdata/"+event+".json")), &entry); err != nil {
		t.Fatal(err)
	}
	if at := r.At.Format("2006-01-02T15:04:05.999Z"); entry.InsertID != r.Event || entry.LogName != r.Log || entry.Timestamp != at {
		t.Errorf("the entry is %q, the record of %q in %q at %s", entry, r.Event, r.Log, at)
	}

	input, err := os.Open(recordFolder + "/activity.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.Close() }()
	found := false
	for c, err := range audit.ReadPolicyChanges("activity.json", input) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Reason != r.RequestReason() {
			continue
		}
		found = true
		got := []any{c.Resource, c.Deltas, c.EtagBefore, c.EtagAfter}
		want := []any{r.Resource, []audit.BindingDelta{{Role: r.Role, Member: r.Principal}}, r.EtagBefore, r.EtagAfter}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-record +change\n%s", diff)
		}
	}
	if !found {
		t.Errorf("activity.json: no change has the reason %q", r.RequestReason())
	}

	text := strings.Join(pageOf(t, compliancePage).lines, "\n")
	for _, want := range []string{
		"`" + r.RequestReason() + "`", `trace="projects/ops/traces/` + r.Key() + `"`, `response.etag="` + r.EtagAfter + `"`,
		`logName="` + r.Log + `"`, `insertId="` + r.Event + `"`, `reason:"event=` + r.Event + ` "`, `labels.event="` + r.Event + `"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not have %s", compliancePage, want)
		}
	}
}

// showTheRecord runs the commands of the page that read files, and compares what
// they print. Those that find a mismatch end with 1.
func showTheRecord(t *testing.T, program string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(recordFolder)); err != nil {
		t.Fatal(err)
	}
	const file = "--file=record.jsonl"
	exported, _ := runIn(t, dir, program, "", "audit", "list", file, "--format=json")
	entry := fmt.Sprintf("[%s]", must(os.ReadFile("testdata/app-one-deploys.json")))
	for name, text := range map[string]string{"exported.jsonl": exported, "entry.json": entry} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outputs := map[string]string{}
	for _, c := range commands(t) {
		if !strings.HasPrefix(c.at, compliancePage+":") || c.args[0] != "pullfix" || c.args[1] == "audit" && !slices.Contains(c.args, "--file") {
			continue
		}
		out, status := runIn(t, dir, program, "", c.args[1:]...)
		if status != 0 && (status != 1 || !strings.Contains(out, " mismatch")) {
			t.Errorf("%s: %q: exit status %d\n%s", c.at, c.args, status, out)
		}
		outputs[c.at] = out
	}
	if compare(t, compliancePage, outputs) == 0 {
		t.Errorf("%s shows what no command prints", compliancePage)
	}
	for name, row := range cells(t, compliancePage, "How to read it") {
		args := slices.Concat(strings.Fields(name)[1:], []string{file})
		if strings.HasSuffix(name, " show") {
			args = append(args, "app-one-deploys")
		}
		for _, format := range []string{"text", "json", "csv", "html", "markdown"} {
			out, status := runIn(t, dir, program, "", append(args, "--format="+format)...)
			if listed := strings.Contains(row[1], "`"+format+"`"); listed != (status == 0) {
				t.Errorf("%s: %s --format %s: listed %t, exit status %d\n%s", compliancePage, name, format, listed, status, out)
			}
		}
	}
}

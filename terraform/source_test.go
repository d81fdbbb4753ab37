package terraform

import (
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testSource holds that the archive has every file that the function is built of
// and no other: go mod tidy, which the functions buildpack runs, fails where a
// package is there and one that it imports is not.
func testSource(t *testing.T, w workspace) {
	const list = `{{if and .Module .Module.Main}}{{range $f := .GoFiles}}{{$.ImportPath}}/{{$f}} {{end}}` +
		`{{range $f := .IgnoredGoFiles}}{{$.ImportPath}}/{{$f}} {{end}}{{range $f := .EmbedFiles}}{{$.ImportPath}}/{{$f}} {{end}}{{end}}`
	want := []string{"go.mod", "go.sum"}
	for name := range strings.FieldsSeq(run(t, "..", "go", "list", "-deps", "-f", list, ".")) {
		name = strings.TrimPrefix(name, "github.com/pullfix/pullfix/")
		if !strings.HasSuffix(name, "_test.go") && name != "rules.yaml" {
			want = append(want, path.Clean(name))
		}
	}
	slices.Sort(want)
	for _, stray := range []string{"webhook.txt", "key.json", "notify/email/password.txt", "internal/retry/cover.out"} {
		write(t, filepath.Join(w.top, stray), "secret")
	}

	var text string
	var got []string
	out := w.ask(t, "jsonencode(local.files)", "-var", "project=ops", "-var", `sources=["projects/app-one"]`)
	if err := json.Unmarshal([]byte(out), &text); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the packages in function.tf: -needed +archived\n%s", diff)
	}
}

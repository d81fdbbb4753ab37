package parse

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what the parser finds as what the fixtures want")

// TestFixtures reads every shape in testdata. A fixture is two files of an
// archive: NAME.json (a log entry, for Entry), NAME.txt (for Text) or NAME.any
// (for Any), and NAME.want.
func TestFixtures(t *testing.T) {
	for _, path := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wants := map[string]string{}
			for _, f := range archive.Files {
				if name, ok := strings.CutSuffix(f.Name, ".want"); ok {
					wants[name] = string(f.Data)
				}
			}
			var files []txtar.File
			for _, in := range archive.Files {
				name, ext, _ := strings.Cut(in.Name, ".")
				if ext == "want" {
					continue
				}
				got := outcome(ext, in.Data)
				files = append(files, in, txtar.File{Name: name + ".want", Data: []byte(got)})
				if diff := cmp.Diff(wants[name], got); diff != "" && !*update {
					t.Errorf("%s (-want +got):\n%s", in.Name, diff)
				}
			}
			if archive.Files = files; *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func archives(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("testdata: no archives: %v", err)
	}
	return paths
}

// outcome runs the parser that the extension names, and prints what it found.
func outcome(ext string, data []byte) string {
	data = bytes.TrimSuffix(data, []byte("\n"))
	switch ext {
	case "json":
		e, err := Entry(data)
		if err != nil {
			return fmt.Sprintf("error: %v\n", err)
		}
		return showEvent(e) + show(e.Findings)
	case "any":
		findings, err := Any(data)
		if err != nil {
			return fmt.Sprintf("error: %v\n", err)
		}
		return show(findings)
	case "txt":
		return show(Text(string(data)))
	default:
		return fmt.Sprintf("error: unknown extension %q\n", ext)
	}
}

func showEvent(e Event) string {
	var b strings.Builder
	line(&b, "audit", fmt.Sprint(e.Audit))
	line(&b, "caller", e.Caller.String())
	return b.String()
}

func show(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "[%s]\n", f.Kind)
		line(&b, "principal", f.Access.Principal.String())
		line(&b, "permission", f.Access.Permission.String())
		line(&b, "resource", f.Access.Resource.String())
		line(&b, "image", f.Image.String())
		line(&b, "project", f.Project.String())
		line(&b, "number", f.Number.String())
		line(&b, "workload", f.Workload)
		line(&b, "location", f.Location)
		line(&b, "cause", f.Cause)
		line(&b, "doubt", f.Doubt)
		if f.Written != (Names{}) {
			line(&b, "written", fmt.Sprintf("%+v", f.Written))
		}
		line(&b, "message", strings.ReplaceAll(cut(f.Message, 100), "\n", " "))
	}
	if len(findings) == 0 {
		b.WriteString("nothing\n")
	}
	return b.String()
}

func line(b *strings.Builder, key, value string) {
	if value != "" {
		fmt.Fprintf(b, "  %-10s %s\n", key, value)
	}
}

// TestHostileEntries holds what the archive's comment promises, whatever its
// golden results say.
func TestHostileEntries(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/hostile-entries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range archive.Files {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		n++
		e, err := Entry(f.Data)
		if err != nil && len(e.Findings) > 0 {
			t.Errorf("%s: both an error and findings", f.Name)
		}
		for _, finding := range e.Findings {
			if mayGrant(e, finding) {
				t.Errorf("%s: grantable: %+v", f.Name, finding)
			}
		}
	}
	if n < 60 {
		t.Errorf("%d hostile entries, want at least 60", n)
	}
}

// TestHostileTexts does the same for texts, from which only commands are made.
func TestHostileTexts(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/hostile-text.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if !strings.HasSuffix(f.Name, ".txt") {
			continue
		}
		for _, finding := range Text(string(f.Data)) {
			if mayGrant(Event{Audit: true}, finding) {
				t.Errorf("%s: complete and without a doubt: %+v", f.Name, finding)
			}
		}
	}
}

// mayGrant reports whether the other packages could act on the finding.
func mayGrant(e Event, f Finding) bool {
	return e.Audit && f.Doubt == "" && grantable(f.Kind) && f.Access.Principal.IsServiceAccount() && !f.Access.Resource.IsZero()
}

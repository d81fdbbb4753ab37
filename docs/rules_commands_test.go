package docs_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// binary builds the command line.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pullfix")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../cmd/pullfix").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestCommandLine holds the pages against what is built from this folder's
// parent.
func TestCommandLine(t *testing.T) {
	program := binary(t)
	t.Run("shown", func(t *testing.T) { doWhatIsShown(t, program) })
	t.Run("flags", func(t *testing.T) { haveFlags(t, program) })
}

// doWhatIsShown runs the commands of the page about rules where its files and
// events are, and compares what they print with the text that follows.
func doWhatIsShown(t *testing.T, program string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "docs", "testdata"), os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	marks := map[string]string{}
	for _, s := range policiesShown(t) {
		if s.name == "" {
			continue
		}
		marks[s.name] = s.mark
		if err := os.WriteFile(filepath.Join(dir, s.name), []byte(s.file()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fences, outputs, compared := pageOf(t, rulesPage).fences, map[string]string{}, 0
	for _, c := range commands(t) {
		if !strings.HasPrefix(c.at, rulesPage+":") || len(c.args) < 3 || c.args[0] != "pullfix" || c.args[1] != "rules" || slices.Contains(c.args, "rules.yaml") {
			continue
		}
		cmd := exec.CommandContext(t.Context(), program, c.args[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		status := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			status = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if want := statusOf(c, marks); status != want {
			t.Errorf("%s: %q: exit status %d, want %d\n%s", c.at, c.args, status, want, out)
		}
		outputs[c.at] = string(out)
	}
	for i, f := range fences {
		out, ran := outputs[fmt.Sprintf("%s:%d", rulesPage, f.number)]
		if !ran || i+1 == len(fences) || fences[i+1].lang != "text" {
			continue
		}
		compared++
		if shown := fences[i+1]; !strings.HasPrefix(out, shown.text+"\n") {
			t.Errorf("%s:%d: the page shows\n%s\nthe command prints\n%s", rulesPage, shown.number, shown.text, out)
		}
	}
	if compared == 0 {
		t.Errorf("%s shows what no command prints", rulesPage)
	}
}

// statusOf returns the exit status that the page promises.
func statusOf(c command, marks map[string]string) int {
	switch c.args[2] {
	case "check":
		return map[string]int{"": 0, warned: 1, wrong: 2}[marks[c.args[len(c.args)-1]]]
	case "diff":
		return 1
	default:
		return 0
	}
}

var flagLine = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`)

// haveFlags compares the flags that may stand on a page with those that each
// command has.
func haveFlags(t *testing.T, program string) {
	t.Helper()
	for name, known := range cli {
		out, err := exec.CommandContext(t.Context(), program, append(strings.Fields(name), "--help")...).CombinedOutput()
		if err != nil {
			t.Errorf("pullfix %s: %v\n%s", name, err, out)
			continue
		}
		_, text, _ := strings.Cut(string(out), "\nFlags:\n")
		var flags []string
		for _, m := range flagLine.FindAllStringSubmatch(text, -1) {
			if m[1] != "help" {
				flags = append(flags, m[1])
			}
		}
		want := slices.Sorted(slices.Values(known))
		if slices.Sort(flags); !slices.Equal(flags, want) {
			t.Errorf("pullfix %s has the flags %q, the table of this test %q", name, flags, want)
		}
	}
}

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
	t.Run("record", func(t *testing.T) { showTheRecord(t, program) })
	t.Run("refused", func(t *testing.T) { sayWhatSlackSaid(t, program) })
	t.Run("flags", func(t *testing.T) { haveFlags(t, program) })
}

// doWhatIsShown runs the commands of the pages about policies where the files
// of the page and the events are, and compares what they print with the text
// that follows.
func doWhatIsShown(t *testing.T, program string) {
	t.Helper()
	endpoint := "PULLFIX_ENDPOINT=" + slackStandIn(t)
	for _, page := range policyPages {
		dir, marks := filesOf(t, page)
		outputs := map[string]string{}
		for _, c := range commands(t) {
			if !strings.HasPrefix(c.at, page+":") || !c.canBeRun() {
				continue
			}
			out, status := runIn(t, dir, program, endpoint, c.args[1:]...)
			if want := statusOf(c, marks); status != want {
				t.Errorf("%s: %q: exit status %d, want %d\n%s", c.at, c.args, status, want, out)
			}
			outputs[c.at] = out
		}
		if compare(t, page, outputs) == 0 {
			t.Errorf("%s shows what no command prints", page)
		}
	}
}

// filesOf writes the files of a page to a folder, and returns how they are
// marked.
func filesOf(t *testing.T, page string) (dir string, marks map[string]string) {
	t.Helper()
	dir, marks = t.TempDir(), map[string]string{}
	if err := os.CopyFS(filepath.Join(dir, "docs", "testdata"), os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	for _, s := range policiesShown(t, page) {
		if s.name == "" {
			continue
		}
		marks[s.name] = s.mark
		if err := os.WriteFile(filepath.Join(dir, s.name), []byte(s.file()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, marks
}

// canBeRun reports whether the page has all that the command needs.
func (c command) canBeRun() bool {
	return len(c.args) > 2 && c.args[0] == "pullfix" && (c.args[1] == "rules" || c.args[1] == "notify") && !slices.Contains(c.args, "rules.yaml")
}

// runIn runs a program in a folder, with one more variable.
func runIn(t *testing.T, dir, program, variable string, args ...string) (output string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), variable)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// compare returns how many of the outputs, by the place of the command, the page
// shows.
func compare(t *testing.T, page string, outputs map[string]string) (compared int) {
	t.Helper()
	fences := pageOf(t, page).fences
	for i, f := range fences {
		out, ran := outputs[fmt.Sprintf("%s:%d", page, f.number)]
		if !ran || i+1 == len(fences) || fences[i+1].lang != "text" {
			continue
		}
		compared++
		if shown := fences[i+1]; !strings.HasPrefix(out, shown.text+"\n") {
			t.Errorf("%s:%d: the page shows\n%s\nthe command prints\n%s", page, shown.number, shown.text, out)
		}
	}
	return compared
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

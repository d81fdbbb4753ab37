package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

func TestBuild(t *testing.T) {
	with := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/pullfix/pullfix", Version: version}, Settings: settings}
	}
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "032df075e1da42ca547594b4b3ce2fcb57f4a4b9"}
	at := debug.BuildSetting{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}
	changed := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	unchanged := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	for _, test := range []struct {
		name string
		info *debug.BuildInfo
		want string
	}{
		{"installed", with("v1.2.3"), "pullfix v1.2.3\ngo1.26.8 PLATFORM\n"},
		{"built from a tag", with("v1.2.3", commit, at, unchanged), "pullfix v1.2.3\ncommit 032df075e1da42ca547594b4b3ce2fcb57f4a4b9 of 2026-01-02T03:04:05Z\ngo1.26.8 PLATFORM\n"},
		{"built after changes", with("v1.2.4-0.20260102030405-032df075e1da+dirty", commit, at, changed), "pullfix v1.2.4-0.20260102030405-032df075e1da+dirty\ncommit 032df075e1da42ca547594b4b3ce2fcb57f4a4b9 of 2026-01-02T03:04:05Z, with changes\ngo1.26.8 PLATFORM\n"},
		{"run", with("(devel)"), "pullfix (devel)\ngo1.26.8 PLATFORM\n"},
		{"a commit of no time", with("", commit), "pullfix (devel)\ncommit 032df075e1da42ca547594b4b3ce2fcb57f4a4b9\ngo1.26.8 PLATFORM\n"},
		{"nothing is known", nil, "pullfix (devel)\n" + runtime.Version() + " PLATFORM\n"},
	} {
		var got strings.Builder
		if err := buildOf(test.info).print(&got); err != nil {
			t.Fatal(err)
		}
		if want := strings.ReplaceAll(test.want, "PLATFORM", platform); got.String() != want {
			t.Errorf("%s: got\n%swant\n%s", test.name, got.String(), want)
		}
	}
}

// TestReleaseIsStamped builds a program of the same module and with the same
// words in a checkout of a tag, as a release is built, and after a change.
func TestReleaseIsStamped(t *testing.T) {
	git, dir := further.Program(t, "git"), t.TempDir()
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GOFLAGS=-buildvcs=true",
			"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for from, to := range map[string]string{"../../go.mod": "go.mod", "../../go.sum": "go.sum", "version.go": "version.go"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const program = "package main\n\nimport \"os\"\n\nfunc main() { root := newVersion(); root.SetOut(os.Stdout); _ = root.Execute() }\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	run(git, "init", "-q")
	run(git, "add", "-A")
	run(git, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "release")
	run(git, "tag", "v1.2.3")
	commit := run(git, "rev-parse", "HEAD")

	binary := filepath.Join(t.TempDir(), "program")
	run("go", "build", "-o", binary, ".")
	if got, want := run(binary), "pullfix v1.2.3\ncommit "+commit+" of 2026-01-02T03:04:05Z\ngo"; !strings.HasPrefix(got, want) {
		t.Errorf("built from a tag: got\n%s\nwant\n%s…", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "more.go"), []byte("package main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("go", "build", "-o", binary, ".")
	var changed build
	if err := json.Unmarshal([]byte(run(binary, "--format", "json")), &changed); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(changed.Version, "+dirty") || !changed.Modified || changed.Commit != commit {
		t.Errorf("built after a change: got %+v", changed)
	}
}

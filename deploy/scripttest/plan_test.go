package scripttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/pullfix/pullfix/internal/further"
)

// TestHelp is what a newcomer reads first.
func TestHelp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, args := range [][]string{{"--help"}, {"-h"}, nil, {"--project=ops", "--help"}} {
		r := s.must(args...)
		golden(t, "help.txt", r.out)
		if len(r.calls) > 0 {
			t.Errorf("deploy.sh %q calls %v", args, r.calls)
		}
	}
}

// TestPlan wants every command of a first run, and runs them: they make the same
// world as a run.
func TestPlan(t *testing.T) {
	each(t, func(s *site, args []string) {
		before := s.world().String()
		r := s.must(append(args, "--plan")...)
		if len(r.calls) > 0 || s.world().String() != before || r.err != "" {
			s.Errorf("--plan calls %v, and says %q", r.calls, r.err)
		}
		if _, err := syntax.NewParser().Parse(strings.NewReader(r.out), "plan"); err != nil {
			s.Errorf("--plan prints what is no script: %v", err)
		}
		shown := strings.NewReplacer(s.path("checkout"), "SOURCE", filepath.Join(s.dir, "bin")+"/", "", s.dir, "HERE").Replace(steady(r.out))
		name := filepath.Base(s.Name())
		golden(s.T, name+".plan.txt", shown)

		if name == "wide" {
			further.Only(s, "takes long")
		}
		s.quiet(r)
		s.file("plan.sh", "set -euo pipefail\n"+r.out)
		cmd := exec.CommandContext(s.Context(), further.Find(s.T, "bash"), "plan.sh")
		cmd.Dir, cmd.Env = s.dir, s.with("FAKE_STEADY=1").env
		if out, err := cmd.CombinedOutput(); err != nil {
			s.Fatalf("the plan fails: %v\n%s", err, out)
		}
		golden(s.T, name+".world.txt", steady(s.world().String()))
		s.calls()
		s.idle(args...)
	})
}

// TestShellFormat holds the scripts to the format of shfmt -i 2 -ci.
func TestShellFormat(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join(top(t), "deploy", "*.sh"))
	if err != nil || len(scripts) < 5 {
		t.Fatalf("%q, %v", scripts, err)
	}
	for _, file := range append(scripts, filepath.Join(top(t), "deploy.sh")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := syntax.NewParser(syntax.KeepComments(true)).Parse(strings.NewReader(string(text)), file)
		if err != nil {
			t.Fatal(err)
		}
		var formatted strings.Builder
		if err := syntax.NewPrinter(syntax.Indent(2), syntax.SwitchCaseIndent(true)).Print(&formatted, parsed); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(formatted.String(), string(text)); diff != "" {
			t.Errorf("%s: run shfmt -i 2 -ci -w (-want +got):\n%s", file, diff)
		}
	}
}

package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts expect anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pullfix": main})
}

// scripts are all of them. Under the race detector, where each start of a process
// is slow, they are those in which a server does several things at once.
func scripts(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	if !underRace {
		return all
	}
	return slices.DeleteFunc(all, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && !serves.Match(text)
	})
}

var serves = regexp.MustCompile(`(?m)^exec pullfix (serve|emulator|demo)`)

// TestScripts runs the command as a person would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files:         scripts(t),
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			port, err := freePort()
			if err != nil {
				return err
			}
			other, err := freePort()
			if err != nil {
				return err
			}
			env.Setenv("PORT1", itoa(port))
			env.Setenv("PORT2", itoa(other))
			env.Setenv("LINES", "one\ntwo")
			return os.MkdirAll(filepath.Join(env.WorkDir, "tmp"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"post": post, "get": get, "policies": policies, "edit": edit, "first": firstLines},
	})
}

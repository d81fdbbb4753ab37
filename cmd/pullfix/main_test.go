package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts expect anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pullfix": main})
}

// TestScripts runs the command as a person would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
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

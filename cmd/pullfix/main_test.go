package main

import (
	"flag"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
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

// ownPort is a port at which nobody listens, and which nobody gets who asks for any:
// it is below those that the system deals out. Tests side by side get different ones.
func ownPort() int {
	for {
		port := lowestPort + int((firstPort+takenPorts.Add(1))%portRange)
		if l, err := net.Listen("tcp", net.JoinHostPort(loopback, itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
}

const (
	lowestPort = 20_000
	portRange  = 12_000
)

var (
	firstPort  = rand.Uint32N(portRange)
	takenPorts atomic.Uint32
)

var serves = regexp.MustCompile(`(?m)^exec pullfix (serve|emulator|demo)`)

// TestScripts runs the command as a person would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files:         scripts(t),
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PORT1", itoa(ownPort()))
			env.Setenv("PORT2", itoa(ownPort()))
			env.Setenv("LINES", "one\ntwo")
			return os.MkdirAll(filepath.Join(env.WorkDir, "tmp"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"post": post, "get": get, "policies": policies, "edit": edit, "first": firstLines},
	})
}

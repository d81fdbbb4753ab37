// Package further tells a test whether it runs as one of the further tests:
// those that need more than Go, or more than seconds. In come two variables of
// the environment and what the test needs; out comes the path of a program, or
// the test ends there.
//
// Where PULLFIX_FURTHER is empty, a further test is skipped; "all" asks for each
// case of those tests that otherwise take some. Where PULLFIX_NO_SKIP is not
// empty, a test that would be skipped fails. Only tests use the package.
package further

import (
	"os"
	"os/exec"
	"testing"
)

const (
	wanted = "PULLFIX_FURTHER"
	noSkip = "PULLFIX_NO_SKIP"
)

// Wanted tells whether the further tests run, for a test that otherwise does less
// and says so.
func Wanted(t testing.TB) bool {
	t.Helper()
	if os.Getenv(wanted) == "" {
		t.Logf("a further test: does more with %s=1", wanted)
		return false
	}
	return true
}

// All tells whether the further tests run with each of their cases.
func All() bool { return os.Getenv(wanted) == "all" }

// Only lets a test go on where the further tests run. The reason ends the
// sentence "a further test: …": "takes minutes".
func Only(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(wanted) == "" {
		Lack(t, "a further test: %s: set %s=1", reason, wanted)
	}
}

// Program returns the path of a program that a further test needs.
func Program(t testing.TB, name string) string {
	t.Helper()
	Only(t, "needs "+name)
	return Find(t, name)
}

// Find returns the path of a program that a test needs, be it a further one or
// not.
func Find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lack(t, "%s is missing: %v", name, err)
	}
	return path
}

// Lack ends a test that lacks something, and says what: it is skipped or fails.
func Lack(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(noSkip) != "" {
		t.Fatalf(format+" ("+noSkip+" is set)", args...)
	}
	t.Skipf(format, args...)
}

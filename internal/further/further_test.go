package further

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// outcome is a test that notes how it ended.
type outcome struct {
	testing.TB
	how, why string
}

func (o *outcome) Helper() {}

func (o *outcome) Skipf(format string, args ...any)  { o.end("skipped", format, args) }
func (o *outcome) Fatalf(format string, args ...any) { o.end("failed", format, args) }

func (o *outcome) end(how, format string, args []any) {
	o.how, o.why = how, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run runs a test in a goroutine of its own, as the testing package does.
func run(test func(testing.TB)) *outcome {
	o, done := &outcome{how: "ran"}, make(chan struct{})
	go func() {
		defer close(done)
		test(o)
	}()
	<-done
	return o
}

func TestEnds(t *testing.T) {
	bin := t.TempDir()
	there := filepath.Join(bin, "there")
	if err := os.WriteFile(there, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	var path string
	only := func(t testing.TB) { Only(t, "takes minutes") }
	program := func(t testing.TB) { path = Program(t, "there") }
	missing := func(t testing.TB) { Program(t, "absent") }
	find := func(t testing.TB) { Find(t, "absent") }
	const how, absent = "a further test: takes minutes: set PULLFIX_FURTHER=1", `absent is missing: exec: "absent": executable file not found in $PATH`
	const needs, set = "a further test: needs there: set PULLFIX_FURTHER=1", " (PULLFIX_NO_SKIP is set)"
	for _, test := range []struct {
		name            string
		test            func(testing.TB)
		further, noSkip string
		how, why        string
	}{
		{"plain", only, "", "", "skipped", how},
		{"plain, not to be skipped", only, "", "1", "failed", how + set},
		{"further", only, "1", "1", "ran", ""},
		{"plain, a program", program, "", "", "skipped", needs},
		{"plain, a program, not to be skipped", program, "", "1", "failed", needs + set},
		{"further, a program", program, "1", "1", "ran", ""},
		{"further, a program that is missing", missing, "1", "", "skipped", absent},
		{"further, a program that is missing, not to be skipped", missing, "all", "1", "failed", absent + set},
		{"plain, a program that plain tests need", find, "", "", "skipped", absent},
		{"plain, a program that plain tests need, not to be skipped", find, "", "1", "failed", absent + set},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(wanted, test.further)
			t.Setenv(noSkip, test.noSkip)
			if got := run(test.test); got.how != test.how || got.why != test.why {
				t.Errorf("%s, %q, want %s, %q", got.how, got.why, test.how, test.why)
			}
		})
	}
	if path != there {
		t.Errorf("the program is %s, want %s", path, there)
	}
}

func TestWanted(t *testing.T) {
	for value, want := range map[string][2]bool{"": {}, "1": {true, false}, "all": {true, true}} {
		t.Setenv(wanted, value)
		if got := [2]bool{Wanted(t), All()}; got != want {
			t.Errorf("%s=%q: wanted and all are %t, want %t", wanted, value, got, want)
		}
	}
}

package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// edit FROM TO PATTERN NEW copies a file with other words in it.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: edit FROM TO PATTERN NEW")
	}
	pattern, err := regexp.Compile(args[2])
	ts.Check(err)
	before := ts.ReadFile(args[0])
	after := pattern.ReplaceAllString(before, args[3])
	if after == before {
		ts.Fatalf("%q is not in %s", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(after), 0o600))
}

// firstLines FROM TO N copies so many lines of a file.
func firstLines(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: first FROM TO N")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	lines := strings.SplitAfterN(ts.ReadFile(args[0]), "\n", n+1)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines[:n], "")), 0o600))
}

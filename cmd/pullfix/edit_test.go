package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// edit FROM TO OLD=NEW copies a file with other words in it.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: edit FROM TO OLD=NEW")
	}
	before, after, _ := strings.Cut(args[2], "=")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.ReplaceAll(ts.ReadFile(args[0]), before, after)), 0o600))
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

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTerminal opens a pseudoterminal (pty(7)). The function returns what was
// written to it, and closes it.
func newTerminal(t *testing.T) (terminal *os.File, written func() string) {
	t.Helper()
	reader, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(reader.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(reader.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	all := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(reader) // ends with an error when the terminal is closed
		all <- string(text)
	}()
	return terminal, func() string {
		t.Helper()
		_ = terminal.Close()
		defer func() { _ = reader.Close() }()
		select {
		case text := <-all:
			return text
		case <-time.After(10 * time.Second):
			t.Fatal("the terminal does not end")
			return ""
		}
	}
}

// TestLongFilesAreWatched wants to see how far a long file is read, on a terminal
// that the output does not go to line by line meanwhile.
func TestLongFilesAreWatched(t *testing.T) {
	long, short := recordsOf(t, 12_000), recordsOf(t, 100)
	page := t.TempDir() + "/report"
	for _, c := range []struct {
		command, file string
		output        bool // goes to the terminal too
		want          bool
	}{
		{"verify", long, true, true},
		{"verify", long, false, true},
		{"verify", short, true, false},
		{"report", long, true, true},
		{"report --format html --output " + page, long, true, true},
		{"report --format csv", long, true, false},
		{"report --format csv --output " + page, long, true, true},
		{"report --format csv", long, false, true},
		{"list", long, true, false},
		{"list", long, false, true},
	} {
		terminal, written := newTerminal(t)
		out := io.Discard
		if c.output {
			out = terminal
		}
		status := run(strings.Fields("audit "+c.command+" --file "+c.file), nil, out, terminal)
		bar := c.file + " " // how it begins
		if got := strings.Contains(written(), bar); status != exitDone || got != c.want {
			t.Errorf("%s of %s, output to the terminal %t: status %d, a bar %t, want 0 and %t", c.command, c.file, c.output, status, got, c.want)
		}
	}
}

package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A test that needs another process runs this binary again, with what to do to
// which file in these variables.
const (
	roleVariable = "PULLFIX_TEST_AUDIT_ROLE"
	fileVariable = "PULLFIX_TEST_AUDIT_FILE"
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, os.Getenv(fileVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play is the life of another process: "hold" takes the lock and keeps it,
// "endless" writes until it is killed, and a number writes 200 events from
// there, odd hundreds from the last to the first, so that processes meet.
func play(role, path string) error {
	f, err := OpenFile(context.Background(), path)
	if err != nil {
		return err
	}
	if role == "hold" {
		return f.alone(context.Background(), func() error {
			fmt.Println("held")
			select {}
		})
	}
	first, count := 0, 1<<30
	if role != "endless" {
		if first, err = strconv.Atoi(role); err != nil {
			return err
		}
		count = 200
	}
	for n := range count {
		if first/100%2 == 1 {
			n = count - 1 - n
		}
		if err := f.Write(context.Background(), about(strconv.Itoa(first+n))); err != nil {
			return err
		}
	}
	return f.Close()
}

func about(event string) Record {
	r := record()
	r.Event = event
	return r
}

// process starts this binary in a role; it is dead when the test ends.
func process(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, fileVariable+"="+path)
	cmd.Stderr = os.Stderr
	t.Cleanup(func() {
		if cmd.Process != nil && cmd.ProcessState == nil {
			kill(t, cmd)
		}
	})
	return cmd
}

func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("a killed process ended well")
	}
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := OpenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func write(t testing.TB, f *File, records ...Record) {
	t.Helper()
	for _, r := range records {
		if err := f.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// wantEvents wants one whole line for each event from 0, in whatever order, and
// a chain through them.
func wantEvents(t *testing.T, path string, count int) {
	t.Helper()
	report, err := VerifyFile(t.Context(), path, VerifyOptions{}, nil)
	if err != nil || report.Counts[MismatchChain] > 0 {
		t.Errorf("the chain of %d lines: %v, %v", report.Records, report.Mismatches, err)
	}
	var got, want []string
	for n, line := range lines(t, path) {
		r, err := decode([]byte(line))
		if err != nil {
			t.Fatalf("line %d: %v: %s", n+1, err, line)
		}
		got = append(got, r.Event)
	}
	for n := range count {
		want = append(want, strconv.Itoa(n))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines, want one for each of %d events", len(got), count)
	}
}

func TestProcessesShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	var all []*exec.Cmd
	for n := range 4 {
		all = append(all, process(t, strconv.Itoa(n*100), path))
	}
	for _, cmd := range all {
		start(t, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	wantEvents(t, path, 500)
}

func TestFilesOfOneProcessShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	var all sync.WaitGroup
	for range 8 {
		f := open(t, path)
		all.Go(func() {
			for n := range 40 {
				if err := f.Write(context.Background(), about(strconv.Itoa(n))); err != nil {
					t.Error(err)
				}
				if found, err := FindInFile(context.Background(), path, strconv.Itoa(n)); err != nil || len(found) != 1 {
					t.Errorf("event %d: found %d records, error %v", n, len(found), err)
				}
			}
		})
	}
	all.Wait()
	wantEvents(t, path, 40)
}

func TestAKilledWriterHindersNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	for round := range 3 {
		cmd := process(t, "endless", path)
		start(t, cmd)
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			data, err := os.ReadFile(path)
			if err == nil && strings.Count(string(data), "\n") > 20*(round+1) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the other process wrote %d bytes", len(data))
			}
		}
		kill(t, cmd)
	}
	count := len(lines(t, path))
	f := open(t, path)
	for n := range count + 1 {
		write(t, f, about(strconv.Itoa(n)))
	}
	if got := len(lines(t, path)); got < count || got > count+1 { // a cut line is not one of them
		t.Errorf("got %d lines after %d", got, count)
	}
	wantEvents(t, path, len(lines(t, path)))
}

func TestAHeldLockEndsWithTheDeadlineOrItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f := open(t, path)
	cmd := process(t, "hold", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, errFind := FindInFile(ctx, path, "abc123")
	for _, err := range []error{f.Write(ctx, record()), errFind} {
		want := fmt.Sprintf("audit file %q: lock: another process holds it: ", path)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %s and the end of the time", err, want)
		}
	}
	kill(t, cmd)
	write(t, f, record())
}

func TestWhatACrashLeftIsCutOff(t *testing.T) {
	for _, left := range []string{`{"phase":"res`, "\x00\x00\x00", strings.Repeat("x", 200_000)} {
		path := filepath.Join(t.TempDir(), "record.jsonl")
		f, other := open(t, path), open(t, path)
		write(t, f, about("0"))
		if _, err := other.file.WriteString(left); err != nil {
			t.Fatal(err)
		}
		if got, err := FindInFile(t.Context(), path, "0"); err != nil || len(got) != 1 {
			t.Errorf("found %d records, error %v", len(got), err)
		}
		write(t, f, about("0"), about("1"))
		write(t, other, about("1"), about("2"))
		wantEvents(t, path, 3)
	}
}

func TestFileThatIsNoLongerTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		change func(path string) error
		want   string
	}{
		"deleted": {os.Remove, "no such file"},
		"moved": {func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, nil, 0o600))
		}, "another file has taken its place"},
		"cut": {func(path string) error { return os.Truncate(path, 10) }, "somebody cut it from "},
		"spoilt": {func(path string) error {
			data, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, slices.Concat(data, data, []byte("not a record\n")), 0o600))
		}, "line 3 is not a record: "},
	} {
		path := filepath.Join(t.TempDir(), "record.jsonl")
		f := open(t, path)
		write(t, f, record())
		if err := c.change(path); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err := f.Write(t.Context(), about("def456"))
			if prefix := fmt.Sprintf("audit file %q: ", path); err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %s… %s", name, err, prefix, c.want)
			}
		}
	}
}

func TestWhereAFileMayBe(t *testing.T) {
	if _, err := OpenFile(t.Context(), os.DevNull); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%s: got %v", os.DevNull, err)
	}
	target, link := filepath.Join(t.TempDir(), "record.jsonl"), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, link), about("0"))
	write(t, open(t, target), about("0"), about("1"))
	wantEvents(t, link, 2)
}

// TestLongTextsAreCut writes what Cloud Logging would refuse: it is cut, and what
// differs stays apart.
func TestLongTextsAreCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f := open(t, path)
	first, second := record(), record()
	first.Error, second.Error = strings.Repeat("\ue000", 300_000), strings.Repeat("\ue000", 300_001)
	second.Phase = PhaseDecision
	write(t, f, first, second)
	got, err := FindInFile(t.Context(), path, first.Event)
	if err != nil || len(got) != 2 {
		t.Fatalf("found %d records, error %v, want 2", len(got), err)
	}
	for _, r := range got {
		if len(r.Error) > longestText || !strings.Contains(r.Error, "…sha256:") {
			t.Errorf("an error of %d bytes ends %q, want at most %d and a hash", len(r.Error), r.Error[max(0, len(r.Error)-40):], longestText)
		}
	}
	if got[0].Error == got[1].Error {
		t.Error("two texts that differ look alike")
	}
}

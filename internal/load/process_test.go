package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/pullfix/pullfix" // so that go test runs these anew when the function changes
	"github.com/pullfix/pullfix/deploy"
)

// watchdog ends a wait that has no end. No test passes or fails by how fast
// anything is.
const watchdog = 2 * time.Minute

var folder string // of what is built

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "pullfix-load-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(folder, "function")
	ctx, cancel := context.WithTimeout(context.Background(), watchdog)
	defer cancel()
	if output, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./testdata/function").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the function: %w\n%s", err, output)
	}
	return binary, nil
})

// process is the function as it is deployed, in a process of its own.
type process struct {
	address string // host:port of the function
	watch   string // host:port that says what the process holds
	cmd     *exec.Cmd
	ended   chan struct{}
	output  string // name of the file
}

// start runs the function until the test ends. Somebody else may take a port
// between its choice and its use: then others are chosen.
func start(t *testing.T, env ...string) *process {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		p := launch(t, binary, env)
		if p.await(t) {
			return p
		}
		if output := p.tail(); !strings.Contains(output, "address already in use") {
			t.Fatalf("the function ended:\n%s", output)
		}
	}
	t.Fatal("somebody else takes every port")
	return nil
}

func launch(t *testing.T, binary string, env []string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{address: freeAddress(t), watch: freeAddress(t), output: filepath.Join(dir, "output"), ended: make(chan struct{})}
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(p.output)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.CommandContext(context.Background(), binary) // outlives the context of the test: its cleanup ends it
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"FUNCTION_TARGET=pullfix", "PORT=" + port, "WATCH=" + p.watch, "GOMEMLIMIT=" + deploy.MemoryLimit}, env...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		_ = output.Close()
		if t.Failed() {
			t.Logf("the end of what the function wrote:\n%s", p.tail())
		}
	})
	return p
}

// await waits until the function answers, and reports whether it does.
func (p *process) await(t *testing.T) bool {
	t.Helper()
	for began := time.Now(); time.Since(began) < watchdog; time.Sleep(10 * time.Millisecond) {
		select {
		case <-p.ended:
			return false
		default:
		}
		if answer, err := p.get("http://" + p.address + "/"); err == nil && strings.HasPrefix(answer, "pullfix: ") {
			return true
		}
	}
	t.Fatal("the function does not answer")
	return false
}

// get asks over a connection that nobody else uses.
func (p *process) get(url string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: watchdog}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// tail is the end of what the process has written.
func (p *process) tail() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4<<10):])
}

// held is what a process holds while it does nothing.
type held struct {
	goroutines int
	heap       int // bytes
}

func (p *process) held(t *testing.T) (h held) {
	t.Helper()
	text, err := p.get("http://" + p.watch + "/held")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(text, &h.goroutines, &h.heap); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return h
}

// settles waits until the process runs no more goroutines than it did before.
// What clients left behind may take its time to be found out.
func (p *process) settles(t *testing.T, before held) {
	t.Helper()
	after := p.held(t)
	for began := time.Now(); after.goroutines > before.goroutines && time.Since(began) < watchdog; after = p.held(t) {
		time.Sleep(50 * time.Millisecond)
	}
	if after.goroutines > before.goroutines {
		stacks, err := p.get("http://" + p.watch + "/stacks")
		t.Errorf("%d goroutines, want the %d of before:\n%s %v", after.goroutines, before.goroutines, stacks, err)
	}
}

// forget has the peak of the memory count from now on
// (https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html).
func (p *process) forget(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	if err := os.WriteFile(p.proc("clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// peak is the most memory that the process had since, resident, in MiB; 0 where
// the system does not say it.
func (p *process) peak(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	text, err := os.ReadFile(p.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kibibytes, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kibibytes >> 10
		}
	}
	t.Fatal(errors.New("no VmHWM among what the system says of the process"))
	return 0
}

func (p *process) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

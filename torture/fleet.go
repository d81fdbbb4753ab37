package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pullfix/pullfix/torture/check"
	"github.com/pullfix/pullfix/torture/world"
)

const loopback = "127.0.0.1"

// build makes the program of an instance, in a folder.
func build(ctx context.Context, folder string) (path string, err error) {
	path = filepath.Join(folder, "instance")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/pullfix/pullfix/torture/instance").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build an instance: %w: %s", err, out)
	}
	return path, nil
}

// environment are the settings of every instance.
func environment(cloud, slack, rules string) []string {
	all := []string{
		"GOMAXPROCS=1", "GOMEMLIMIT=200MiB", "FUNCTION_TARGET=pullfix", "PULLFIX_PROJECT=" + world.Home, "PULLFIX_ENDPOINT=" + cloud, "PULLFIX_RULES=" + rules,
		"PULLFIX_LEDGER=firestore", "PULLFIX_AUDIT=cloud",
	}
	for _, name := range world.Channels() {
		all = append(all, world.Hook(name)+"="+slack+"/"+name)
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		all = append(all, name+"="+os.Getenv(name))
	}
	return all
}

// instance is one instance of the function, in a process of its own. When that
// is killed, another one takes its place.
type instance struct {
	program string
	env     []string
	url     string
	said    *said

	mu     sync.Mutex
	cmd    *exec.Cmd
	killed bool
	up     chan struct{} // closed while it serves
	fallen []string
}

func newInstance(ctx context.Context, program string, env []string, said *said) (*instance, error) {
	address, err := free(ctx)
	if err != nil {
		return nil, err
	}
	port := "PORT=" + strings.TrimPrefix(address, loopback+":")
	return &instance{program: program, env: append(env, port), url: "http://" + address, said: said, up: make(chan struct{})}, nil
}

// free is an address at which nobody listens.
func free(ctx context.Context) (address string, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// pid is the process that runs now.
func (i *instance) pid() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.cmd.Process.Pid
}

// run keeps the instance running until the context ends.
func (i *instance) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := i.once(ctx); err != nil {
			i.mu.Lock()
			i.fallen = append(i.fallen, err.Error())
			i.mu.Unlock()
			_ = pause(ctx, time.Second)
		}
	}
}

// once runs one process. The error is how it ended, where nobody wanted that.
func (i *instance) once(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, i.program)
	cmd.Env = i.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	trouble := &tail{}
	cmd.Stderr = trouble
	if err := cmd.Start(); err != nil {
		return err
	}
	i.mu.Lock()
	i.cmd, i.killed = cmd, false
	i.mu.Unlock()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	go i.announce(serving)
	i.said.read(out)
	err = cmd.Wait()
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-i.up:
		i.up = make(chan struct{})
	default:
	}
	if i.killed || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%w: %s", err, trouble)
}

// announce says when the instance takes connections.
func (i *instance) announce(ctx context.Context) {
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(i.url, "http://"))
		if err == nil {
			_ = connection.Close()
			break
		}
		if pause(ctx, 2*time.Millisecond) != nil {
			return
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if ctx.Err() == nil {
		close(i.up)
	}
}

// await waits until the instance serves.
func (i *instance) await(ctx context.Context) {
	i.mu.Lock()
	up := i.up
	i.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
	}
}

// kill ends the process as a machine that fails does, once it serves.
func (i *instance) kill(ctx context.Context) {
	i.await(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	if ctx.Err() == nil {
		i.killed = true
		_ = i.cmd.Process.Kill()
	}
}

// said is what instances say in their logs about somebody who may not have been
// told, and how many of their other lines are errors.
type said struct {
	mu      sync.Mutex
	unsure  []check.Line
	unnoted []string       // events
	errors  map[string]int // by message
}

// What is said of telling.
const (
	unsure  = "it is not known whether somebody was told"
	unnoted = "the ledger could not note that somebody was told"
)

func (s *said) read(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		var l struct {
			Severity string `json:"severity"`
			Message  string `json:"message"`
			Event    string `json:"event"`
			Channel  string `json:"channel"`
		}
		if json.Unmarshal(line, &l) == nil && (l.Severity == "ERROR" || l.Message == unnoted) {
			s.add(l.Message, check.Line{Channel: l.Channel, Event: l.Event})
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_, _ = io.Copy(io.Discard, out)
			}
			return
		}
	}
}

func (s *said) add(message string, l check.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case message == unnoted:
		s.unnoted = append(s.unnoted, l.Event)
	case strings.HasPrefix(message, unsure):
		s.unsure = append(s.unsure, l)
	default:
		s.errors[message]++
	}
}

// tail keeps the end of what is written.
type tail struct{ text []byte }

const longestTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-longestTail):]
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }

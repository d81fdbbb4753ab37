package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/pullfix/pullfix/bench/event"
	"github.com/pullfix/pullfix/bench/load"
	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/deploy"
)

// loopback is where everything listens.
const loopback = "127.0.0.1"

// memoryLimit is that of a deployment.
const memoryLimit = "GOMEMLIMIT=" + deploy.MemoryLimit

// startLimit is how long a process may take to its first answer.
const startLimit = 20 * time.Second

// server is a running function.
type server struct {
	address string
	cmd     *exec.Cmd
	output  *bytes.Buffer
	began   time.Time     // just before it was executed
	first   time.Duration // from there to its first answer
}

// startServer executes a function on the server's core, as Cloud Run does with
// one vCPU, and sends it an event of which nothing comes.
func (b *bench) startServer(ctx context.Context, binary, target string, env ...string) (*server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	s := &server{address: address, cmd: exec.CommandContext(ctx, binary), output: &bytes.Buffer{}}
	s.cmd.Dir, s.cmd.Stderr = b.dir, s.output
	s.cmd.Env = append([]string{"FUNCTION_TARGET=" + target, "PORT=" + port, "GOMAXPROCS=1", memoryLimit, "PULLFIX_PROJECT=ops"}, append(env, b.env...)...)
	s.began = time.Now()
	if err := b.cores.StartServer(s.cmd); err != nil {
		return nil, err
	}
	for {
		_, err := load.Run{Address: address, Connections: 1, Count: 1, Request: b.request(event.Success)}.Do(ctx)
		if err == nil {
			s.first = time.Since(s.began)
			return s, nil
		}
		if refused := (*net.OpError)(nil); !errors.As(err, &refused) || refused.Op != "dial" || time.Since(s.began) > startLimit || ctx.Err() != nil {
			s.stop()
			return nil, fmt.Errorf("%s does not answer: %w: %s", target, err, s.output)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// freeAddress is one that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *server) memory() (machine.Memory, error) { return machine.MemoryOf(s.cmd.Process.Pid) }

// stop kills the process and waits for its end.
func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// cloud is a running local Google Cloud.
type cloud struct {
	address string
	cmd     *exec.Cmd
}

// startCloud runs a local Google Cloud on the client's cores.
func (b *bench) startCloud(ctx context.Context, seed []byte) (*cloud, error) {
	file, err := b.write("seed.yaml", seed)
	if err != nil {
		return nil, err
	}
	c := &cloud{cmd: exec.CommandContext(ctx, b.built.pullfix, "emulator", "--port", "0", "--seed", file)}
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var failed bytes.Buffer
	c.cmd.Stderr = &failed
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if c.address = strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]); err != nil || c.address == "" {
		c.stop()
		return nil, fmt.Errorf("the local Google Cloud does not start: %q %w: %s", line, err, &failed)
	}
	return c, nil
}

func (c *cloud) stop() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// calls returns how often each method was called.
func (c *cloud) calls(ctx context.Context) (calls map[string]int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.address+"/_emulator/calls", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return calls, json.NewDecoder(resp.Body).Decode(&calls)
}

// sum adds up the calls of all methods.
func sum(calls map[string]int) (all int) {
	for _, n := range calls {
		all += n
	}
	return all
}

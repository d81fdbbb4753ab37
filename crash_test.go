package pullfix

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/settings"
)

// TestMain also serves the function, where a test starts this program anew to
// have an instance that it can kill.
func TestMain(m *testing.M) {
	if os.Getenv("PULLFIX_TEST_INSTANCE") != "" {
		if err := serveInstance(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveInstance serves the function at a port of its own, which it prints, at
// the time of the stories.
func serveInstance() error {
	s, err := settings.Read(os.LookupEnv, defaultRules)
	if err != nil {
		return err
	}
	f := newFunction(s, os.Stdout)
	f.measure(nil, quick)
	f.now = func() time.Time { return now }
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, f)
}

// instance is a function in a process of its own.
type instance struct {
	url   string
	cmd   *exec.Cmd
	ended chan struct{}
	log   *lockedBuffer
}

func startInstance(t *testing.T, env []string) *instance {
	t.Helper()
	i := &instance{cmd: exec.Command(os.Args[0]), ended: make(chan struct{}), log: &lockedBuffer{}}
	i.cmd.Env = append(os.Environ(), append(env, "PULLFIX_TEST_INSTANCE=1")...)
	i.cmd.Stderr = os.Stderr
	out, err := i.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	address, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the instance does not say where it listens: %v", err)
	}
	i.url = "http://" + strings.TrimSpace(address)
	go func() {
		_, _ = lines.WriteTo(i.log)
		_ = i.cmd.Wait()
		close(i.ended)
	}()
	t.Cleanup(i.kill)
	return i
}

// kill ends the process as a machine that fails does.
func (i *instance) kill() {
	_ = i.cmd.Process.Kill()
	<-i.ended
}

// crash is a world in which the instance is killed at a moment of its work.
type crash struct {
	stage *stage
	*witness
	env []string

	mu      sync.Mutex
	moments []string // that have passed
	fatal   int      // the moment at which the instance dies; 0 is never
	dies    func()
}

func newCrash(t *testing.T, story *txtar.Archive, member string) *crash {
	t.Helper()
	if underRace {
		t.Skip("the race detector makes each start of a process take seconds, and says nothing in one that is killed")
	}
	c := &crash{stage: &stage{client: &http.Client{Timeout: 20 * time.Second}, slack: newSlackServer(t, "")}}
	var address string
	c.stage.cloud, address = emulatortest.Start(t, section(story, "seed.yaml"))
	c.witness = newWitness(c.stage.cloud, member)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(section(story, "rules.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.env = []string{
		"PULLFIX_PROJECT=ops", "PULLFIX_ENDPOINT=" + address, "PULLFIX_SLACK=" + c.stage.slack.url, "PULLFIX_RULES=" + rules,
		"PULLFIX_LEDGER=firestore", "FIRESTORE_EMULATOR_HOST=",
	}
	c.stage.cloud.Watch(func(call emulator.Call) {
		c.watch(call)
		c.pass(fmt.Sprintf("%s carried out %t", call.Method, call.Done))
	})
	c.stage.slack.watch = func(done bool) { c.pass(fmt.Sprintf("message taken %t", done)) }
	return c
}

// pass notes a moment, and holds it until the instance is dead where it is the
// fatal one.
func (c *crash) pass(moment string) {
	c.mu.Lock()
	c.moments = append(c.moments, moment)
	dies := c.dies
	fatal := len(c.moments) == c.fatal
	c.mu.Unlock()
	if fatal {
		dies()
	}
}

// play delivers the event to an instance that dies at a moment, and then to
// others until it is done with. It returns what the last one logged.
func (c *crash) play(t *testing.T, entry []byte, fatal int) string {
	t.Helper()
	first := startInstance(t, c.env)
	c.mu.Lock()
	c.fatal, c.dies = fatal, first.kill
	c.mu.Unlock()
	c.stage.url = first.url
	if c.survives(t, entry) {
		return first.log.String()
	}
	second := startInstance(t, c.env)
	c.stage.url = second.url
	for range mostDeliveries {
		if c.survives(t, entry) {
			second.kill()
			return first.log.String() + second.log.String()
		}
	}
	t.Errorf("the event was not done with after %d deliveries", mostDeliveries)
	return second.log.String()
}

// survives delivers the event and reports whether it is done with.
func (c *crash) survives(t *testing.T, entry []byte) bool {
	t.Helper()
	headers, body, _ := wrap("1", "binary", entry)
	status, err := c.stage.request(t, headers, body)
	return err == nil && status == http.StatusNoContent
}

// TestKilledAtEveryMoment kills the process of the function at each call that
// it makes, before and after the call is carried out, and delivers the event
// again.
func TestKilledAtEveryMoment(t *testing.T) {
	for _, name := range []string{"granted", "not-allowed", "refused-permission"} {
		story, entry := load(t, name)
		calm := newCrash(t, story, agentOne)
		calm.play(t, entry, 0)
		moments := calm.moments
		if len(moments) < 10 {
			t.Fatalf("%s: only %d moments: %v", name, len(moments), moments)
		}
		for n, moment := range moments {
			t.Run(fmt.Sprintf("%s/%d, %s", name, n+1, moment), func(t *testing.T) {
				t.Parallel()
				c := newCrash(t, story, agentOne)
				log := c.play(t, entry, n+1)
				c.hold(t, c.stage.tellings(), log)
			})
		}
	}
}

package emulatortest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/further"
)

// googleEmulator is one of the emulators that Google ships with gcloud. It runs
// on Java.
type googleEmulator struct {
	name      string // as people call it
	command   string // of gcloud beta emulators
	component string // of gcloud, and the folder that it is in
}

// start runs the emulator until the end of the test, and returns its address.
func (g googleEmulator) start(t testing.TB, args ...string) (address string) {
	t.Helper()
	g.require(t)
	address = freeAddress(t)
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "gcloud", append([]string{
		"beta", "emulators", g.command, "start", "--host-port=" + address, "--project=demo-project",
	}, args...)...)
	cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+t.TempDir(), "CLOUDSDK_CORE_DISABLE_PROMPTS=1")
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 10 * time.Second
	endWithChildren(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed in the end
		close(ended)
	}()
	t.Cleanup(func() { <-ended })

	patience := time.After(time.Minute)
	for !answers(t.Context(), address) {
		select {
		case <-ended:
			t.Fatalf("Google's %s emulator ended: %s", g.name, output.String())
		case <-patience:
			t.Fatalf("Google's %s emulator: no answer in a minute", g.name)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return address
}

func (g googleEmulator) require(t testing.TB) {
	t.Helper()
	for _, program := range []string{"gcloud", "java"} {
		further.Program(t, program)
	}
	// gcloud would download what it lacks.
	root, err := exec.CommandContext(t.Context(), "gcloud", "info", "--format=value(installation.sdk_root)").Output()
	if err != nil {
		t.Fatalf("gcloud info: %v", err)
	}
	if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(root)), "platform", g.component)); err != nil {
		further.Lack(t, "gcloud lacks the component %s: %v", g.component, err)
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// answers tells whether the emulator greets, which it does when it is ready.
func answers(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

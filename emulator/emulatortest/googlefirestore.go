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
)

// GoogleFirestore runs Google's own Firestore emulator, which is empty, and
// returns its address. It ends with the test. It takes any project and shows
// what the local Google Cloud is to answer
// (https://cloud.google.com/sdk/gcloud/reference/beta/emulators/firestore).
//
// The test is skipped unless PULLFIX_FURTHER is set and gcloud, its Firestore
// emulator and java are there. Where PULLFIX_NO_SKIP is set it fails instead.
func GoogleFirestore(t testing.TB) (address string) {
	t.Helper()
	requireGoogleFirestore(t)
	address = freeAddress(t)
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "gcloud", "beta", "emulators", "firestore", "start", "--host-port="+address, "--project=demo-project")
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
			t.Fatalf("Google's Firestore emulator ended: %s", output.String())
		case <-patience:
			t.Fatal("Google's Firestore emulator: no answer in a minute")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return address
}

func requireGoogleFirestore(t testing.TB) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("PULLFIX_NO_SKIP") != "" {
		skip = t.Fatalf
	}
	if os.Getenv("PULLFIX_FURTHER") == "" {
		skip("set PULLFIX_FURTHER=1 to run the tests that need Google's Firestore emulator")
	}
	for _, program := range []string{"gcloud", "java"} {
		if _, err := exec.LookPath(program); err != nil {
			skip("%s is missing: %v", program, err)
		}
	}
	// gcloud would download what it lacks.
	root, err := exec.CommandContext(t.Context(), "gcloud", "info", "--format=value(installation.sdk_root)").Output()
	if err != nil {
		t.Fatalf("gcloud info: %v", err)
	}
	if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(root)), "platform", "cloud-firestore-emulator")); err != nil {
		skip("gcloud lacks the component cloud-firestore-emulator: %v", err)
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

package doctor

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built returns a folder with the command in it.
func built(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "pullfix"), "../../cmd/pullfix")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// The command itself finds nothing amiss, and says so to a script, where pullfix
// is deployed in the local Google Cloud that anybody can start.
func TestShippedEmulator(t *testing.T) {
	t.Parallel()
	bin, dir := built(t), t.TempDir()
	for name, text := range map[string]string{"seed.yaml": siteSeed, "rules.yaml": sitePolicy} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := (&site{T: t, address: emulate(t, bin, filepath.Join(dir, "seed.yaml")), Deployment: siteDeployment(t)}).deploy()
	args := []string{"doctor", "--project", "ops", "--rules", "rules.yaml"}
	for _, source := range s.Sources {
		args = append(args, "--source", source)
	}
	doctor := exec.CommandContext(t.Context(), filepath.Join(bin, "pullfix"), args...)
	doctor.Dir, doctor.Env = dir, append(os.Environ(), "PULLFIX_ENDPOINT="+s.address)
	if out, err := doctor.CombinedOutput(); err != nil || !strings.Contains(string(out), " 0 FAIL, 0 SKIP\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// emulate starts the command's emulator, and returns its address.
func emulate(t *testing.T, bin, seed string) string {
	t.Helper()
	cloud := exec.CommandContext(t.Context(), filepath.Join(bin, "pullfix"), "emulator", "--port", "0", "--seed", seed)
	out, err := cloud.StdoutPipe()
	if err == nil {
		err = cloud.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cloud.Process.Kill()
		_ = cloud.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "listens on ")
	if err != nil || !ok {
		t.Fatalf("the emulator says %q, %v", line, err)
	}
	return address
}

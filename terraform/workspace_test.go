package terraform

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

// workspace is a copy of the repository in which Terraform finds the stand-in
// in the place of the real providers.
type workspace struct {
	program string
	top     string // of the repository
	env     []string
}

func newWorkspace(t *testing.T) workspace {
	t.Helper()
	w := workspace{program: further.Program(t, "terraform")}
	dir := t.TempDir()
	w.top = filepath.Join(dir, "pullfix")
	mirror, config := filepath.Join(dir, "mirror"), filepath.Join(dir, "terraform.rc")
	text := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "GOGC=400") // collecting garbage is a third of its time
	standIn(t, mirror)
	copyTree(t, "..", w.top)
	w.must(t, "terraform", "init", "-backend=false", "-input=false")
	return w
}

// standIn builds the stand-in once for each provider.
func standIn(t *testing.T, mirror string) {
	t.Helper()
	for provider, of := range bindings {
		file := filepath.Join(mirror, "registry.terraform.io", "hashicorp", provider, of.version, runtime.GOOS+"_"+runtime.GOARCH,
			"terraform-provider-"+provider+"_v"+of.version)
		run(t, filepath.Join("testdata", "stub"), "go", "build", "-o", file, ".")
	}
}

// copyTree copies what a deployment is made of. Of Go files it makes empty ones,
// because Terraform would read them in every story.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	left := []string{"testdata", "docs", "emulator", "cmd"}
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && rel != "."
		switch {
		case d.IsDir() && (hidden || slices.Contains(left, d.Name())):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case hidden || !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".go") {
			text = nil
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// try runs Terraform in a folder of the repository.
func (w workspace) try(t *testing.T, folder string, args ...string) (string, error) {
	t.Helper()
	return tryWith(t, w.env, filepath.Join(w.top, folder), w.program, append([]string{args[0], "-no-color"}, args[1:]...)...)
}

// ask evaluates an expression in the module.
func (w workspace) ask(t *testing.T, expression string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.program, append([]string{"console"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdin = filepath.Join(w.top, "terraform"), w.env, strings.NewReader(expression)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("terraform console: %s: %v\n%s", expression, err, out)
	}
	return string(out)
}

func (w workspace) must(t *testing.T, folder string, args ...string) string {
	t.Helper()
	out, err := w.try(t, folder, args...)
	if err != nil {
		t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

package scripttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

// site is a world, a checkout, the files that somebody has who deploys, and the
// programs that deploy.sh finds.
type site struct {
	*testing.T
	dir    string
	env    []string
	script string
}

// top is the folder of deploy.sh.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// folder is one whose name has always the same length: commands are shown on as
// many lines as they need.
func folder(t *testing.T) string {
	dir := t.TempDir()
	return filepath.Join(dir, strings.Repeat("x", max(120-len(dir), 1)))
}

func newSite(t *testing.T) *site {
	t.Helper()
	further.Find(t, "bash")
	s := &site{T: t, dir: folder(t)}
	bin := filepath.Join(s.dir, "bin")
	self, err := os.Executable()
	if err == nil {
		err = os.MkdirAll(bin, 0o700)
	}
	for _, name := range []string{"gcloud", "pullfix", "sleep"} {
		if err == nil {
			err = os.Symlink(self, filepath.Join(bin, name))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "PULLFIX="+filepath.Join(bin, "pullfix"),
		"FAKE_WORLD="+s.path("world.json"), "FAKE_LOG="+s.path("log"), "TMPDIR="+s.dir)
	s.checkOut()
	s.setWorld(newWorld())
	s.file("rules.yaml", targets)
	s.file("webhook.txt", webhook+"\n")
	s.file("password.txt", password+"\n")
	return s
}

// checkOut copies deploy.sh and what it reads next to a source of one file.
func (s *site) checkOut() {
	s.Helper()
	var names []string
	for _, pattern := range []string{"deploy.sh", "deploy/*.sh", "deploy/*.txt", "deploy/roles/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(top(s.T), filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			s.Fatalf("%s: %d files: %v", pattern, len(found), err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		relative, err := filepath.Rel(top(s.T), name)
		if err != nil {
			s.Fatal(err)
		}
		to := s.path(filepath.Join("checkout", relative))
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o700)
		}
		if err == nil {
			err = os.WriteFile(to, text, 0o700) //nolint:gosec // a script is run
		}
		if err != nil {
			s.Fatal(err)
		}
	}
	s.file("checkout/function.go", "package pullfix\n")
	s.file("checkout/function_test.go", "package pullfix\n")
	s.script = s.path("checkout/deploy.sh")
}

const (
	webhook  = "https://hooks.slack.example/services/T0/B0/sEcReT"
	password = `pass"w'ord $(whoami)`
)

// targets are what the rules of most tests name.
const targets = `repository projects/shared-images/locations/*/repositories/apps
secret projects/vault/secrets/app-*
secret projects/vault/secrets/root
service projects/app-one/locations/us-central1/services/web
job projects/app-one/locations/us-central1/jobs/nightly
channel-secret projects/app-two/secrets/bot
`

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) file(name, text string) {
	s.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) world() *world {
	s.Helper()
	w, err := readWorld(s.path("world.json"))
	if err != nil {
		s.Fatal(err)
	}
	return w
}

func (s *site) setWorld(w *world) {
	s.Helper()
	if err := w.write(s.path("world.json")); err != nil {
		s.Fatal(err)
	}
}

// result is what came of a run.
type result struct {
	out, err string
	status   int
	calls    []logged
}

// changes are the calls that changed something.
func (r result) changes() [][]string {
	var all [][]string
	for _, c := range r.calls {
		if c.Changes {
			all = append(all, c.Args)
		}
	}
	return all
}

func (s *site) run(args ...string) result { return s.start(nil, args...) }

// start runs deploy.sh in the folder of the site; with may change how.
func (s *site) start(with func(*exec.Cmd), args ...string) result {
	s.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(s.Context(), further.Find(s.T, "bash"), append([]string{s.script}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, &out, &stderr
	if with != nil {
		with(cmd)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode(), s.calls()}
}

// types runs deploy.sh where somebody types.
func (s *site) types(text string, args ...string) result {
	s.Helper()
	return s.start(func(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader(text) }, args...)
}

// with is the same site with more variables.
func (s *site) with(env ...string) *site {
	return &site{s.T, s.dir, append(slices.Clone(s.env), env...), s.script}
}

// calls takes what was logged since it was last asked.
func (s *site) calls() []logged {
	s.Helper()
	text, err := os.ReadFile(s.path("log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.Remove(s.path("log"))
	}
	if err != nil {
		s.Fatal(err)
	}
	var calls []logged
	for line := range strings.Lines(string(text)) {
		var c logged
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			s.Fatal(err)
		}
		calls = append(calls, c)
	}
	return calls
}

// must runs what has to succeed.
func (s *site) must(args ...string) result {
	s.Helper()
	r := s.run(args...)
	if r.status != 0 {
		s.Fatalf("deploy.sh %q: exit status %d\n%s%s", args, r.status, r.out, r.err)
	}
	return r
}

package scripttest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// further finds a program that plain tests do without.
func further(t *testing.T, program string) string {
	t.Helper()
	if os.Getenv("PULLFIX_FURTHER") == "" {
		if os.Getenv("PULLFIX_NO_SKIP") != "" {
			t.Fatal("PULLFIX_NO_SKIP is set, but PULLFIX_FURTHER is not")
		}
		t.Skipf("set PULLFIX_FURTHER=1 to run the tests that need %s", program)
	}
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
	case os.Getenv("PULLFIX_NO_SKIP") != "":
		t.Fatalf("%s is missing: %v", program, err)
	default:
		t.Skipf("%s is missing: %v", program, err)
	}
	return path
}

// TestGcloudKnowsTheFlags looks every command and flag up in gcloud's own help.
func TestGcloudKnowsTheFlags(t *testing.T) {
	t.Parallel()
	program := further(t, "gcloud")
	flags := map[string]map[string]bool{}
	for _, c := range everyCall(t) {
		parsed, err := parseCall(newWorld(), c.Args)
		if err != nil {
			t.Fatal(err)
		}
		if flags[parsed.command] == nil {
			flags[parsed.command] = map[string]bool{}
		}
		for name := range parsed.flags {
			flags[parsed.command][name] = true
		}
	}
	for command := range commands {
		if flags[command] == nil && !slices.Contains(uncalled, command) {
			t.Errorf("no run calls gcloud %s", command)
		}
	}
	config := t.TempDir()
	var helps sync.WaitGroup
	turns := make(chan struct{}, 2)
	for command, names := range flags {
		helps.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			cmd := exec.CommandContext(t.Context(), program, append([]string{"help"}, strings.Fields(command)...)...)
			cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+config, "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1")
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("gcloud help %s: %v", command, err)
				return
			}
			known := flagWords.FindAllString(string(out), -1)
			for name := range names {
				if !slices.Contains(known, "--"+name) && !slices.Contains(known, "--"+strings.TrimPrefix(name, "no-")) {
					t.Errorf("gcloud %s has no flag --%s", command, name)
				}
			}
		})
	}
	helps.Wait()
}

// uncalled are commands of the stand-in that come with others, and that no run
// of deploy.sh needs.
var uncalled = []string{"logging buckets delete", "firestore databases delete", "pubsub subscriptions remove-iam-policy-binding", "pubsub topics remove-iam-policy-binding"}

var flagWords = regexp.MustCompile(`--[a-z0-9-]+`)

// everyCall is what gcloud is called for in a life of each deployment: first,
// after changes by hand, and at the end.
func everyCall(t *testing.T) []logged {
	t.Helper()
	var all []logged
	for name, d := range deployments {
		s := newSite(t)
		s.file("rules.yaml", d.targets)
		all = append(all, s.must(d.args...).calls...)
		if name == "small" {
			s.spoil()
		}
		all = append(all, s.must(d.args...).calls...)
		s.file("rules.yaml", "")
		all = append(all, s.must("--project=ops", "--source=projects/app-one", "--formerly=projects/vault").calls...)
		s.file("rules.yaml", d.targets)
		s.must(d.args...)
		all = append(all, s.must(append(slices.Clone(d.args), "--destroy", "--yes")...).calls...)
	}
	return all
}

const realRules = `apiVersion: pullfix/v1
mode: enforce
allow:
  - name: apps
    reason: platform serves images
    kinds: [run-image]
    from: [projects/app-*]
    to: [projects/shared-images/locations/*/repositories/apps]
    members: [cloud-run-agent]
`

// TestWithRealPullfix has deploy.sh build pullfix, and ask it what it needs.
func TestWithRealPullfix(t *testing.T) {
	t.Parallel()
	further(t, "go")
	s := newSite(t)
	s.file("rules.yaml", realRules)
	s.env, s.script = append(s.env, "PULLFIX="), filepath.Join(top(t), "deploy.sh")
	args := []string{"--project=ops", "--source=projects/app-one"}
	r := s.must(args...)
	if diff := difference(s.rights(), []string{
		"projects/shared-images/locations/europe-west1/repositories/apps pullfixGrantRepository",
		"projects/shared-images/locations/us-central1/repositories/apps pullfixGrantRepository",
	}); len(diff) > 0 {
		t.Errorf("rights that are too many (-) or missing (+): %q\n%s", diff, r.out)
	}
	if filter := s.world().Things["projects/app-one/sinks/pullfix"]["filter"]; !strings.Contains(filter, "pullfix@ops.iam.gserviceaccount.com") {
		t.Errorf("the filter of the sink does not leave pullfix out: %s", filter)
	}
	s.file("broken.yaml", strings.Replace(realRules, "enforce", "enforc", 1))
	s.refused(s.run(append(args, "--rules=broken.yaml")...), "broken rules", "broken.yaml:2:7")
}

// generatedMain is, in effect, the program that the Go functions buildpack
// writes for a function that registers itself
// (https://github.com/GoogleCloudPlatform/buildpacks, cmd/go/functions_framework).
const generatedMain = `package main

import (
	"log"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "github.com/pullfix/pullfix"
)

func main() { log.Fatal(funcframework.Start("8080")) }
`

// TestStage wants the copy of the source to build as the buildpack builds it, and
// nothing in it that gcloud would leave out of the checkout.
func TestStage(t *testing.T) {
	t.Parallel()
	gcloud := further(t, "gcloud")
	dir := t.TempDir()
	run := func(in, name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = in
		cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+t.TempDir(), "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	run(top(t), "deploy/stage.sh", "rules.yaml", dir)
	uploaded := strings.Fields(run(top(t), gcloud, "meta", "list-files-for-upload", "."))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && !slices.Contains(uploaded, filepath.ToSlash(name)) {
			t.Errorf("gcloud leaves %s out, and deploy.sh does not", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(dir, "functions.local/app/main.go")
	if err := os.MkdirAll(filepath.Dir(main), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(main, []byte(generatedMain), 0o600); err != nil {
		t.Fatal(err)
	}
	run(dir, "go", "mod", "tidy")
	run(dir, "go", "build", "-mod=readonly", "-o", os.DevNull, "./functions.local/app")
}

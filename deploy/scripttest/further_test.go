package scripttest

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

// TestGcloudReadsTheCommands has gcloud's own parser read every command, once
// with each set of flags.
func TestGcloudReadsTheCommands(t *testing.T) {
	t.Parallel()
	program := further.Program(t, "gcloud")
	called, lines := map[string]bool{}, map[string]string{}
	for _, c := range everyCall(t) {
		parsed, err := parseCall(newWorld(), c.Args)
		if err != nil {
			t.Fatal(err)
		}
		called[parsed.command] = true
		lines[parsed.command+" "+strings.Join(slices.Sorted(maps.Keys(parsed.flags)), " ")] = quoted(append([]string{"gcloud"}, c.Args...))
	}
	for command := range commands {
		if !called[command] && !slices.Contains(uncalled, command) {
			t.Errorf("no run calls gcloud %s", command)
		}
	}
	for id, answer := range readBy(t, program, lines) {
		if answer != "" {
			t.Errorf("gcloud refuses %s: %s", lines[id], answer)
		}
	}
}

// readBy has gcloud read commands, and returns what it has against each.
func readBy(t *testing.T, gcloud string, lines map[string]string) map[string]string {
	t.Helper()
	type line struct {
		Command string `json:"command_string"`
		ID      string `json:"id"`
	}
	var all []line
	for id, command := range lines {
		all = append(all, line{command, id})
	}
	text, err := json.Marshal(all)
	file := filepath.Join(t.TempDir(), "commands.json")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), gcloud, "meta", "lint-gcloud-commands", "--serialize", "--commands-file="+file)
	cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+t.TempDir(), "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1")
	out, err := cmd.Output()
	var read map[string][]struct {
		Success bool   `json:"success"`
		Message string `json:"error_message"`
	}
	if err == nil {
		err = json.Unmarshal(out, &read)
	}
	if err != nil {
		t.Fatalf("gcloud meta lint-gcloud-commands: %v\n%s", err, out)
	}
	against := map[string]string{}
	for id := range lines {
		against[id] = "it says nothing about it"
		for _, answer := range read[id] {
			if against[id] = answer.Message; answer.Success {
				against[id] = ""
			}
		}
	}
	return against
}

// quoted is a command as a shell reads it.
func quoted(words []string) string {
	all := make([]string, len(words))
	for n, word := range words {
		all[n] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(all, " ")
}

// uncalled are commands of the stand-in that come with others, and that no run
// of deploy.sh needs.
var uncalled = []string{
	"logging buckets delete", "firestore databases delete", "pubsub subscriptions remove-iam-policy-binding",
	"iam service-accounts describe", "pubsub topics describe", "secrets describe",
}

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
		all = append(all, s.must("--project=ops", "--source=projects/app-two", "--formerly=projects/app-one", "--formerly=projects/vault").calls...)
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
	further.Program(t, "go")
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
	gcloud := further.Program(t, "gcloud")
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

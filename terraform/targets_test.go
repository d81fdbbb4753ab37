package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/further"
)

// askAll asks the module for the targets of every policy in a folder, in the
// words of pullfix rules targets.
const askAll = `
module "targets" {
  source   = %q
  for_each = fileset(path.module, "*.yaml")

  policy    = file("${path.module}/${each.key}")
  resources = compact(split("\n", file("${path.module}/resources.txt")))
}

output "all" {
  value = { for f, m in module.targets : f => join("\n", concat(
    m.patterns, [for p in m.projects : "project projects/${p}"], [for s in m.channel_secrets : "channel-secret ${s}"], m.folders ? ["folders yes"] : [],
  )) }
}

output "among" {
  value = { for f, m in module.targets : f => join("\n", flatten([
    for type, names in m.targets : [for n in names : "${type} ${n}" if contains(split("\n", file("${path.module}/resources.txt")), n)]
  ])) }
}
`

// TestTargetsArePullfixs holds what Terraform reads out of policies against what
// pullfix reads: of those in the tree, and of many that are made up.
func TestTargetsArePullfixs(t *testing.T) {
	t.Parallel()
	terraform, dir := further.Program(t, "terraform"), t.TempDir()
	pullfix := filepath.Join(dir, "pullfix")
	run(t, filepath.Join("..", "cmd", "pullfix"), "go", "build", "-o", pullfix, ".")
	policies := somePolicies(t, dir)
	module, err := filepath.Abs(filepath.Join("modules", "targets"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "resources.txt"), strings.Join(resources, "\n")+"\n")
	write(t, filepath.Join(dir, "main.tf"), fmt.Sprintf(askAll, module))
	write(t, filepath.Join(dir, "terraform.rc"), "disable_checkpoint = true\n")
	env := append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "terraform.rc"))
	for _, args := range [][]string{{"init", "-input=false"}, {"apply", "-auto-approve", "-input=false"}} {
		if out, err := tryWith(t, env, dir, terraform, args...); err != nil {
			t.Fatalf("terraform %s: %v\n%s", args[0], err, out)
		}
	}
	out, err := tryWith(t, env, dir, terraform, "output", "-json")
	if err != nil {
		t.Fatal(err)
	}
	var answers map[string]struct{ Value map[string]string }
	if err := json.Unmarshal([]byte(out), &answers); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	different := map[string]bool{}
	for _, name := range policies {
		all := run(t, dir, pullfix, "rules", "targets", name)
		among := run(t, dir, pullfix, "rules", "targets", name, "--among", "resources.txt")
		different[all], different[among] = true, true
		for what, pair := range map[string][2]string{"all": {all, answers["all"].Value[name]}, "among": {among, answers["among"].Value[name]}} {
			if diff := cmp.Diff(sortedLines(pair[0]), sortedLines(pair[1])); diff != "" {
				t.Errorf("%s: -pullfix +terraform\n%s\n%s", what, diff, read(t, filepath.Join(dir, name)))
			}
		}
	}
	if len(different) < len(policies)/3 {
		t.Errorf("%d policies have %d different answers: the policies say too little", len(policies), len(different))
	}
}

func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return lines
}

// somePolicies writes policies into a folder, and returns their names. Each that
// is made up comes without its denies, too.
func somePolicies(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"tests/policies/*.yaml", "examples/*/*.yaml", "../rules.yaml", "../cmd/pullfix/demo/rules.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			names = append(names, strings.ReplaceAll(strings.TrimPrefix(f, "../"), "/", "-"))
			write(t, filepath.Join(dir, names[len(names)-1]), read(t, f))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 25 {
		whole := policy(random)
		without := maps.Clone(whole)
		delete(without, "deny")
		for word, p := range map[string]map[string]any{"whole": whole, "without": without} {
			name := fmt.Sprintf("made-%02d-%s.yaml", i, word)
			text, err := json.MarshalIndent(p, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, name), string(text))
			names = append(names, name)
		}
	}
	return names
}

var resources = []string{
	"projects/p/locations/us/repositories/apps", "projects/p/locations/eu/repositories/team-a", "projects/p/secrets/db-main",
	"projects/p/locations/us/services/web", "projects/p/locations/us/jobs/nightly", "projects/p/locations/us/workerPools/queue",
	"projects/team-a/secrets/db", "projects/12/locations/us/repositories/apps", "projects/pp/secrets/db-main", "projects/p/locations/us/secrets/db-main",
}

// policy makes one up whose denies are likely to cover what it allows.
func policy(random *rand.Rand) map[string]any {
	some := func(most int, from []string) []string {
		var chosen []string
		for range 1 + random.IntN(most) {
			if word := from[random.IntN(len(from))]; !slices.Contains(chosen, word) {
				chosen = append(chosen, word)
			}
		}
		return chosen
	}
	kinds := []string{"run-image", "caller-image", "artifact-download", "artifact-upload", "secret-access", "upstream-secret", "invoker"}
	from := []string{"projects/app-*", "projects/app-one", "projects/app-o*e", "projects/111111111111", "folders/222", "organizations/1"}
	to := []string{
		"projects/p/**", "projects/p/locations/us/**", "projects/p*/locations/*/repositories/apps", "projects/p/locations/us/repositories/apps",
		"projects/p/locations/us/repositories/apps/**", "projects/12/locations/us/repositories/apps", "projects/12/**", "projects/p/secrets/*",
		"projects/p/secrets/db-*", "projects/p/locations/us/secrets/db-main", "projects/p/locations/us/services/web", "projects/p/locations/*/jobs/*",
		"projects/p/locations/*/workerPools/q*e", "projects/team-*/secrets/db", "projects/example.com:p/secrets/db", "projects/p",
	}
	members := []string{
		"cloud-run-agent", "cloud-build", "compute-default", "artifact-registry-agent", "service-account",
		"serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com", "serviceAccount:service-1@gcp-sa-cloudbuild.iam.gserviceaccount.com",
		"serviceAccount:1@cloudbuild.gserviceaccount.com", "serviceAccount:1-compute@developer.gserviceaccount.com",
		"serviceAccount:service-1@gcp-sa-artifactregistry.iam.gserviceaccount.com", "serviceAccount:ci@tools.iam.gserviceaccount.com",
	}
	roles := []string{"roles/artifactregistry.reader", "roles/artifactregistry.writer", "roles/secretmanager.secretAccessor", "roles/run.invoker"}
	var allow, deny []map[string]any
	for i := range 1 + random.IntN(3) {
		rule := map[string]any{"name": fmt.Sprintf("a%d", i), "kinds": some(3, kinds), "from": some(2, from), "to": some(3, to), "members": some(2, members)}
		if random.IntN(3) == 0 {
			rule["roles"] = some(2, roles)
		}
		if random.IntN(6) == 0 {
			rule["mode"] = "observe"
		}
		allow = append(allow, rule)
	}
	for i := range random.IntN(3) {
		rule := map[string]any{"name": fmt.Sprintf("d%d", i)}
		for _, side := range []struct {
			key   string
			words []string
		}{
			{"kinds", append(kinds, "org-policy")}, {"from", append(from, "projects/*")}, {"to", append(to, "**", "projects/*/**")}, {"members", append(members, "user")},
		} {
			if random.IntN(5) < 2 {
				rule[side.key] = some(6, side.words)
			}
		}
		deny = append(deny, rule)
	}
	p := map[string]any{"apiVersion": "pullfix/v1", "mode": "enforce", "allow": allow}
	if len(deny) > 0 {
		p["deny"] = deny
	}
	return p
}

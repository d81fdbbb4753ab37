package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"mvdan.cc/sh/v3/syntax"

	"github.com/pullfix/pullfix/internal/further"
)

// programs are what the commands on the pages may need.
var programs = []string{deployScript, "base64", "cat", "curl", "docker", "export", "gcloud", "git", "go", "jq", "pullfix", "sed", "test", "tr"}

// command is one call of a program in a fence of shell.
type command struct {
	at   string
	args []string // what is only known when the command runs is "$"
}

// commands returns every call in the fences that are marked as shell, and in
// workflows of GitHub Actions, those within others too. A fence that a POSIX
// shell would not read is an error.
func commands(t *testing.T) []command {
	t.Helper()
	var all []command
	for _, p := range pages(t) {
		for _, f := range append(p.fenced("sh"), runs(t, p)...) {
			at := fmt.Sprintf("%s:%d", p.path, f.number)
			file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(f.text), at)
			if err != nil {
				t.Error(err)
				continue
			}
			syntax.Walk(file, func(n syntax.Node) bool {
				if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
					c := command{at: at}
					for _, word := range call.Args {
						c.args = append(c.args, literal(word.Parts))
					}
					all = append(all, c)
				}
				return true
			})
		}
	}
	if len(all) == 0 {
		t.Fatal("no commands on any page")
	}
	return all
}

// runs returns what the workflows of a page run.
func runs(t *testing.T, p *page) []fence {
	t.Helper()
	var all []fence
	for _, f := range p.fenced("yaml") {
		if f.info != workflow {
			continue
		}
		var w struct {
			Jobs map[string]struct{ Steps []struct{ Run string } }
		}
		if err := yaml.Unmarshal([]byte(f.text), &w); err != nil {
			t.Errorf("%s:%d: %v", p.path, f.number, err)
		}
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				all = append(all, fence{number: f.number, text: step.Run})
			}
		}
	}
	return all
}

func literal(parts []syntax.WordPart) string {
	var b strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(strings.ReplaceAll(p.Value, "\\\n", ""))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			b.WriteString(literal(p.Parts))
		default:
			b.WriteString("$")
		}
	}
	return b.String()
}

func TestShellParses(t *testing.T) {
	for _, c := range commands(t) {
		if !slices.Contains(programs, c.args[0]) {
			t.Errorf("%s: %q: want one of %q", c.at, c.args[0], programs)
		}
	}
}

// cli is the command line of pullfix: subcommands and their flags.
var cli = map[string][]string{
	"demo":                {"format"},
	"serve":               {"port", "emulator", "emulator-port", "seed", "rules"},
	"emulator":            {"port", "seed"},
	"explain":             {"format", "rules"},
	"rules check":         {"format"},
	"rules test":          {"format", "update"},
	"rules explain":       {"above", "all", "format", "number", "rules"},
	"rules diff":          {"above", "format", "number"},
	"rules targets":       {"among"},
	"notify preview":      {"channel", "format", "kind", "output", "rules", "tone"},
	"notify test":         {"channel", "kind", "rules", "tone"},
	"audit list":          {"file", "format", "from", "kind", "outcome", "principal", "project", "repository", "rule", "to", "verdict", "view"},
	"audit report":        {"file", "format", "from", "kind", "output", "principal", "project", "repository", "rule", "to", "view"},
	"audit show":          {"file", "format", "view"},
	"audit verify":        {"account", "activity", "chain", "file", "format", "from", "grace", "projects", "rules", "window", "view"},
	"dead-letters list":   {"format", "limit"},
	"dead-letters replay": {"dry-run", "format", "limit"},
	"doctor": {
		"end-to-end", "format", "organization", "project", "region", "resource", "retention-days", "rules", "source", "timeout",
	},
	"undo":  {"file", "dry-run", "reason"},
	"pause": {"reason"},
	"rearm": {"reason"},
}

func TestPullfixCommandsExist(t *testing.T) {
	for _, c := range commands(t) {
		if c.args[0] != "pullfix" {
			continue
		}
		flags, rest := []string(nil), c.args[1:]
		for n := 1; n <= min(2, len(rest)); n++ {
			if known, ok := cli[strings.Join(rest[:n], " ")]; ok {
				flags, rest = known, rest[n:]
				break
			}
		}
		if flags == nil {
			t.Errorf("%s: %q: want one of %q", c.at, c.args, slices.Sorted(maps.Keys(cli)))
			continue
		}
		for _, arg := range rest {
			name, isFlag := strings.CutPrefix(arg, "--")
			if name, _, _ = strings.Cut(name, "="); isFlag && !slices.Contains(flags, name) {
				t.Errorf("%s: pullfix has no --%s there: want one of %q", c.at, name, flags)
			}
		}
	}
}

const deployScript = "./deploy.sh"

// TestDeployFlagsExist wants every flag of the script to be in its help.
func TestDeployFlagsExist(t *testing.T) {
	script, err := os.ReadFile("../deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands(t) {
		if c.args[0] != deployScript {
			continue
		}
		for _, arg := range c.args[1:] {
			if name, _, _ := strings.Cut(arg, "="); strings.HasPrefix(name, "-") && !bytes.Contains(script, []byte("\n  "+name+" ")) {
				t.Errorf("%s: %s has no %s", c.at, deployScript, name)
			}
		}
	}
}

// TestGcloudCommandsExist looks every gcloud command up in the tree of commands
// that gcloud brings along to complete words: offline, and without starting
// gcloud.
func TestGcloudCommandsExist(t *testing.T) {
	tree := gcloudTree(t)
	for _, c := range commands(t) {
		if c.args[0] == "gcloud" {
			if err := tree.accepts(c.args[1:]); err != nil {
				t.Errorf("%s: gcloud: %v", c.at, err)
			}
		}
	}
}

// group is a group of gcloud commands, or a command.
type group struct {
	Commands map[string]*group
	Flags    map[string]any // "bool", "value", "dynamic", or a list of the values
}

func gcloudTree(t *testing.T) *group {
	t.Helper()
	program, err := filepath.EvalSymlinks(further.Program(t, "gcloud"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), "..", "data", "cli", "gcloud_completions.py"))
	if err != nil {
		further.Lack(t, "gcloud is installed without its tree of commands: %v", err)
	}
	_, literal, found := bytes.Cut(text, []byte("\nSTATIC_COMPLETION_CLI_TREE = "))
	if !found {
		t.Fatal("gcloud_completions.py: no STATIC_COMPLETION_CLI_TREE")
	}
	var tree group
	if err := json.Unmarshal(literal, &tree); err != nil {
		t.Fatalf("gcloud_completions.py: %v", err)
	}
	return &tree
}

// accepts finds the command and checks its flags, which the pages write as
// --flag=value throughout.
func (g *group) accepts(args []string) error {
	flags := maps.Clone(g.Flags)
	for len(g.Commands) > 0 {
		if len(args) == 0 || g.Commands[args[0]] == nil {
			return fmt.Errorf("%q is no command: want one of %q", args, slices.Sorted(maps.Keys(g.Commands)))
		}
		g, args = g.Commands[args[0]], args[1:]
		maps.Copy(flags, g.Flags)
	}
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			continue
		}
		if err := takes(flags, arg); err != nil {
			return err
		}
	}
	return nil
}

func takes(flags map[string]any, arg string) error {
	name, value, given := strings.Cut(arg, "=")
	want, ok := flags[name]
	if positive, negated := strings.CutPrefix(name, "--no-"); !ok && negated {
		want, ok = flags["--"+positive], flags["--"+positive] == "bool"
	}
	choices, _ := want.([]any)
	switch {
	case !ok:
		return fmt.Errorf("%s is no flag: want one of %q", name, slices.Sorted(maps.Keys(flags)))
	case (want == "bool") == given:
		return fmt.Errorf("%s: want --flag=value, or --flag alone where it takes none", arg)
	case choices != nil && !slices.Contains(choices, any(value)):
		return fmt.Errorf("%s: want one of %q", arg, choices)
	default:
		return nil
	}
}

package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

// TestGcloudParsesCommands has the parser of the real gcloud read every gcloud
// command on the pages, once each, and runs none. The tree of commands that
// TestGcloudCommandsExist looks into does not know what is required, what goes
// together, and what a value looks like.
func TestGcloudParsesCommands(t *testing.T) {
	gcloud := further.Program(t, "gcloud")
	type line struct {
		Command string `json:"command_string"`
		ID      string `json:"id"`
	}
	var lines []line
	for _, c := range commands(t) {
		command := quoted(c.args)
		known := slices.ContainsFunc(lines, func(l line) bool { return l.Command == command })
		if c.args[0] == "gcloud" && !known {
			lines = append(lines, line{command, fmt.Sprintf("%s, command %d", c.at, len(lines)+1)})
		}
	}
	text, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "commands.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), gcloud, "meta", "lint-gcloud-commands", "--serialize", "--commands-file="+file)
	cmd.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+t.TempDir(), "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gcloud meta lint-gcloud-commands: %v\n%s", err, out)
	}
	var read map[string][]struct {
		Success bool   `json:"success"`
		Message string `json:"error_message"`
	}
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if len(read[l.ID]) == 0 {
			t.Errorf("%s: gcloud says nothing about %s", l.ID, l.Command)
		}
		for _, answer := range read[l.ID] {
			if !answer.Success {
				t.Errorf("%s: %s\n%s", l.ID, answer.Message, l.Command)
			}
		}
	}
	if len(lines) == 0 {
		t.Fatal("no gcloud command on any page")
	}
}

// quoted is the command as a shell reads it.
func quoted(args []string) string {
	var words []string
	for _, arg := range args {
		words = append(words, "'"+strings.ReplaceAll(arg, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

// TestGcloudCommandsInProse looks up the commands that sentences and tables
// speak of.
func TestGcloudCommandsInProse(t *testing.T) {
	tree, found := gcloudTree(t), 0
	for _, p := range pages(t) {
		for _, l := range p.prose {
			for _, span := range codeSpan.FindAllString(l.text, -1) {
				words, ok := strings.CutPrefix(strings.Trim(span, "`"), "gcloud ")
				if !ok {
					continue
				}
				found++
				if word := tree.unknown(strings.Fields(words)); word != "" {
					t.Errorf("%s:%d: %s: gcloud has no %q there", p.path, l.number, span, word)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no page speaks of a gcloud command")
	}
}

// unknown is the first word that is no command where it stands, "" where all
// are, up to the first flag or argument of a command.
func (g *group) unknown(words []string) string {
	for _, word := range words {
		if len(g.Commands) == 0 || strings.HasPrefix(word, "-") {
			return ""
		}
		if g.Commands[word] == nil {
			return word
		}
		g = g.Commands[word]
	}
	return ""
}

package docs_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pullfix/pullfix/rules"
)

// longestLine is how long a line of prose may be. Tables and links that stand
// alone cannot be broken.
const longestLine = 120

// languages are what may follow the backquotes that open a fence.
var languages = []string{"sh", "hcl", "yaml", "json", "text", "html"}

// machine matches a path of somebody's machine, which helps nobody else.
var machine = regexp.MustCompile(`(^|[\s"'=(])/(Users|home|mnt|opt|private|root|srv|tmp|usr|var|work|workspace)/`)

func TestPagesAreSound(t *testing.T) {
	for _, p := range pages(t) {
		if p.unclosed > 0 {
			t.Errorf("%s:%d: the fence never ends", p.path, p.unclosed)
		}
		if len(p.headings) == 0 || p.headings[0].level != 1 || p.headings[0].number != 1 {
			t.Errorf("%s: want a title in the first line", p.path)
		}
		for _, l := range p.prose {
			alone := !strings.Contains(strings.TrimLeft(l.text, "-> "), " ")
			if n := utf8.RuneCountInString(l.text); n > longestLine && !strings.HasPrefix(l.text, "|") && !alone {
				t.Errorf("%s:%d: the line has %d characters, want at most %d", p.path, l.number, n, longestLine)
			}
		}
		for _, f := range p.fences {
			if !slices.Contains(languages, f.lang) {
				t.Errorf("%s:%d: a fence in %q: want one of %q", p.path, f.number, f.lang, languages)
			}
		}
		for i, s := range p.lines {
			if machine.MatchString(s) {
				t.Errorf("%s:%d: a path of one machine: %s", p.path, i+1, s)
			}
			if strings.TrimRight(s, " \t") != s {
				t.Errorf("%s:%d: the line ends with a space", p.path, i+1)
			}
		}
	}
}

func TestLinksResolve(t *testing.T) {
	for _, p := range pages(t) {
		for _, link := range p.links() {
			if strings.HasPrefix(link.text, "https://") {
				continue
			}
			target, anchor, _ := strings.Cut(link.text, "#")
			name := path.Join(path.Dir(p.path), target)
			if target == "" {
				name = p.path
			}
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s:%d: %q leads nowhere: %v", p.path, link.number, link.text, err)
				continue
			}
			if anchor == "" {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Error(err)
			} else if !readPage(name, string(text)).anchors()[anchor] {
				t.Errorf("%s:%d: %s has no heading for %q", p.path, link.number, name, anchor)
			}
		}
	}
}

func TestTerraformParses(t *testing.T) {
	for _, p := range pages(t) {
		for _, f := range p.fenced("hcl") {
			file, problems := hclsyntax.ParseConfig([]byte(f.text), p.path, hcl.Pos{Line: f.number + 1, Column: 1})
			if problems.HasErrors() {
				t.Error(problems)
				continue
			}
			body, _ := file.Body.(*hclsyntax.Body)
			for _, block := range body.Blocks {
				resource := block.Type == "resource" && len(block.Labels) == 2 && strings.HasPrefix(block.Labels[0], "google_")
				if !resource && block.Type != "module" {
					t.Errorf("%s: got %s %q, want a resource of the google provider and its name, or a module", block.Range(), block.Type, block.Labels)
				}
			}
			for name, attribute := range body.Attributes {
				t.Errorf("%s: %s stands outside of a block", attribute.Range(), name)
			}
		}
	}
}

// TestRulesAreValid reads every policy file on a page as pullfix would.
func TestRulesAreValid(t *testing.T) {
	for _, p := range pages(t) {
		for _, f := range p.fenced("yaml") {
			if !strings.HasPrefix(f.text, "apiVersion: pullfix/") || strings.HasSuffix(f.info, " "+wrong) {
				continue
			}
			if _, err := rules.Parse(p.path, []byte(f.text)); err != nil {
				t.Errorf("%s:%d: %v", p.path, f.number, err)
			}
		}
	}
}

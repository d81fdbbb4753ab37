package terraform

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestReadmeListsInputsAndOutputs holds the tables of the README against the
// module. -update rewrites them.
func TestReadmeListsInputsAndOutputs(t *testing.T) {
	readme := read(t, "README.md")
	want := between(t, readme, "inputs", table(t, "variables.tf", "variable", "| input | says | default |\n|---|---|---|\n"))
	want = between(t, want, "outputs", table(t, "outputs.tf", "output", "| output | is |\n|---|---|\n"))
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, readme); diff != "" {
		t.Errorf("README.md: run go test ./terraform -update\n-want +have\n%s", diff)
	}
}

// between puts a text in the place of what is between the marks of that name.
func between(t *testing.T, text, name, inside string) string {
	t.Helper()
	head, rest, found := strings.Cut(text, "<!-- "+name+" -->\n")
	_, tail, ends := strings.Cut(rest, "<!-- end -->\n")
	if !found || !ends {
		t.Fatalf("README.md: no place for %s", name)
	}
	return head + "<!-- " + name + " -->\n" + inside + "<!-- end -->\n" + tail
}

// table has a row for each block of a type in a file of the module.
func table(t *testing.T, name, of, head string) string {
	t.Helper()
	text := read(t, name)
	rows := head
	for _, b := range blocks(t, name, text) {
		if b.Type != of {
			continue
		}
		cells := []string{"`" + b.Labels[0] + "`", description(t, b)}
		if of == "variable" {
			cells = append(cells, defaultOf(b, text))
		}
		rows += "| " + strings.Join(cells, " | ") + " |\n"
	}
	return rows
}

func blocks(t *testing.T, name, text string) hclsyntax.Blocks {
	t.Helper()
	f, problems := hclsyntax.ParseConfig([]byte(text), name, hcl.InitialPos)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		t.Fatalf("%s: a body of type %T", name, f.Body)
	}
	return body.Blocks
}

func description(t *testing.T, b *hclsyntax.Block) string {
	t.Helper()
	d, ok := b.Body.Attributes["description"]
	if !ok {
		t.Fatalf("%s %s has no description", b.Type, b.Labels[0])
	}
	v, problems := d.Expr.Value(nil)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return strings.ReplaceAll(v.AsString(), "|", `\|`)
}

func defaultOf(b *hclsyntax.Block, text string) string {
	d, ok := b.Body.Attributes["default"]
	if !ok {
		return "must be given"
	}
	if value := string(d.Expr.Range().SliceBytes([]byte(text))); value != "null" {
		return "`" + value + "`"
	}
	return "none"
}

package terraform

import (
	"path/filepath"
	"testing"
)

// TestModule runs Terraform on the module and its examples.
func TestModule(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t)
	t.Run("formatted", func(t *testing.T) { w.must(t, "terraform", "fmt", "-check", "-recursive", "-diff") })
	t.Run("valid", func(t *testing.T) { w.must(t, "terraform", "validate") })
	t.Run("source", func(t *testing.T) { testSource(t, w) })
	t.Run("examples", func(t *testing.T) { testExamples(t, w) })
	t.Run("stories", func(t *testing.T) { w.must(t, "terraform", "test") })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, w) })
	t.Run("mutants", func(t *testing.T) { testMutants(t, w) })
}

func testExamples(t *testing.T, w workspace) {
	examples, err := filepath.Glob("examples/*")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, example := range examples {
		folder := filepath.Join("terraform", example)
		w.must(t, folder, "init", "-backend=false", "-input=false")
		w.must(t, folder, "validate")
	}
}

package deploy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/deploy"
)

// TestMemory wants every way to deploy, and what stands for a deployment, to have
// the same memory and its limit.
func TestMemory(t *testing.T) {
	for file, wants := range map[string][]string{
		"function.sh":              {"--memory=" + deploy.Memory + " ", "GOMEMLIMIT=" + deploy.MemoryLimit + "|"},
		"../terraform/function.tf": {`= "` + deploy.Memory + `"`, `GOMEMLIMIT = "` + deploy.MemoryLimit + `"`},
		"../torture/fleet.go":      {`"GOMEMLIMIT=` + deploy.MemoryLimit + `"`},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: want %q in it", file, want)
			}
		}
	}
}

package docs

import (
	"os"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/parse"
)

// TestLocalPage holds that the seed and the entry on the page are read.
func TestLocalPage(t *testing.T) {
	text, err := os.ReadFile("local.md")
	if err != nil {
		t.Fatal(err)
	}
	seed, entry := fenced(string(text), "yaml"), fenced(string(text), "json")
	if _, err := emulator.ParseSeed("local.md", []byte(seed)); err != nil {
		t.Errorf("the seed on the page: %v", err)
	}
	event, err := parse.Entry([]byte(entry))
	if err != nil || len(event.Findings) != 1 || event.Findings[0].Doubt != "" {
		t.Errorf("the entry on the page: got %d findings, error %v; want one without a doubt", len(event.Findings), err)
	}
}

// fenced returns the first block of a language.
func fenced(page, language string) string {
	_, rest, _ := strings.Cut(page, "```"+language+"\n")
	block, _, _ := strings.Cut(rest, "\n```")
	return block
}

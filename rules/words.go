package rules

import (
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// unknownWord says which word is not known, and which one was likely meant or
// which there are.
func unknownWord(what, word string, known []string) error {
	if near := iam.Nearest(word, known); near != "" {
		return fmt.Errorf("%s %q: did you mean %q?", what, word, near)
	}
	return fmt.Errorf("%s %q: want %s", what, word, list(known))
}

// list joins words as "a, b or c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// cut shortens a word that is too long to be shown.
func cut(word string) string {
	const longest = 100
	if letters := []rune(word); len(letters) > longest {
		return string(letters[:longest]) + "…"
	}
	return word
}

package rules

import (
	"fmt"
	"strings"
)

// unknownWord says which word is not known, and which one was likely meant or
// which there are.
func unknownWord(what, word string, known []string) error {
	if near := nearest(word, known); near != "" {
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

// nearest returns the known word that the fewest edits lead to, or "" where
// more than two fifths of the letters would change.
func nearest(word string, known []string) string {
	best, fewest := "", longestWord
	for _, k := range known {
		n := edits(strings.ToLower(word), strings.ToLower(k))
		if n < fewest && n <= max(1, 2*max(len(word), len(k))/5) {
			best, fewest = k, n
		}
	}
	return best
}

const longestWord = 64

// edits counts the letters to insert, delete or replace to make b out of a.
func edits(a, b string) int {
	if len(a) > longestWord || len(b) > longestWord {
		return longestWord
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

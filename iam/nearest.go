package iam

import "strings"

// longestName is more than Google Cloud allows for what people name.
const longestName = 256

// Nearest returns the name that the fewest edits lead to, which is likely the
// one that was meant, or "" where more than two fifths of the letters would
// change. Capitals count as small letters.
func Nearest(name string, names []string) string {
	best, fewest := "", longestName
	for _, n := range names {
		most := min(fewest-1, max(1, 2*max(len(name), len(n))/5))
		if max(len(name), len(n))-min(len(name), len(n)) > most {
			continue
		}
		if e := edits(strings.ToLower(name), strings.ToLower(n)); e <= most {
			best, fewest = n, e
		}
	}
	return best
}

// edits counts the letters to insert, delete or replace to make b out of a.
func edits(a, b string) int {
	if len(a) > longestName || len(b) > longestName {
		return longestName
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

package parse

import (
	"strings"
	"unicode/utf8"
)

// linePrefix returns how many bytes at the start of a line are not part of the
// message: indentation, quoting, rules, the step of a build, a time.
func linePrefix(line string) int {
	n := 0
	for n < len(line) {
		step := 0
		for _, prefix := range prefixes {
			if step = prefix(line[n:]); step > 0 {
				break
			}
		}
		if step == 0 {
			break
		}
		n += step
	}
	return n
}

var prefixes = [...]func(string) int{blank, mark, buildStep, timestamp, clock, labelled, client}

func blank(s string) int {
	n := 0
	for n < len(s) && (s[n] == ' ' || s[n] == '\t') {
		n++
	}
	return n
}

// mark reads one character that quotes or draws: "> ", "| ", "│".
func mark(s string) int {
	if r, n := utf8.DecodeRuneInString(s); isRule(r) || r == '❘' {
		return n
	}
	if (s[0] == '>' || s[0] == '|') && (len(s) == 1 || strings.IndexByte(" \t>|\n", s[1]) >= 0) {
		return 1
	}
	return 0
}

// buildStep reads `Step #6 - "id": ` of Cloud Build and "#12 0.345 " of
// BuildKit.
func buildStep(s string) int {
	if rest, ok := strings.CutPrefix(s, "Step #"); ok {
		if end := strings.IndexByte(rest[:min(len(rest), 200)], ':'); end > 0 && !strings.Contains(rest[:end], "\n") {
			return len(s) - len(rest) + end + 1
		}
	}
	if s[0] != '#' {
		return 0
	}
	n := 1 + digits(s[1:])
	if n == 1 || n == len(s) || s[n] != ' ' {
		return 0
	}
	seconds := n + 1 + digits(s[n+1:])
	if seconds > n+1 && seconds < len(s) && s[seconds] == '.' {
		return seconds + 1 + digits(s[seconds+1:])
	}
	return n
}

func digits(s string) int {
	n := 0
	for n < len(s) && digit(s[n]) {
		n++
	}
	return n
}

// timestamp reads a date and time in the forms "2026-01-31T08:00:00.123Z",
// "2026/01/31 08:00:00" and "[2026-01-31T08:00:00Z]".
func timestamp(s string) int {
	n := 0
	if strings.HasPrefix(s, "[") {
		n = 1
	}
	date := s[n:]
	if len(date) < 10 || digits(date) != 4 || date[4] != '-' && date[4] != '/' || digits(date[5:]) != 2 || digits(date[8:]) != 2 {
		return 0
	}
	n += 10
	if n < len(s) && (s[n] == 'T' || s[n] == ' ' && n+1 < len(s) && digit(s[n+1])) {
		n++
		for n < len(s) && strings.IndexByte("0123456789:.,+-Z", s[n]) >= 0 {
			n++
		}
	}
	if s[0] == '[' {
		if n == len(s) || s[n] != ']' {
			return 0
		}
		n++
	}
	return n
}

// clock reads a time alone, "08:00:00.123 " or "[08:00:00] ".
func clock(s string) int {
	t, bracketed := strings.CutPrefix(s, "[")
	if len(t) < 9 || digits(t) != 2 || t[2] != ':' || digits(t[3:]) != 2 || t[5] != ':' || digits(t[6:]) != 2 {
		return 0
	}
	n := 8
	if t[n] == '.' || t[n] == ',' {
		n += 1 + digits(t[n+1:])
	}
	want := byte(' ')
	if bracketed {
		n, want = n+1, ']'
	}
	if n >= len(s) || s[n] != want {
		return 0
	}
	return n + 1
}

const longestLabel = 80

// labelled reads the name of a service or step: "web-1  | " of Compose, and
// whatever words stand before a timestamp.
func labelled(s string) int {
	for i := 0; i < len(s) && i < longestLabel; i++ {
		switch b := s[i]; {
		case b == '|' && i > 0 && s[i-1] == ' ' && strings.HasPrefix(s[i:], "| ") && !strings.Contains(strings.TrimRight(s[:i], " "), " "):
			return i + 2
		case b == ' ' || b == '\t':
			if n := timestamp(s[i+1:]); n > 0 && s[i+1] != '[' {
				return i + 1 + n
			}
		case b == '\n' || b == '"' || b == '\'':
			return 0
		}
	}
	return 0
}

// client reads what package managers and git write before each line.
func client(s string) int {
	for _, word := range []string{"npm ERR! ", "npm error ", "npm verbose ", "remote: "} {
		if len(word) <= len(s) && strings.EqualFold(s[:len(word)], word) {
			return len(word)
		}
	}
	return 0
}

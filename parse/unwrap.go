package parse

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// narrowest is the width in characters below which no terminal wraps.
const narrowest = 40

// unwrap joins the lines of a text that were cut at a fixed width, in the
// middle of words too. It takes at least two different lines of the greatest
// width for a sign of that.
func unwrap(s string) string {
	width, full := widest(s)
	if width < narrowest || !full {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for {
		line, rest, more := strings.Cut(s, "\n")
		b.WriteString(line)
		if !more {
			return b.String()
		}
		if n := linePrefix(rest); utf8.RuneCountInString(line) == width && blank(rest[:n]) < max(n, 1) &&
			!alike(line[linePrefix(line):], rest[n:]) && split(line, rest[n:]) {
			rest = rest[n:]
		} else {
			b.WriteByte('\n')
		}
		s = rest
	}
}

// widest returns the length of the longest line, and whether another one is as
// long.
func widest(s string) (width int, full bool) {
	first := ""
	for line := range strings.SplitSeq(s, "\n") {
		switch n := utf8.RuneCountInString(line); {
		case n > width:
			width, full, first = n, false, line
		case n == width && line != first:
			full = true
		}
	}
	return width, full
}

// wrapWidth returns the length in bytes of the longest line that holds no word
// too long to be wrapped.
func wrapWidth(s string) int {
	width := 0
	for line := range strings.SplitSeq(s, "\n") {
		if len(line) > width && !overlong(line) {
			width = len(line)
		}
	}
	return width
}

func overlong(line string) bool {
	begin := 0
	for i := range len(line) {
		if spaceByte(line[i]) {
			begin = i + 1
		} else if i-begin >= narrowest {
			return true
		}
	}
	return false
}

// alike reports whether two lines begin alike but for digits, as those of a
// list do and the parts of a wrapped one do not.
func alike(a, b string) bool {
	const compared = 8
	if len(a) < compared || len(b) < compared {
		return false
	}
	for i := range compared {
		if a[i] != b[i] && !(digit(a[i]) && digit(b[i])) {
			return false
		}
	}
	return true
}

// split reports whether a line ends in the middle of a word or name that goes
// on in the rest. A word that sentences use is whole.
func split(line, rest string) bool {
	left := line[strings.LastIndexAny(line, " \t\"'`([")+1:]
	right := rest[:min(len(rest), longestSlot)]
	if i := strings.IndexAny(right, " \t\n\"'`,;)]"); i >= 0 {
		right = right[:i]
	}
	if left == "" || right == "" || knownWord(right) {
		return false
	}
	last, next := left[len(left)-1], right[0]
	switch {
	case !wordByte(next) && strings.IndexByte("-_./@:%", next) < 0:
		return false
	case strings.IndexByte(".,;:!?)", last) >= 0:
		return strings.ContainsAny(left, "/@")
	default:
		return !knownWord(left) || !wordByte(next)
	}
}

// knownWord reports whether a sentence that the reader knows has the word.
func knownWord(s string) bool {
	s = strings.Trim(s, ".,:;!?")
	return len(s) > 1 && len(s) <= longestAnchor && vocabulary()[strings.ToLower(s)]
}

// vocabulary holds the words of all sentences.
var vocabulary = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	add := func(p pattern) {
		for _, e := range p.elements {
			for _, w := range e.words {
				words[w] = true
			}
		}
	}
	for _, rows := range denials {
		for _, r := range rows {
			add(compile(r.text))
		}
	}
	for _, r := range remarks {
		add(compile(r.text))
	}
	return words
})

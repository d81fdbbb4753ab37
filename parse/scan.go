package parse

import "strings"

// A shape is read with a cursor over cleaned text. Between two words of a
// sentence may stand white space, a line break and the punctuation below, in
// any mixture: that is what wrapping, quoting and Markdown leave behind.
const (
	mostMarks   = 8
	longestGap  = 300
	longestSlot = 1100
)

var (
	softMarks  = set("\"'`*_[](){}<>,:;=-|/\\")
	openMarks  = set("\"'`[(,:;= \t\n")
	quoteMarks = set("\"'`")
	endMarks   = set(" \t\n\"'`,;(")
	closeMarks = set(".:!?)]}>|\\")
	leftMarks  = set(" \t\n\"'`[(,;=|") // a token does not reach over them to the left

	beforeMarks = set(" \t\n\"'`[(,;") // nor does one in front of a sentence over these
)

// byteSet is a set of bytes.
type byteSet [256]bool

func set(members string) *byteSet {
	var s byteSet
	for _, b := range []byte(members) {
		s[b] = true
	}
	return &s
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func digit(b byte) bool    { return '0' <= b && b <= '9' }
func wordByte(b byte) bool { return digit(b) || 'a' <= lower(b) && lower(b) <= 'z' }
func spaceByte(b byte) bool {
	return b == ' ' || b == '\n' || b == '\t'
}

// gap skips what may stand between two words and returns where the next one
// begins, or -1 where something else stands there. With stop, full stops may
// stand there too.
func gap(s string, i int, stop bool) int {
	marks := 0
	for from := i; i < len(s); i++ {
		switch b := s[i]; {
		case spaceByte(b):
			if i-from > longestGap {
				return -1
			}
		case softMarks[b] || stop && b == '.':
			if marks++; marks > mostMarks {
				return -1
			}
		default:
			return i
		}
	}
	return i
}

// word matches one word without regard to case and returns where it ends, or
// -1. A line may break inside the word.
func word(s string, i int, w string) int {
	for k := range len(w) {
		if k > 0 && i < len(s) && s[i] == '\n' {
			i++
		}
		if i >= len(s) || lower(s[i]) != w[k] {
			return -1
		}
		i++
	}
	if i < len(s) && wordByte(s[i]) {
		return -1
	}
	return i
}

// token is what stands in a slot.
type token struct {
	text    string // without quotes and the punctuation around it
	from    int
	to      int  // where to read on
	damaged bool // cut off or elided: the text is not the whole name
	broken  bool // a line ends with it
}

// slotAt reads the token that begins at or after i.
func slotAt(s string, i int) (token, bool) { return new(match).slotAt(s, i) }

func (m *match) slotAt(s string, i int) (token, bool) {
	for from := i; i < len(s) && openMarks[s[i]]; i++ {
		if i-from > longestGap {
			return token{}, false
		}
		if quoteMarks[s[i]] && opens(s, i) {
			return quotedToken(s, i), true
		}
	}
	if i >= len(s) {
		return token{}, false
	}
	return bareTo(s, i, m.tokenEnd(s, i)), true
}

// opens reports whether the quote at i opens something: neither does one
// before a space or closing bracket, nor one before another kind of quote.
func opens(s string, i int) bool {
	return i+1 < len(s) && strings.IndexByte(" \t\n}]),;", s[i+1]) < 0 && (!quoteMarks[s[i+1]] || s[i+1] == s[i])
}

// quotedToken reads up to the quote that closes the one at i. Line breaks
// inside are wrapping: no name holds one.
func quotedToken(s string, i int) token {
	var parts []string
	from := i + 1
	for j := from; j < len(s) && j < i+longestSlot; j++ {
		switch {
		case s[j] == s[i]:
			return token{text: strings.Join(append(parts, s[from:j]), ""), from: i + 1, to: j + 1}
		case s[j] == '\n' && j+1 < len(s) && s[j+1] != '\n':
			parts = append(parts, strings.TrimRight(s[from:j], " "))
			from = j + 1
		case s[j] == '\n':
			j = len(s)
		}
	}
	t := bareToken(s, i+1)
	t.damaged = true
	return t
}

func bareToken(s string, i int) token { return bareTo(s, i, new(match).tokenEnd(s, i)) }

// tokenEnd returns where a bare token ends that begins at i. The same one is
// asked for again and again, where many words stand in one long token.
func (m *match) tokenEnd(s string, i int) int {
	if i < m.began || i > m.ended {
		m.began, m.ended = i, i
	}
	far := min(len(s), i+longestSlot)
	for m.ended < far && !endMarks[s[m.ended]] {
		m.ended++
	}
	return min(m.ended, far)
}

// bareTo reads the bare token from i to j.
func bareTo(s string, i, j int) token {
	t := token{from: i, to: j, damaged: j == i+longestSlot, broken: j < len(s) && s[j] == '\n'}
	t.text = trimToken(s[i:j])
	if rest := s[i+len(t.text) : j]; strings.HasPrefix(rest, "..") || strings.HasSuffix(t.text, "…") {
		t.damaged = true
	}
	return t
}

// trimToken cuts closing punctuation. A bracket that the token opens itself
// belongs to a placeholder, and stays so that nothing takes it for a name.
func trimToken(s string) string {
	for len(s) > 0 {
		b := s[len(s)-1]
		if !closeMarks[b] {
			break
		}
		if open := strings.IndexByte(")]}>", b); open >= 0 && strings.IndexByte(s, "([{<"[open]) >= 0 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// tokenBefore reads the token that ends at or before i, on the same line or
// the one above.
func tokenBefore(s string, i int) (token, bool) {
	end := i
	for end > 0 && (spaceByte(s[end-1]) || strings.IndexByte("\"'`])>:,", s[end-1]) >= 0) {
		if end--; i-end > mostMarks {
			return token{}, false
		}
	}
	from := end
	for from > 0 && !beforeMarks[s[from-1]] {
		if from--; end-from > longestSlot {
			return token{}, false
		}
	}
	t := token{text: s[from:end], from: from, to: end}
	t.damaged = strings.HasSuffix(t.text, "..") || strings.HasSuffix(t.text, "…")
	return t, t.text != ""
}

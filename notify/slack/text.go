package slack

import (
	"strings"
	"unicode"
)

// weight is the most that a text can count for. Slack documents its limits in
// characters and does not say of which form: the weight is an upper bound for
// bytes, for characters, for what escaping makes of them, and for JSON in ASCII.
func weight(s string) int {
	n := 0
	for _, r := range s {
		n += cost(r)
	}
	return n
}

func cost(r rune) int {
	switch {
	case r > 0xffff:
		return 12 // two escapes of six bytes
	case r > unicode.MaxASCII || r == '&' || r == '<' || r == '>':
		return 6
	case r == '"' || r == '\\' || r == '/' || r == '\n' || r == '\t':
		return 2
	default:
		return 1
	}
}

// cut shortens a text that is not escaped yet to a weight.
func cut(s string, most int) string {
	const more = "…"
	if weight(s) <= most {
		return s
	}
	left, end := most-weight(more), 0
	for i, r := range s {
		if left -= cost(r); left < 0 {
			end = i
			break
		}
	}
	return strings.TrimRight(s[:end], " ") + more
}

// line is a text in one line, without what cannot be seen: such characters can
// turn the direction of the text that follows, or begin a line of their own.
func line(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
}

// code is a text to be copied. What cannot be seen becomes a sign that can, so
// that nobody runs what he did not read.
func code(s string) string {
	s = strings.ReplaceAll(strings.Trim(s, "\r\n"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// entities are the three characters that Slack reads as the beginning of a
// mention or a link
// (https://docs.slack.dev/messaging/formatting-message-text#escaping).
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// lookalikes stand for the characters that Slack reads as a style, because it
// has no escape for them.
var lookalikes = map[rune]rune{'*': '∗', '_': 'ˍ', '~': '∼', '`': 'ˋ'}

// literal is a text in one line that mrkdwn shows as it is. Between letters and
// digits the characters of a style mean nothing, and names keep them.
func literal(s string) string {
	all := []rune(noEmoji(line(s)))
	for i, r := range all {
		alike, styles := lookalikes[r]
		switch {
		case styles && (r == '`' || !inWord(all, i-1) || !inWord(all, i+1)):
			all[i] = alike
		case r == '>' && i == 0:
			all[i] = '›' // at the beginning of a line it makes a quote, escaped or not
		}
	}
	return entities.Replace(string(all))
}

func inWord(all []rune, i int) bool {
	return i >= 0 && i < len(all) && all[i] <= unicode.MaxASCII && (unicode.IsLetter(all[i]) || unicode.IsDigit(all[i]))
}

// noEmoji keeps Slack from making a picture of :a_word:.
func noEmoji(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		if strings.Count(w, ":") > 1 {
			words[i] = strings.ReplaceAll(w, ":", "∶")
		}
	}
	return strings.Join(words, " ")
}

// verbatim is a text that is to be copied out of mrkdwn: it keeps every
// character but the one that would end its code block.
func verbatim(s string) string {
	return entities.Replace(strings.ReplaceAll(code(s), "`", "ˋ"))
}

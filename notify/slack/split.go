package slack

import (
	"cmp"
	"regexp"
	"strings"
	"sync"

	kit "github.com/slack-go/slack"
)

const fence = "```"

// atoms are what must stay whole in mrkdwn: a link or mention, an entity, the
// end of a code block.
var atoms = onUse("(?s)<[^<>\\n]+>|&(?:amp|lt|gt);|" + fence + "|.")

// operators are the sections of the operator's text.
func operators(text string) []part {
	var parts []part
	for _, piece := range split(text) {
		parts = append(parts, part{"text", kit.NewSectionBlock(mrkdwn(piece), nil, nil, kit.SectionBlockOptionExpand(true))})
	}
	return parts
}

// split cuts mrkdwn into pieces that a section takes, at the end of a line where
// there is one. A code block that is cut is closed and opened again.
func split(text string) []string {
	const room = longestSection - 20 // for the fences
	var pieces []string
	coded := false
	for all := whole(text); len(all) > 0; {
		end := reach(all, room)
		piece := strings.Join(all[:end], "")
		if all = all[end:]; end == 0 {
			piece, all = "…", all[1:] // a link that no section takes
		}
		if coded {
			piece = fence + "\n" + piece
		}
		if coded = strings.Count(piece, fence)%2 == 1; coded {
			piece = strings.TrimSuffix(piece, "\n") + "\n" + fence
		}
		if strings.Trim(piece, "`\n ") != "" {
			pieces = append(pieces, strings.Trim(piece, "\n"))
		}
	}
	return pieces
}

func whole(text string) []string {
	var all []string
	for line := range strings.Lines(strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))) {
		all = append(all, atoms().FindAllString(line, -1)...)
	}
	return all
}

// reach returns how many atoms the first piece has.
func reach(all []string, room int) int {
	lineEnd := 0
	for i, atom := range all {
		if room -= weight(atom); room < 0 {
			return cmp.Or(lineEnd, i)
		}
		if atom == "\n" {
			lineEnd = i + 1
		}
	}
	return len(all)
}

// onUse compiles an expression when it is first used, and not in every cold start.
func onUse(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

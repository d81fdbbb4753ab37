// Package slack tells people in Slack. A message comes in; what goes out is
// either one request to an incoming webhook, or, with a bot's token, a message
// in a channel whose repeats go into its thread. [Blocks] makes the message's
// form without sending it.
package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	kit "github.com/slack-go/slack"

	"github.com/pullfix/pullfix/notify"
)

// Content is a message in the form that Slack takes. Block Kit Builder
// (https://app.slack.com/block-kit-builder) shows its JSON.
type Content struct {
	Text   string      `json:"text"`   // for notifications and screen readers, in mrkdwn
	Blocks []kit.Block `json:"blocks"` // what is shown
}

// Blocks makes a message's form. With a template, the template's text, in mrkdwn
// (https://docs.slack.dev/messaging/formatting-message-text), takes the place of
// everything between the header and the buttons. The form is always within
// Slack's limits; what does not fit is left out, and the message says so. What
// strangers wrote looks as they wrote it, and notifies nobody: in mrkdwn, which
// has no escape for the characters of a style, signs that look alike stand for
// them, but not in what is to be copied. The error is the template's, as
// NAME:LINE: WHY.
func Blocks(m notify.Message, t *notify.Template) (Content, error) {
	if t == nil {
		return form(m, report(m)), nil
	}
	m.Links = usable(m.Links)
	text, err := t.Text(m, escape(m))
	if err != nil {
		return Content{}, err
	}
	return form(m, operators(text)), nil
}

func form(m notify.Message, body []part) Content {
	parts := slices.Concat(heading(m), body, buttons(usable(m.Links)), last(m))
	return Content{Text: fallback(m), Blocks: fit(parts)}
}

// part is a block with the name of what it shows.
type part struct {
	what  string
	block kit.Block
}

// byWorth are the names of the parts; where there is no room for all, those at
// the end go first.
var byWorth = []string{"header", "time", "next step", "title", "reason", "text", "gcloud command", "links", "facts", "Terraform"}

// longestForm bounds the blocks' JSON. Slack refuses longer ones as
// msg_blocks_too_long and does not document from where on: 13 172 characters
// were seen refused (https://github.com/slackapi/bolt-js/issues/2509), and so
// was rich text with 11 341 (https://github.com/slackapi/bolt-js/issues/2867).
const (
	longestForm = 10_000
	longestNote = 300
	mostBlocks  = 50 // https://docs.slack.dev/reference/block-kit/blocks
)

// fit keeps what Slack takes, in its order. Where a part is left out, so are
// those of its name that follow: a list that ends is clear, one with a hole is not.
func fit(parts []part) []kit.Block {
	kept, left, out := make([]kit.Block, len(parts)), longestForm-longestNote, []string(nil)
	for _, what := range byWorth {
		for i, p := range parts {
			if p.what != what || slices.Contains(out, what) {
				continue
			}
			if n := size(p.block); n <= left {
				kept[i], left = p.block, left-n
			} else {
				out = append(out, what)
			}
		}
	}
	kept = slices.DeleteFunc(kept, func(b kit.Block) bool { return b == nil })
	kept = kept[:min(len(kept), mostBlocks-1)]
	if len(out) > 0 {
		kept = append(kept, small("Left out, because Slack takes no longer message: "+strings.Join(out, ", ")+"."))
	}
	return kept
}

// size is the length of a block's JSON in ASCII.
func size(b kit.Block) int {
	raw, err := json.Marshal(b)
	if err != nil {
		return longestForm
	}
	n := 0
	for _, r := range string(raw) {
		if n++; r > unicode.MaxASCII {
			n += cost(r) - 1
		}
	}
	return n
}

// shortcodes tell the tones apart at a glance.
var shortcodes = [...]string{
	notify.ActNow: ":rotating_light:", notify.Refused: ":no_entry:", notify.Mended: ":white_check_mark:",
	notify.Observed: ":eyes:", notify.Stopped: ":octagonal_sign:", notify.Flood: ":ocean:",
}

// longestHeader is in characters (https://docs.slack.dev/reference/block-kit/blocks/header-block).
const longestHeader = 150

// heading is the header, and the whole title where the header cannot hold it.
func heading(m notify.Message) []part {
	title := noEmoji(line(m.Headline()))
	room := longestHeader - weight(shortcodes[m.Tone]) - 1
	text := shortcodes[m.Tone] + " " + cut(title, room)
	parts := []part{{"header", kit.NewHeaderBlock(kit.NewTextBlockObject(kit.PlainTextType, text, true, false))}}
	if weight(title) > room {
		parts = append(parts, prose("title", paragraph{text: m.Title})...)
	}
	return parts
}

// report is what the reader needs in the order of need.
func report(m notify.Message) []part {
	parts := append(step(m), prose("reason", paragraph{"Why", m.Why}, paragraph{"Decision", m.Decision})...)
	parts = append(parts, listing("gcloud command", "With gcloud", m.Gcloud)...)
	parts = append(parts, fields(m.Facts)...)
	return append(parts, listing("Terraform", "With Terraform", m.Terraform)...)
}

// step says what the reader has to do. A bar at its side marks what is urgent.
func step(m notify.Message) []part {
	switch next := line(m.Next); {
	case next == "" && m.Tone.Urgent():
		return nil
	case next == "":
		return prose("next step", paragraph{"Next", "Nothing has to be done."})
	case m.Tone.Urgent():
		return demand(next)
	default:
		return prose("next step", paragraph{"Next", next})
	}
}

// last says how often it happened, and when. Slack shows the time in the
// reader's zone
// (https://docs.slack.dev/messaging/formatting-message-text#date-formatting).
func last(m notify.Message) []part {
	texts := slices.DeleteFunc([]string{times(m), moment(m.At)}, func(s string) bool { return s == "" })
	if len(texts) == 0 {
		return nil
	}
	return []part{{"time", small(strings.Join(texts, " · "))}}
}

func times(m notify.Message) string {
	var texts []string
	if m.Count > 1 {
		texts = append(texts, fmt.Sprintf("Happened *%d times* in all", m.Count))
	}
	switch {
	case m.Missed == 1:
		texts = append(texts, "once more since the last message")
	case m.Missed > 1:
		texts = append(texts, fmt.Sprintf("%d times more since the last message", m.Missed))
	}
	return strings.Join(texts, ", ")
}

func moment(at time.Time) string {
	if at.Unix() <= 0 || at.Year() > 9999 {
		return ""
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", at.Unix(), at.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// usable returns the links that Slack takes, of at most 3000 characters
// (https://docs.slack.dev/reference/block-kit/block-elements/button-element). A
// part of an address leads elsewhere, so a longer one is left out.
func usable(links []notify.Link) []notify.Link {
	const longest = 3000
	var kept []notify.Link
	for _, l := range links {
		u, err := url.Parse(l.URL)
		if err != nil || u.Scheme != "https" || !hosts().MatchString(u.Host) {
			continue
		}
		if l.URL = address(u.String()); weight(l.URL) <= longest {
			kept = append(kept, l)
		}
	}
	return kept
}

var hosts = onUse(`^[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?$`)

// address escapes what an address cannot have
// (https://www.rfc-editor.org/rfc/rfc3986#section-2) and Slack would read.
func address(s string) string { return foreign().ReplaceAllStringFunc(s, url.PathEscape) }

var foreign = onUse(`[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]`)

// escape makes texts harmless in a template. What is to be copied keeps its
// characters.
func escape(m notify.Message) func(string) string {
	copied := []string{m.Gcloud, m.Terraform}
	for _, l := range m.Links {
		copied = append(copied, l.URL)
	}
	return func(s string) string {
		if slices.Contains(copied, s) {
			return verbatim(s)
		}
		return literal(s)
	}
}

// fallback is what a notification shows and a screen reader reads, which leave
// the blocks out
// (https://docs.slack.dev/reference/methods/chat.postMessage). Slack takes 40 000
// characters; a notification shows the first hundred or two.
func fallback(m notify.Message) string {
	const longest = 400
	var texts []string
	for _, s := range []string{m.Headline(), m.Next, m.Why, m.Decision} {
		if s = literal(cut(line(s), longest)); s != "" {
			texts = append(texts, s)
		}
	}
	return strings.Join(texts, "\n")
}

package slack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	kit "github.com/slack-go/slack"

	"github.com/pullfix/pullfix/notify"
)

// The limits of one element, in characters
// (https://docs.slack.dev/reference/block-kit/blocks/section-block,
// https://docs.slack.dev/reference/block-kit/block-elements/button-element).
// Rich text has none that is documented, so it keeps to that of a text object.
const (
	longestSection   = 3000
	longestParagraph = 1200
	longestCode      = 2800
	longestName      = 60
	longestValue     = 400 // of the 2000 of a field: five more escaped, and there is room for the name
	mostFields       = 10
	longestLabel     = 75
	mostButtons      = 5 // of 25, so that they stand in one row
)

// paragraph is a label in bold, where it has one, and a text.
type paragraph struct{ label, text string }

// prose shows paragraphs as rich text, which Slack does not search for markup,
// mentions and addresses
// (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block).
func prose(what string, paragraphs ...paragraph) []part {
	var all []kit.RichTextElement
	for _, p := range paragraphs {
		if text := cut(line(p.text), longestParagraph); text != "" {
			all = append(all, kit.NewRichTextSection(labelled(p.label, text)...))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []part{{what, kit.NewRichTextBlock("", all...)}}
}

func labelled(label, text string) []kit.RichTextSectionElement {
	if label == "" {
		return []kit.RichTextSectionElement{kit.NewRichTextSectionTextElement(text, nil)}
	}
	return []kit.RichTextSectionElement{bold(label), kit.NewRichTextSectionTextElement("  "+text, nil)}
}

func bold(text string) kit.RichTextSectionElement {
	return kit.NewRichTextSectionTextElement(text, &kit.RichTextSectionTextStyle{Bold: true})
}

// demand is the step that the reader must take.
func demand(next string) []part {
	text := bold("What to do:  " + cut(next, longestParagraph))
	quote := &kit.RichTextQuote{Type: kit.RTEQuote, Elements: []kit.RichTextSectionElement{text}}
	return []part{{"next step", kit.NewRichTextBlock("", quote)}}
}

// listing is a text to be copied, in full or not at all: a part of a command can
// be another command.
func listing(what, label, text string) []part {
	text = code(text)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if weight(text) > longestCode {
		why := fmt.Sprintf("too long for a message: %d characters. pullfix explain prints it from the log entry.", len([]rune(text)))
		return prose(what, paragraph{label, why})
	}
	block := &kit.RichTextPreformatted{Type: kit.RTEPreformatted, Elements: []kit.RichTextSectionElement{kit.NewRichTextSectionTextElement(text, nil)}}
	return []part{{what, kit.NewRichTextBlock("", kit.NewRichTextSection(bold(label)), block)}}
}

// fields show facts in two columns, or below one another on a phone.
func fields(facts []notify.Fact) []part {
	var parts []part
	for some := range slices.Chunk(facts, mostFields) {
		var texts []*kit.TextBlockObject
		for _, f := range some {
			texts = append(texts, field(line(f.Name), cmp.Or(line(f.Value), "-")))
		}
		parts = append(parts, part{"facts", kit.NewSectionBlock(nil, texts, nil)})
	}
	return parts
}

// field shows the value in code style, where no character has a meaning but the
// one that ends it; a value with that one is plain text.
func field(name, value string) *kit.TextBlockObject {
	name, value = cmp.Or(cut(name, longestName), "-"), cut(value, longestValue)
	if strings.Contains(value, "`") {
		return kit.NewTextBlockObject(kit.PlainTextType, name+"\n"+value, false, false)
	}
	return mrkdwn("*" + literal(name) + "*\n`" + entities.Replace(value) + "`")
}

// mrkdwn is text with markup. Slack is not to look for names and addresses in it.
func mrkdwn(text string) *kit.TextBlockObject {
	return kit.NewTextBlockObject(kit.MarkdownType, text, false, true)
}

func small(text string) kit.Block { return kit.NewContextBlock("", mrkdwn(text)) }

// buttons lead to where the reader can look further.
func buttons(links []notify.Link) []part {
	var parts []part
	for some := range slices.Chunk(links, mostButtons) {
		var all []kit.BlockElement
		for _, l := range some {
			label := cmp.Or(cut(noEmoji(line(l.Label)), longestLabel), "Open")
			text := kit.NewTextBlockObject(kit.PlainTextType, label, false, false)
			all = append(all, kit.NewButtonBlockElement("", "", text).WithURL(l.URL))
		}
		parts = append(parts, part{"links", kit.NewActionBlock("", all...)})
	}
	return parts
}

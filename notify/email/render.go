package email

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	html "html/template"
	"strings"
	"sync"
	text "text/template"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pullfix/pullfix/notify"
)

// Rendered is a mail as its reader sees it. The text and the HTML say the same.
type Rendered struct{ Subject, Text, HTML string }

// Render makes a mail of a message, with a template or, where that is nil or
// makes nothing of it, in the channel's own words. The subject says nothing that differs between two
// messages about the same problem and of the same tone, such as a count, so
// that mailboxes show them together. The error is the template's.
func Render(m notify.Message, t *notify.Template) (Rendered, error) { return render(m, t, nil) }

//go:embed mail.html
var htmlSource string

//go:embed mail.txt
var textSource string

// The templates are parsed when the first mail is made: most functions send none.
var (
	htmlMail = sync.OnceValue(func() *html.Template {
		return html.Must(html.New("mail.html").Funcs(html.FuncMap{"words": words}).Parse(htmlSource))
	})
	textMail = sync.OnceValue(func() *text.Template {
		return text.Must(text.New("mail.txt").Option("missingkey=error").Parse(textSource))
	})
)

// page is what the two templates show.
type page struct {
	notify.Message
	Custom   string // the text of the channel's template
	Colour   string // of the tone, dark enough for white text
	Again    string // how often it happened
	When     string
	Untaken  []string // recipients that will not have the mail, each with the reason
	FactName int      // width of the longest name of a fact
}

func render(m notify.Message, t *notify.Template, untaken []string) (Rendered, error) {
	m = tame(m)
	p := page{Message: m, Colour: colours[m.Tone], Again: again(m), When: when(m.At), Untaken: untaken}
	for _, f := range m.Facts {
		p.FactName = max(p.FactName, utf8.RuneCountInString(f.Name))
	}
	if t != nil {
		custom, err := t.Text(m, func(s string) string { return s })
		if err != nil {
			return Rendered{}, fmt.Errorf("email: %w", err)
		}
		p.Custom = lines(custom, longestCode)
	}
	var plain, rich bytes.Buffer
	if err := textMail().Execute(&plain, p); err != nil {
		return Rendered{}, fmt.Errorf("email: %w", err)
	}
	if err := htmlMail().Execute(&rich, p); err != nil {
		return Rendered{}, fmt.Errorf("email: %w", err)
	}
	return Rendered{Subject: subject(m), Text: plain.String(), HTML: rich.String()}, nil
}

// colours go with the tones' words and never stand for them.
var colours = [...]string{
	notify.ActNow: "#b3261e", notify.Refused: "#8f4700", notify.Mended: "#17693a",
	notify.Observed: "#1c5aa6", notify.Stopped: "#4a5160", notify.Flood: "#7a2a8c",
}

// Lengths, in characters: a mail of more than about 100 KB is cut by Gmail.
const (
	longestTitle = 150
	longestLine  = 2_000
	longestName  = 24
	longestCode  = 16_000
	mostFacts    = 40
	mostLinks    = 20
)

// subject keeps a text from being read as an encoded word
// (https://www.rfc-editor.org/rfc/rfc2047#section-2).
func subject(m notify.Message) string {
	return strings.ReplaceAll(oneLine(m.Headline(), longestTitle), "=?", "= ?")
}

// tame bounds the texts of a message, and takes from them what would make one
// text look like two, or like another.
func tame(m notify.Message) notify.Message {
	m.Title = oneLine(m.Title, longestTitle)
	m.Why, m.Decision = oneLine(m.Why, longestLine), oneLine(m.Decision, longestLine)
	m.Next = cmp.Or(oneLine(m.Next, longestLine), unsaid[m.Tone.Urgent()])
	m.Gcloud, m.Terraform = lines(m.Gcloud, longestCode), lines(m.Terraform, longestCode)
	facts, links := m.Facts, m.Links
	m.Facts, m.Links = nil, nil
	for _, f := range facts[:min(len(facts), mostFacts)] {
		m.Facts = append(m.Facts, notify.Fact{Name: oneLine(f.Name, longestName), Value: oneLine(f.Value, longestLine)})
	}
	for _, l := range links[:min(len(links), mostLinks)] {
		m.Links = append(m.Links, notify.Link{Label: oneLine(l.Label, longestTitle), URL: oneLine(l.URL, longestLine)})
	}
	return m
}

// unsaid is what the reader has to do where the message does not say it, by
// whether it is urgent.
var unsaid = map[bool]string{true: "Somebody must look into this.", false: "Nothing is to be done."}

func oneLine(s string, longest int) string {
	return cut(strings.Join(strings.Fields(strings.Map(printable, s)), " "), longest)
}

func lines(s string, longest int) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return cut(strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return printable(r)
	}, s)), longest)
}

// printable takes the meaning from characters that move the cursor or turn the
// direction of writing.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// cut shortens a text to that many characters.
func cut(s string, longest int) string {
	for i := range s {
		if longest--; longest < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// words keeps a command's options from being broken at their hyphens, where it
// is broken into lines to be shown.
func words(command string) []string { return strings.Split(command, " ") }

func again(m notify.Message) string {
	var parts []string
	if m.Missed > 0 {
		parts = append(parts, fmt.Sprintf("The same happened %s since the last message.", times(m.Missed, "more ")))
	}
	if m.Count > 1 {
		parts = append(parts, fmt.Sprintf("It happened %s in all.", times(m.Count, "")))
	}
	return strings.Join(parts, " ")
}

func times(n int, more string) string {
	if n == 1 {
		return "once more"
	}
	return fmt.Sprintf("%d %stimes", n, more)
}

func when(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2 January 2006, 15:04:05 UTC")
}

package slack

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/notify"
)

// nasty are pieces of which texts are made.
var nasty = []string{
	"<!channel>", "<!here|here>", "<@U123>", "<#C1>", "<https://evil.example|bank>", "<!date^1^{date}|x>", "@here", "https://evil.example",
	"*", "_", "~", "`", "```", "*bold*", " _slanted_ ", "~struck~", ":smile:", ":", "> ", "&", "&amp;", "&lt;!here&gt;", "<", ">", "|", "\"", "\\",
	"\n", "\r\n", "\t", "\x00", "\u202e", "\u200b", "\u2028", "\xff", "é", "名前", "\U0001F6A8", "%", "{{.Title}}", "web", "my_service", " ", "a@b.example",
}

func texts(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(nasty), rapid.StringN(0, 8, -1)), 0, 8).Draw(t, "pieces"), "")
		if text == "" || rapid.IntRange(0, 3).Draw(t, "long") > 0 {
			return text
		}
		return strings.Repeat(text, 1+rapid.IntRange(0, most).Draw(t, "length")/len(text))
	})
}

var messages = rapid.Custom(func(t *rapid.T) notify.Message {
	short, long := texts(300), texts(4000)
	m := notify.Message{
		Tone: rapid.SampledFrom(notify.Tones()).Draw(t, "tone"), Kind: short.Draw(t, "kind"),
		Title: long.Draw(t, "title"), Why: long.Draw(t, "why"), Decision: long.Draw(t, "decision"), Next: long.Draw(t, "next"),
		Gcloud: long.Draw(t, "gcloud"), Terraform: long.Draw(t, "terraform"),
		Missed: rapid.IntRange(0, 1e9).Draw(t, "missed"), Count: rapid.IntRange(1, 1e9).Draw(t, "count"),
		At: time.Unix(rapid.Int64().Draw(t, "at"), 0),
	}
	for range rapid.IntRange(0, 25).Draw(t, "facts") {
		m.Facts = append(m.Facts, notify.Fact{Name: short.Draw(t, "name"), Value: long.Draw(t, "value")})
	}
	for range rapid.IntRange(0, 12).Draw(t, "links") {
		address := rapid.SampledFrom([]string{"https://a.example/", "https://", "http://a.example/", "javascript:", ""}).Draw(t, "scheme")
		m.Links = append(m.Links, notify.Link{Label: short.Draw(t, "label"), URL: address + long.Draw(t, "rest")})
	}
	return m
})

// TestAnyMessage is within the limits and has no live markup but its own.
func TestAnyMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { built(t, messages.Draw(t, "message")) })
}

func TestAnyMessageInATemplate(t *testing.T) {
	tm := everything(t)
	rapid.Check(t, func(t *rapid.T) {
		m := messages.Draw(t, "message")
		content, err := Blocks(m, tm)
		if err != nil {
			t.Skip("longer than a template's text may be")
		}
		holds(t, m, content)
	})
}

func FuzzBlocks(f *testing.F) {
	f.Add("web failed", "why", gcloud, "Who", "me", "https://a.example/", 3)
	h := hostile()
	f.Add(h.Title, h.Why, h.Gcloud, h.Facts[0].Name, h.Facts[0].Value, h.Links[0].URL, 1)
	f.Fuzz(func(t *testing.T, title, prose, command, name, value, address string, n int) {
		m := notify.Message{Title: title, Why: prose, Decision: prose, Next: prose, Gcloud: command, Terraform: command, Count: n, Missed: n}
		for range uint8(n) {
			m.Facts, m.Links = append(m.Facts, notify.Fact{Name: name, Value: value}), append(m.Links, notify.Link{Label: name, URL: address})
		}
		built(t, m)
	})
}

// built checks the form that has no template.
func built(t rapid.TB, m notify.Message) {
	t.Helper()
	content, err := Blocks(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, m, content)
	listed(t, readBack(t, content), m.Gcloud, "gcloud")
}

// holds checks what is true of every form.
func holds(t rapid.TB, m notify.Message, content Content) {
	t.Helper()
	raw, err := json.Marshal(content.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range broken(raw) {
		t.Errorf("beyond Slack's limits: %s", problem)
	}
	if len(raw) > 12_000 {
		t.Errorf("blocks of %d bytes, want at most 12000", len(raw))
	}
	s := readBack(t, content)
	if n := len(s.Text); n == 0 || n > 4000 {
		t.Errorf("a fallback of %d bytes, want 1 to 4000", n)
	}
	dead(t, s.Text)
	for _, b := range s.Blocks {
		switch {
		case b.Type == "header":
			headed(t, m, b.Text.Text)
		case b.Type == "context":
			for _, e := range b.Elements {
				dead(t, ours.ReplaceAllString(e.plain(), ""))
			}
		case b.Type == "section" && b.Text.Text != "":
			operated(t, b.Text.Text)
		}
		for _, f := range b.Fields {
			inField(t, f)
		}
	}
}

// ours is the markup of the line below everything.
var ours = regexp.MustCompile(`<!date\^\d+\^\{date_short_pretty\} \{time_secs\}\|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC>|\*\d+ times\*`)

var styles = regexp.MustCompile("(?:^|[^0-9A-Za-z])[*_~]|[*_~](?:$|[^0-9A-Za-z])|`")

// dead checks that mrkdwn shows a text as it is.
func dead(t rapid.TB, s string) {
	t.Helper()
	if found := styles.FindString(s); found != "" {
		t.Errorf("live style %q in %q", found, s)
	}
	if strings.ContainsAny(s, "<>") || strings.Count(s, "&") != len(entity.FindAllString(s, -1)) {
		t.Errorf("live markup, or a part of an escape, in %q", s)
	}
	if emoji.MatchString(s) {
		t.Errorf("a picture in %q", s)
	}
}

var (
	entity = regexp.MustCompile(`&(?:amp|lt|gt);`)
	emoji  = regexp.MustCompile(`:[^\s:]+:`)
)

// headed checks that the header has the picture of the tone alone, and its words.
func headed(t rapid.TB, m notify.Message, s string) {
	t.Helper()
	rest, ok := strings.CutPrefix(s, shortcodes[m.Tone]+" "+m.Tone.String())
	if !ok || emoji.MatchString(rest) {
		t.Errorf("the header is %q, want %s, %s and no other picture", s, shortcodes[m.Tone], m.Tone)
	}
}

var inCode = regexp.MustCompile("^\\*(.+)\\*\n`([^`\n]+)`$")

func inField(t rapid.TB, f text) {
	t.Helper()
	if f.Type == "plain_text" {
		return
	}
	found := inCode.FindStringSubmatch(f.Text)
	if found == nil {
		t.Fatalf("a field of %q, want a name in bold and a value in code", f.Text)
	}
	dead(t, found[1])
	if strings.ContainsAny(found[2], "<>") || strings.Count(found[2], "&") != len(entity.FindAllString(found[2], -1)) {
		t.Errorf("live markup, or a part of an escape, in %q", found[2])
	}
}

// operated checks a section of the operator's text, which has links.
func operated(t rapid.TB, s string) {
	t.Helper()
	if strings.Count(s, fence)%2 != 0 {
		t.Errorf("an open code block in %q", s)
	}
	if strings.Count(s, "&") != len(entity.FindAllString(s, -1)) {
		t.Errorf("a part of an escape in %q", s)
	}
	for _, found := range regexp.MustCompile(`<[^>]*>?`).FindAllString(s, -1) {
		if !anchors.MatchString(found) {
			t.Errorf("live markup %q in %q", found, s)
		}
	}
}

var anchors = regexp.MustCompile(`^<https://[^<>|]+\|[^<>]*>$`)

// listed checks that a command is there as it is, or not at all.
func listed(t rapid.TB, s shown, command, label string) {
	t.Helper()
	for _, b := range s.Blocks {
		for i, e := range b.Elements {
			if e.Type == "rich_text_preformatted" && strings.Contains(b.Elements[i-1].Elements[0].plain(), label) {
				if got := e.Elements[0].plain(); got != code(command) {
					t.Errorf("the command is shown as %q, want %q", got, code(command))
				}
			}
		}
	}
}

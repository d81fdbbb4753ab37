package slack

import (
	"encoding/json"
	"html"
	"html/template"
	"regexp"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/chromium"
	"github.com/pullfix/pullfix/internal/further"
	"github.com/pullfix/pullfix/notify"
)

// TestPreview shows a message of each tone in Chromium, in the layout of Slack's
// clients, on a phone and on a desktop. A reader who is woken at night sees
// without scrolling what happened, what to do and why, and nothing sticks out.
func TestPreview(t *testing.T) {
	further.Program(t, "chromium")
	const phone = 844 - 200 // the height of one, less the client's bars
	for _, b := range []chromium.Browser{{Width: chromium.Phone, Height: 9000}, {Width: chromium.Desk, Height: 9000}} {
		t.Run(b.String(), func(t *testing.T) {
			for _, m := range measured(t, b) {
				if m.Wide > 0 {
					t.Errorf("%s: %d px stick out at the right", m.Name, m.Wide)
				}
				if m.Need > phone && m.Name != "hostile" {
					t.Errorf("%s: what the reader needs ends at %d px, want at most the %d of a phone", m.Name, m.Need, phone)
				}
			}
		})
	}
}

// measure is what the page's script found of one message, in pixels.
type measure struct {
	Name string
	Need int // from the top to the end of the reason
	Wide int // beyond the right edge
}

func measured(t *testing.T, b chromium.Browser) (all []measure) {
	t.Helper()
	if b.Measure(t, preview(t, b.Width), &all); len(all) != len(notify.Tones())+2 {
		t.Fatalf("the page measured %+v, want every message", all)
	}
	return all
}

type previewed struct {
	Name string
	shown
}

func preview(t *testing.T, width int) string {
	t.Helper()
	var all []previewed
	for _, tone := range notify.Tones() {
		all = append(all, previewed{tone.String(), show(t, sample(tone), nil)})
	}
	all = append(all, previewed{"hostile", show(t, hostile(), nil)}, previewed{"template", show(t, sample(notify.ActNow), everything(t))})
	var out strings.Builder
	if err := previewPage.Execute(&out, map[string]any{"Width": width, "All": all}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var previewPage = template.Must(template.New("page").Funcs(template.FuncMap{
	"mrkdwn": mrkdwnHTML, "pictures": pictures, "phone": func(width int) bool { return width < 600 },
}).Parse(`<!doctype html><meta charset="utf-8"><title></title><style>
body { margin: 0; width: {{.Width}}px; font: 15px/1.47 Lato, "Liberation Sans", sans-serif; color: #1d1c1d; background: #fff }
.message { position: relative; padding: 8px 20px 8px 64px; border-bottom: 1px solid #eee; max-width: 720px }
.message::before { content: ""; position: absolute; left: 16px; top: 12px; width: 36px; height: 36px; border-radius: 6px; background: #4a154b }
.from { font-weight: 900 } .from small { color: #616061; font-weight: 400 }
.header { font-size: 18px; font-weight: 900; line-height: 1.33; margin: 6px 0 8px }
.block { margin: 4px 0 8px; overflow-wrap: anywhere; white-space: pre-wrap }
.quote { border-left: 4px solid #ddd; padding-left: 12px }
pre { margin: 4px 0; padding: 8px; border: 1px solid #ddd; border-radius: 4px; background: #f8f8f8; font: 12px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
code { padding: 2px 3px 1px; border: 1px solid #ddd; border-radius: 3px; background: #f8f8f8; color: #c01343; font: 12px/1.5 monospace }
.fields { display: grid; grid-template-columns: {{if phone .Width}}1fr{{else}}1fr 1fr{{end}}; gap: 8px 16px }
.button { display: inline-block; margin: 0 8px 6px 0; padding: 0 12px 1px; border: 1px solid #bbb; border-radius: 4px; font-weight: 700; line-height: 34px }
.context { font-size: 13px; color: #616061 }
</style>{{range .All}}<div class="message" data-name="{{.Name}}"><div class="from">pullfix <small>APP 02:41</small></div>
{{- range .Blocks}}
{{- if eq .Type "header"}}<div class="header">{{pictures .Text.Text}}</div>
{{- else if eq .Type "section"}}{{with .Text.Text}}<div class="block">{{mrkdwn .}}</div>{{end}}
{{- with .Fields}}<div class="block fields">{{range .}}<div>{{if eq .Type "mrkdwn"}}{{mrkdwn .Text}}{{else}}{{.Text}}{{end}}</div>{{end}}</div>{{end}}
{{- else if eq .Type "rich_text"}}<div class="block rich">{{range .Elements}}
{{- if eq .Type "rich_text_preformatted"}}<pre>{{range .Elements}}{{.Plain}}{{end}}</pre>
{{- else}}<div{{if eq .Type "rich_text_quote"}} class="quote"{{end}}>{{range .Elements}}{{if .Style.bold}}<b>{{.Plain}}</b>{{else}}{{.Plain}}{{end}}{{end}}</div>{{end}}{{end}}</div>
{{- else if eq .Type "actions"}}<div class="block">{{range .Elements}}<span class="button">{{.Label}}</span>{{end}}</div>
{{- else if eq .Type "context"}}<div class="block context">{{range .Elements}}{{mrkdwn .Plain}}{{end}}</div>{{end}}{{end}}</div>
{{end}}<script>
document.title = btoa(unescape(encodeURIComponent(JSON.stringify([...document.querySelectorAll(".message")].map(m => {
  const top = m.getBoundingClientRect(), rich = [...m.querySelectorAll(".rich")].filter(b => !b.querySelector("pre"))
  const inner = [...m.querySelectorAll("*")].map(e => e.getBoundingClientRect().right)
  return { Name: m.dataset.name, Need: Math.round(Math.max(0, ...rich.map(b => b.getBoundingClientRect().bottom)) - top.top) || 0,
    Wide: Math.max(0, Math.round(Math.max(...inner) - top.right)) }
})))))
</script>`))

// Plain and Label are the text of an element, and of a button.
func (e element) Plain() string { return e.plain() }

func (e element) Label() string {
	var t text
	_ = json.Unmarshal(e.Text, &t)
	return t.Text
}

// pictures are the shortcodes of the tones as Slack draws them.
func pictures(s string) template.HTML {
	s = html.EscapeString(s)
	for code, point := range map[string]string{
		":rotating_light:": "1F6A8", ":no_entry:": "26D4", ":white_check_mark:": "2705", ":eyes:": "1F440", ":octagonal_sign:": "1F6D1", ":ocean:": "1F30A",
	} {
		s = strings.ReplaceAll(s, code, "&#x"+point+";")
	}
	return template.HTML(s)
}

// mrkdwnHTML reads as much of mrkdwn as the messages have; in code nothing has a
// meaning.
func mrkdwnHTML(s string) template.HTML {
	return template.HTML(styled.ReplaceAllStringFunc(s, func(found string) string {
		switch {
		case strings.HasPrefix(found, fence):
			return "<pre>" + strings.Trim(found, "`\n") + "</pre>"
		case found[0] == '`':
			return "<code>" + strings.Trim(found, "`") + "</code>"
		case found[0] == '<':
			_, label, _ := strings.Cut(strings.Trim(found, "<>"), "|")
			return "<u>" + label + "</u>"
		default:
			return "<b>" + strings.Trim(found, "*") + "</b>"
		}
	}))
}

var styled = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`|<[^<>|]+\\|[^<>]*>|\\*[^*\n]+\\*")

package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shown is a message as Slack reads it.
type shown struct {
	Text   string
	Blocks []struct {
		Type     string
		Text     text
		Fields   []text
		Elements []element
	}
}

type text struct{ Type, Text string }

// element is one of rich text, of a context or of actions.
type element struct {
	Type     string
	Text     json.RawMessage
	URL      string
	Elements []element
	Style    map[string]bool
}

func (e element) plain() string {
	var s string
	_ = json.Unmarshal(e.Text, &s)
	return s
}

func show(t rapid.TB, m notify.Message, tm *notify.Template) shown {
	t.Helper()
	content, err := Blocks(m, tm)
	if err != nil {
		t.Fatal(err)
	}
	return readBack(t, content)
}

func readBack(t rapid.TB, content Content) shown {
	t.Helper()
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	var s shown
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGolden has a file for each tone: paste it into Block Kit Builder
// (https://app.slack.com/block-kit-builder) to see it in Slack.
func TestGolden(t *testing.T) {
	for _, tone := range notify.Tones() {
		golden(t, strings.ReplaceAll(strings.ToLower(tone.String()), " ", "-"), sample(tone), nil)
	}
	golden(t, "hostile", hostile(), nil)
	golden(t, "template", hostile(), everything(t))
}

func golden(t *testing.T, name string, m notify.Message, tm *notify.Template) {
	t.Run(name, func(t *testing.T) {
		content, err := Blocks(m, tm)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		enc := json.NewEncoder(&got)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(content); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", file, diff)
		}
	})
}

// everything is a template that uses what there is, in prose and in code.
func everything(t testing.TB) *notify.Template {
	t.Helper()
	tm, err := notify.ParseTemplate("everything", "*{{.Tone}}*: {{.Title}}\n"+
		"{{.Why}} {{.Decision}}\n> {{.Next}}\n"+
		"{{range .Facts}}{{.Name}}: `{{.Value}}`\n{{end}}"+
		"```\n{{.Gcloud}}\n{{.Terraform}}\n```\n"+
		"{{range .Links}}<{{.URL}}|{{.Label}}> {{end}}{{.Missed}} of {{.Count}}, {{.Kind}}")
	if err != nil {
		t.Fatal(err)
	}
	return tm
}

// said is every text that a reader sees.
func (s shown) said() string {
	var out strings.Builder
	var walk func(all []element)
	walk = func(all []element) {
		for _, e := range all {
			out.WriteString(e.plain() + "\n")
			walk(e.Elements)
		}
	}
	for _, b := range s.Blocks {
		out.WriteString(b.Text.Text + "\n")
		for _, f := range b.Fields {
			out.WriteString(f.Text + "\n")
		}
		walk(b.Elements)
	}
	return out.String()
}

func TestWhatIsLeftOutIsSaid(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for name, c := range map[string]struct {
		change func(*notify.Message)
		want   string
	}{
		"a long title":        {func(m *notify.Message) { m.Title = strings.Repeat("long ", 60) + "end" }, "long end"},
		"a long command":      {func(m *notify.Message) { m.Gcloud = long }, "too long for a message: 3000 characters. pullfix explain prints it"},
		"a long Terraform":    {func(m *notify.Message) { m.Terraform = long }, "too long for a message: 3000 characters. pullfix explain prints it"},
		"many facts":          {func(m *notify.Message) { m.Facts = make([]notify.Fact, 500) }, "Left out, because Slack takes no longer message: facts, Terraform."},
		"many links":          {func(m *notify.Message) { m.Links = manyLinks(50) }, "Left out, because Slack takes no longer message: links"},
		"nothing to be done":  {func(m *notify.Message) { m.Tone, m.Next = notify.Mended, "" }, "Nothing has to be done."},
		"a fact with no text": {func(m *notify.Message) { m.Facts = []notify.Fact{{Name: "On"}} }, "*On*\n`-`"},
	} {
		t.Run(name, func(t *testing.T) {
			m := sample(notify.ActNow)
			c.change(&m)
			if got := show(t, m, nil).said(); !strings.Contains(got, c.want) {
				t.Errorf("the message has not %q:\n%s", c.want, got)
			}
		})
	}
}

func manyLinks(n int) []notify.Link {
	links := make([]notify.Link, n)
	for i := range links {
		links[i] = notify.Link{Label: "Log", URL: "https://a.example/" + strings.Repeat("x", 400)}
	}
	return links
}

// TestATemplatesTextIsSplit keeps every word of a long text, in its order.
func TestATemplatesTextIsSplit(t *testing.T) {
	var text strings.Builder
	for range 60 {
		text.WriteString("a line of prose with <https://a.example/|a link> &amp; more, again and again\n")
	}
	text.WriteString("```\n" + strings.Repeat("code to copy, and more of it\n", 80) + "```\nthe end")
	pieces := split(text.String())
	if len(pieces) < 3 {
		t.Fatalf("%d pieces of %d bytes, want 3 or more", len(pieces), text.Len())
	}
	for _, p := range pieces {
		if weight(p) > longestSection || strings.Count(p, fence)%2 != 0 {
			t.Errorf("a piece of weight %d with %d fences:\n%s", weight(p), strings.Count(p, fence), p)
		}
	}
	words := func(s string) []string { return strings.Fields(strings.ReplaceAll(s, fence, "")) }
	if diff := cmp.Diff(words(text.String()), words(strings.Join(pieces, "\n"))); diff != "" {
		t.Errorf("the pieces together (-want +got)\n%s", diff)
	}
}

func TestWhereATextIsSplit(t *testing.T) {
	most := longestSection - 20
	for name, c := range map[string]struct{ text, want string }{
		"at the end of a line": {strings.Repeat("x", 100) + "\n" + strings.Repeat("y", most), strings.Repeat("x", 100)},
		"not in an escape":     {strings.Repeat("x", most-2) + "&amp;", strings.Repeat("x", most-2)},
		"not in a link":        {strings.Repeat("x", most-30) + "<https://a.example/|a link>", strings.Repeat("x", most-30)},
		"not a long link":      {"x <https://a.example/" + strings.Repeat("x", most) + "|a link> y", "x "},
		"not in a code fence":  {strings.Repeat("x", most-1) + "```y```", strings.Repeat("x", most-1)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := split(c.text)[0]; got != c.want {
				t.Errorf("the first piece has %d bytes and ends in %q, want %d bytes", len(got), got[max(0, len(got)-20):], len(c.want))
			}
		})
	}
}

func TestLiteral(t *testing.T) {
	for in, want := range map[string]string{
		"my_service-1 (run-image)":     "my_service-1 (run-image)",
		"a*b~c_d":                      "a*b~c_d",
		"<!channel> & <@U1>":           "&lt;!channel&gt; &amp; &lt;@U1&gt;",
		"*b* _s_ ~x~ `c`":              "∗b∗ ˍsˍ ∼x∼ ˋcˋ",
		"> quote":                      "› quote",
		"a > b":                        "a &gt; b",
		":tada: at 10:30":              "∶tada∶ at 10:30",
		"one\ntwo\u202e three\x00four": "one two three four",
		"  ":                           "",
	} {
		if got := literal(in); got != want {
			t.Errorf("literal(%q) = %q, want %q", in, got, want)
		}
	}
}

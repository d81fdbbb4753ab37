package email

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got\n%s", file, diff)
	}
}

func rendered(t *testing.T, m notify.Message, template *notify.Template) Rendered {
	t.Helper()
	r, err := Render(m, template)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// nameOf is a tone as a part of a file's name.
func nameOf(tone notify.Tone) string {
	return strings.ReplaceAll(strings.ToLower(tone.String()), " ", "-")
}

func TestEveryTone(t *testing.T) {
	for _, tone := range notify.Tones() {
		t.Run(nameOf(tone), func(t *testing.T) {
			r := rendered(t, sample(tone), nil)
			golden(t, nameOf(tone)+".txt", "Subject: "+r.Subject+"\n\n"+r.Text)
			golden(t, nameOf(tone)+".html", r.HTML)
		})
	}
}

// TestHostileTexts renders what people could name a service.
func TestHostileTexts(t *testing.T) {
	const attack = `<script>alert(1)</script><img src=x onerror="y">'"&amp;` + "\u202egnp.exe\x00\x1b[31m"
	m := notify.Message{
		Title: attack, Why: attack, Decision: attack, Next: attack, Gcloud: attack, Terraform: attack,
		Facts: []notify.Fact{{Name: attack, Value: attack}}, Links: []notify.Link{{Label: attack, URL: `javascript:alert("1")`}},
	}
	for name, template := range map[string]*notify.Template{"own": nil, "template": custom(t, "{{.Title}} {{.Why}} {{.Gcloud}}")} {
		t.Run(name, func(t *testing.T) {
			r := rendered(t, m, template)
			for _, sign := range []string{"<script", "<img", "\u202e", "\x00", "\x1b", `"javascript:`} {
				if strings.Contains(r.HTML, sign) {
					t.Errorf("the HTML has %q, want it escaped or left out", sign)
				}
			}
			if strings.ContainsAny(r.Subject+r.Text, "\u202e\x00\x1b") {
				t.Errorf("the subject or the text has characters that are no text: %q", r.Subject+r.Text)
			}
			if !strings.Contains(r.HTML, "&lt;script&gt;alert(1)&lt;/script&gt;") {
				t.Error("the HTML does not show the text as it is")
			}
		})
	}
}

func custom(t *testing.T, text string) *notify.Template {
	t.Helper()
	template, err := notify.ParseTemplate("email.tmpl", text)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// A value cannot pass for another row, nor for what is to be done.
func TestOneTextLooksLikeOne(t *testing.T) {
	m := sample(notify.Mended)
	m.Facts = []notify.Fact{{Name: "Who", Value: "eve\n\nCommand:\n\nrm -rf /"}}
	m.Why = "nothing\r\n\r\nDecision: granted\u2028to eve"
	text := rendered(t, m, nil).Text
	for _, want := range []string{"\nWho  eve Command: rm -rf /\n", "\nWhy: nothing Decision: granted to eve\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no line %q:\n%s", want, text)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("é<", 100_000)
	m := notify.Message{Title: long, Why: long, Decision: long, Next: long, Gcloud: long, Terraform: long}
	for range 500 {
		m.Facts = append(m.Facts, notify.Fact{Name: long, Value: long})
		m.Links = append(m.Links, notify.Link{Label: long, URL: "https://example.com/" + long})
	}
	r := rendered(t, m, nil)
	if n := utf8.RuneCountInString(r.Subject); n > longestTitle+1 || !strings.HasSuffix(r.Subject, "…") {
		t.Errorf("the subject has %d characters, want at most %d and a sign of the cut", n, longestTitle+1)
	}
	if len(r.Text) > 1<<20 || !utf8.ValidString(r.Text+r.HTML) {
		t.Errorf("the text has %d bytes, want at most 1 MiB of UTF-8", len(r.Text))
	}
}

func TestSubjectIsNoEncodedWord(t *testing.T) {
	m := notify.Message{Title: "=?utf-8?q?mended?= by eve"}
	if got, want := rendered(t, m, nil).Subject, "Action needed: = ?utf-8?q?mended?= by eve"; got != want {
		t.Errorf("the subject is %q, want %q", got, want)
	}
}

func TestSubjectsOfRepeatsAreTheSame(t *testing.T) {
	first := sample(notify.ActNow)
	repeat := first
	repeat.Missed, repeat.Count, repeat.Event, repeat.Why = 41, 42, "evt2", "another cause"
	if a, b := rendered(t, first, nil).Subject, rendered(t, repeat, nil).Subject; a != b {
		t.Errorf("the subjects are %q and %q, want them equal", a, b)
	}
}

func TestEveryToneSaysWhatIsToBeDone(t *testing.T) {
	colours := map[string]notify.Tone{}
	for _, tone := range notify.Tones() {
		m := sample(tone)
		r := rendered(t, m, nil)
		if first, _, _ := strings.Cut(r.Text, "\n"); first != m.Next {
			t.Errorf("%s: the first line is %q, want %q", tone, first, m.Next)
		}
		found := regexp.MustCompile(`class="band" bgcolor="(#\w+)"`).FindStringSubmatch(r.HTML)
		if found == nil {
			t.Fatalf("%s: the HTML has no band in a colour", tone)
		}
		if other, taken := colours[found[1]]; taken {
			t.Errorf("%s has the colour of %s, %s: want one of its own", tone, other, found[1])
		}
		colours[found[1]] = tone
		m.Next = ""
		first, _, _ := strings.Cut(rendered(t, m, nil).Text, "\n")
		if want := map[bool]string{true: "Somebody must look into this.", false: "Nothing is to be done."}[tone.Urgent()]; first != want {
			t.Errorf("%s without a next step: the first line is %q, want %q", tone, first, want)
		}
	}
}

// A mail that fetches something tells its sender who reads it, and is blocked.
func TestHTMLFetchesNothing(t *testing.T) {
	for _, tone := range notify.Tones() {
		if found := regexp.MustCompile(`(?i)\bsrc=|url\(|@import|<link|<img|<script|<iframe|srcset`).FindString(rendered(t, sample(tone), nil).HTML); found != "" {
			t.Errorf("%s: the HTML has %q, want nothing that is fetched", tone, found)
		}
	}
}

func TestTemplate(t *testing.T) {
	m := sample(notify.ActNow)
	r := rendered(t, m, custom(t, "Oh no, {{.Title}}!\n\n  {{.Fact \"Region\"}} & {{.Gcloud}}\n"))
	golden(t, "template.txt", "Subject: "+r.Subject+"\n\n"+r.Text)
	golden(t, "template.html", r.HTML)
}

func TestTemplateWithoutATextMeansTheChannelsOwn(t *testing.T) {
	m := sample(notify.ActNow)
	if diff := cmp.Diff(rendered(t, m, nil), rendered(t, m, custom(t, "{{if not .Urgent}}fine{{end}}"))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestTemplateThatFails holds that the news comes all the same.
func TestTemplateThatFails(t *testing.T) {
	template := custom(t, "{{.Title}}\n{{index .Facts 99}}")
	o := &office{}
	settings := options("smtp://" + o.open(t))
	settings.Template = template
	if err := send(t, newSender(t, settings), sample(notify.ActNow)); err != nil {
		t.Fatal(err)
	}
	if _, got := only(t, o); !strings.Contains(got.text, "Template not used") || !strings.Contains(got.text, sample(notify.ActNow).Gcloud) {
		t.Errorf("got\n%s\nwant the channel's own words, and that its template was not used", got.text)
	}
	if _, err := Render(sample(notify.ActNow), template); err == nil || !strings.HasPrefix(err.Error(), "email: email.tmpl:2:") {
		t.Errorf("Render: got %v, want the place in the template", err)
	}
}

package notify

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// Template is a Go template (https://pkg.go.dev/text/template) that makes a
// channel's text of a message. The template's dot is a [View].
type Template struct{ t *template.Template }

// View is a message as a template sees it: every text is escaped for the
// channel.
type View struct {
	Tone      string // such as "Action needed"
	Urgent    bool   // the reader must do something
	Kind      string
	Headline  string // the tone and the title
	Title     string
	Why       string
	Decision  string
	Next      string
	Facts     []Fact
	Gcloud    string
	Terraform string
	Links     []Link
	Missed    int
	Count     int
	At        time.Time
}

// Fact returns the value of a fact by its name, "" where the message has none
// of that name.
func (v View) Fact(name string) string {
	for _, f := range v.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// ParseTemplate reads a template. The error has the line in the template's text
// as "name:line: why".
func ParseTemplate(name, text string) (*Template, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return &Template{t}, nil
}

// Text makes the text of a message; escape makes a text harmless in the channel.
func (t *Template) Text(m Message, escape func(string) string) (string, error) {
	var out bounded
	if err := t.t.Execute(&out, view(m, escape)); err != nil {
		return "", fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return strings.TrimSpace(out.String()), nil
}

func view(m Message, escape func(string) string) View {
	v := View{
		Tone: m.Tone.String(), Urgent: m.Tone.Urgent(), Kind: escape(m.Kind), Headline: escape(m.Headline()), Title: escape(m.Title),
		Why: escape(m.Why), Decision: escape(m.Decision), Next: escape(m.Next), Gcloud: escape(m.Gcloud), Terraform: escape(m.Terraform),
		Missed: m.Missed, Count: m.Count, At: m.At,
	}
	for _, f := range m.Facts {
		v.Facts = append(v.Facts, Fact{escape(f.Name), escape(f.Value)})
	}
	for _, l := range m.Links {
		v.Links = append(v.Links, Link{escape(l.Label), escape(l.URL)})
	}
	return v
}

// longestText is more than any channel takes.
const longestText = 64 << 10

// bounded is a text that does not grow without end.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > longestText {
		return 0, errors.New("the text is longer than 64 KiB")
	}
	return b.Builder.Write(p)
}

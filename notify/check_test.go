package notify

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// whole is a message that has everything.
func whole() Message {
	return Message{
		Tone: ActNow, Kind: "run-image", Title: "service web in app-one failed (run-image)", Why: "the agent may not read", Decision: "no rule",
		Next: "Run the command.", Facts: []Fact{{"Who", "the agent"}, {"Image", "web:v1"}}, Gcloud: "gcloud", Terraform: "resource",
		Links: []Link{{"Log entry", "https://example.com/"}}, Missed: 2, Count: 3, Problem: "p1", Event: "e1",
		At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	}
}

func check(t *testing.T, text string, samples ...Message) string {
	t.Helper()
	tmpl, err := ParseTemplate("t", text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if err := tmpl.Check(samples); err != nil {
		return err.Error()
	}
	return ""
}

func TestCheckFinds(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"an unknown field", "{{.Titel}}", "t:1: a message has no field Titel: is Title meant?"},
		{"one with no neighbour", "{{.Zebra}}", "t:1: a message has no field Zebra"},
		{"on its line", "a\nb {{.Why}}\n\n{{.Wy}}", "t:4: a message has no field Wy: is Why meant?"},
		{"in a branch that no message takes", "{{if eq .Kind \"none\"}}{{.Titel}}{{end}}", "t:1: a message has no field Titel: is Title meant?"},
		{"in the other branch", "{{if .Title}}{{else}}{{.Titel}}{{end}}", "t:1: a message has no field Titel: is Title meant?"},
		{"in a branch of a branch", "{{if .Missed}}{{else if .Urgent}}{{.Titel}}{{end}}", "t:1: a message has no field Titel: is Title meant?"},
		{"in a condition", "{{if .Urgnt}}x{{end}}", "t:1: a message has no field Urgnt: is Urgent meant?"},
		{"of a fact", "{{range .Facts}}{{.Nme}}{{end}}", "t:1: a fact has no field Nme: is Name meant?"},
		{"of a link", "{{range .Links}}{{.Value}}{{end}}", "t:1: a link has no field Value"},
		{"of a message in a range", "{{range .Facts}}{{.Title}}{{end}}", "t:1: a fact has no field Title"},
		{"where there is nothing to range over", "{{range .Facts}}{{else}}{{.Nme}}{{end}}", "t:1: a message has no field Nme"},
		{"of a text", "{{.Title.Text}}", "t:1: a text has no field Text"},
		{"of a text in with", "{{with .Title}}{{.Why}}{{end}}", "t:1: a text has no field Why"},
		{"of a dollar", "{{range .Facts}}{{$.Titel}}{{end}}", "t:1: a message has no field Titel: is Title meant?"},
		{"of a variable", "{{$f := index .Facts 0}}{{$f.Nme}}", "t:1: a fact has no field Nme: is Name meant?"},
		{"of a list in a variable", "{{$x := .Facts}}{{$x.Name}}", "t:1: a list has no field Name"},
		{"of the variables of a range", "{{range $i, $f := .Facts}}{{$i.Name}}\n{{$f.Nme}}{{end}}", "t:1: a number has no field Name\nt:2: a fact has no field Nme: is Name meant?"},
		{"of the element of a list", "{{(index .Facts 0).Nme}}", "t:1: a fact has no field Nme: is Name meant?"},
		{"behind a pipe", "{{.Titel | printf \"%s\"}}", "t:1: a message has no field Titel: is Title meant?"},
		{"in parentheses", "{{printf \"%s\" (.Titel | html)}}", "t:1: a message has no field Titel: is Title meant?"},
		{"in an argument of and", "{{if and .Missed .Titel}}x{{end}}", "t:1: a message has no field Titel: is Title meant?"},
		{"in a template of its own", "{{define \"row\"}}{{.Nme}}{{end}}{{range .Facts}}{{template \"row\" .}}{{end}}", "t:1: a fact has no field Nme: is Name meant?"},
		{"in a template that is given nothing", "{{define \"row\"}}{{.Name}}{{end}}{{template \"row\"}}", "t:1: a template that is given nothing has no field Name"},
		{"of a template", "{{template \"row\" .}}", "t:1: there is no template \"row\""},
		{"too few arguments", "{{.Fact}}", "t:1: Fact takes 1 argument, not 0"},
		{"too many arguments", "{{.Fact \"Who\" \"What\"}}", "t:1: Fact takes 1 argument, not 2"},
		{"one too many by a pipe", "{{.Kind | .Fact \"Who\"}}", "t:1: Fact takes 1 argument, not 2"},
		{"a wrong argument", "{{.Fact .Count}}", "t:1: Fact takes a text, not a number"},
		{"a wrong literal", "{{.Fact 3}}", "t:1: Fact takes a text, not a number"},
		{"an argument of a field", "{{.Title 3}}", "t:1: Title is a field and takes no argument"},
		{"an argument of a field by a pipe", "{{.Why | .Title}}", "t:1: Title is a field and takes no argument"},
		{"an argument of a variable", "{{$x := .Why}}{{$x 3}}", "t:1: $x takes no argument"},
		{"a method with many results", "{{.At.Date}}", "t:1: Date returns 3 values, want one"},
		{"a method's argument", "{{.At.Format}}", "t:1: Format takes 1 argument, not 0"},
		{"an argument of a function", "{{len .Facts .Links}}", "t:1: len takes 1 argument, not 2"},
		{"no argument of a function", "{{if eq .Kind}}x{{end}}", "t:1: eq takes 2 arguments or more, not 1"},
		{"a length of a time", "{{len .At}}", "t:1: a time has no length"},
		{"a range over a time", "{{range .At}}{{end}}", "t:1: there is no range over a time"},
		{"too many arguments of slice", "{{slice .Title 1 2 3 4}}", "t:1: slice takes 1 to 4 arguments, not 5"},
		{"a length of a number", "{{len .Count}}", "t:1: a number has no length"},
		{"elements of a number", "{{index .Count 1}}", "t:1: a number has no elements"},
		{"an element by its name", "{{index .Facts \"Who\"}}", "t:1: an element is found by its number, not by a text"},
		{"different things compared", "{{if eq .Count \"3\"}}x{{end}}", "t:1: a number and a text cannot be compared"},
		{"a list compared", "{{if eq .Facts \"Who\"}}x{{end}}", "t:1: a list and a text cannot be compared"},
		{"an order of truths", "{{if lt .Urgent true}}x{{end}}", "t:1: true or false is neither less nor more than another"},
		{"a range over a text", "{{range .Title}}x{{end}}", "t:1: there is no range over a text"},
		{"two variables of a number", "{{range $i, $n := .Count}}x{{end}}", "t:1: a range over a number has one variable"},
		{
			"all of them, by line", "{{.B}}\n{{if .Missed}}{{.A}}{{end}}\n{{range .Facts}}{{.C}}{{end}}",
			"t:1: a message has no field B\nt:2: a message has no field A: is At meant?\nt:3: a fact has no field C",
		},
		{"the same twice", "{{define \"x\"}}{{.Zebra}}{{end}}{{template \"x\" .}}{{template \"x\" .}}", "t:1: a message has no field Zebra"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := check(t, test.text); got != test.want {
				t.Errorf("%s\nis checked as %q\nwant          %q", test.text, got, test.want)
			}
		})
	}
}

// What only a message shows.
func TestCheckMakesTheTextOfSamples(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"an element that is not there", "a\n{{index .Facts 7}}", "t:2: <index .Facts 7>: error calling index: "},
		{"what the walk found already", "{{.Titel}}", "t:1: a message has no field Titel: is Title meant?"},
		{"too long", strings.Repeat("{{.Title}}", 1<<13), "t: the text is longer than 64 KiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := check(t, test.text, whole(), Message{}, whole()); !strings.HasPrefix(got, test.want) || strings.Contains(got, "\n") {
				t.Errorf("the template is checked as %q, want one fault, %q", got, test.want)
			}
		})
	}
}

var legal = []string{
	"", "text alone", "{{/* nothing */}}", "{{.Headline}}", "{{.Tone}} {{.Urgent}} {{.Missed}} {{.Count}}",
	"{{.Title | printf \"%.20s\" | html}}", "{{printf \"%d times\" .Missed}}", "{{.Fact \"Who\"}}", "{{\"Who\" | .Fact}}", "{{.Fact .Kind}}",
	"{{with .Fact \"Image\"}}the image {{.}}{{else}}none, in {{.Title}}{{end}}", "{{with $x := .Fact \"Image\"}}{{$x}} {{$.Title}}{{end}}",
	"{{range .Facts}}{{.Name}}: {{.Value}}\n{{else}}{{.Why}}{{end}}", "{{range $i, $f := .Facts}}{{if $i}}, {{end}}{{$f.Name}}{{end}}",
	"{{range $f := .Facts}}{{$f.Name}}{{break}}{{end}}", "{{range .Links}}<{{.URL}}|{{.Label}}>{{continue}}{{end}}",
	"{{range $i, $f := .Facts}}{{else}}{{len $f}}{{len $i}}{{end}}", "{{range $n := .Count}}{{$n}}{{end}}", "{{range 3}}{{.}}{{end}}",
	"{{if and .Urgent (gt .Missed 1)}}again{{end}}", "{{if or (eq .Kind \"quota\" \"billing\") (not .Urgent)}}x{{end}}", "{{if eq .Missed 1}}once{{end}}",
	"{{if ne .Gcloud \"\"}}{{.Gcloud}}{{end}}", "{{len .Facts}} {{len .Title}}", "{{(index .Facts 0).Name}}", "{{slice .Title 0 4}}", "{{(slice .Facts 0 1) | len}}",
	"{{.At.Format \"15:04\"}}", "{{.At.UTC.Year}}", "{{(.At.AddDate 0 0 1).Weekday}}", "{{.At.Unix}}", "{{if .At.IsZero}}x{{end}}", "{{.At.Add 3600}}",
	"{{define \"row\"}}{{.Name}}{{end}}{{range .Facts}}{{template \"row\" .}}{{end}}", "{{block \"row\" .Facts}}{{len .}}{{end}}",
	"{{define \"unused\"}}{{.Whatever.It.Is}}{{end}}x", "{{define \"tree\"}}{{if .Zebra}}{{template \"tree\" .}}{{end}}{{end}}x",
	"{{define \"none\"}}x{{if .}}y{{end}}{{end}}{{template \"none\"}}",
	"{{$last := \"\"}}{{range .Facts}}{{if $last}}{{$last.Name}}{{end}}{{$last = .}}{{end}}", "{{$x := 1}}{{if .Urgent}}{{$x = .Title}}{{end}}{{$x}}",
	"{{$x := or .Gcloud .Next}}{{len $x}}", "{{(or .Facts .Links) | len}}", "{{html .Title}}{{js .Why}}{{urlquery .Kind}}{{print .At}}{{println}}",
	"{{eq .Facts nil}}", "{{index .Title 0}}", "{{1.5}} {{'a'}} {{0x1F}} {{true}} {{\"x\"}}", "{{if lt 'a' 100}}x{{end}}",
}

func TestCheckLetsLegalTemplatesPass(t *testing.T) {
	for _, text := range legal {
		if got := check(t, text, whole()); got != "" {
			t.Errorf("%s\nis checked as %q, want no fault", text, got)
		}
	}
}

var branches = regexp.MustCompile(`\b(if|with|range|define|block|and|or|template)\b`)

// FuzzCheck wants no false alarm: where everything is executed, what the walk
// finds is what the execution meets.
func FuzzCheck(f *testing.F) {
	for _, text := range legal {
		f.Add(text)
	}
	for _, text := range []string{"{{.Titel}}", "{{.Fact 3}}", "{{$x := .Facts}}{{$x = 3}}{{$x.Name}}", "{{.At.Date}}", "{{index .Facts 0 0}}", "{{eq 1 1.0 .Missed}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := ParseTemplate("t", text)
		if err != nil || branches.MatchString(text) {
			return
		}
		_, met := tmpl.Text(whole(), strings.ToUpper)
		if found := tmpl.Check(nil); found != nil && met == nil {
			t.Errorf("%q has faults, and works: %v", text, found)
		}
	})
}

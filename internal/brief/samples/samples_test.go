package samples_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/brief/samples"
	"github.com/pullfix/pullfix/notify"
)

var update = flag.Bool("update", false, "write the messages anew")

func all(t *testing.T) []samples.Sample {
	t.Helper()
	got, err := samples.All()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEveryKindAndToneHasASample(t *testing.T) {
	kinds, tones, names := map[string]bool{}, map[notify.Tone]bool{}, map[string]bool{}
	for _, s := range all(t) {
		kinds[s.Kind], tones[s.Message.Tone] = true, true
		if names[s.Name] {
			t.Errorf("there are two samples %q", s.Name)
		}
		names[s.Name] = true
		if !strings.HasPrefix(s.Name, s.Kind) || s.Message.Kind != s.Kind {
			t.Errorf("sample %q is of kind %q and its message of kind %q", s.Name, s.Kind, s.Message.Kind)
		}
	}
	for _, kind := range iam.KindNames() {
		if !kinds[kind] {
			t.Errorf("no sample is of kind %s", kind)
		}
	}
	for _, tone := range notify.Tones() {
		if !tones[tone] {
			t.Errorf("no sample has the tone %q", tone)
		}
	}
}

func TestSamplesAreWhole(t *testing.T) {
	for _, s := range all(t) {
		m := s.Message
		for what, text := range map[string]string{
			"title": m.Title, "why": m.Why, "decision": m.Decision, "next": m.Next, "problem": m.Problem, "event": m.Event,
		} {
			if text == "" {
				t.Errorf("sample %s has no %s", s.Name, what)
			}
		}
		if len(m.Facts) == 0 || m.At.IsZero() || m.Count < 1 {
			t.Errorf("sample %s has facts %v, the time %v and the count %d, want some of each", s.Name, m.Facts, m.At, m.Count)
		}
	}
}

// The rows of a command and its block must not be there where nothing is to be
// granted.
func TestOnlyWhatHelpsHasACommand(t *testing.T) {
	with := []string{
		"run-image-not-allowed", "secret-access-observed", "artifact-download", "artifact-upload", "upstream-secret", "invoker", "act-as", "run-permission",
	}
	for _, s := range all(t) {
		if got := s.Message.Gcloud != "" && s.Message.Terraform != ""; got != slices.Contains(with, s.Name) {
			t.Errorf("sample %s has the command %q", s.Name, s.Message.Gcloud)
		}
	}
}

// TestMessages shows what people read of every sample.
func TestMessages(t *testing.T) {
	const file = "testdata/messages.txt"
	var got strings.Builder
	for _, s := range all(t) {
		m := s.Message
		fmt.Fprintf(&got, "%s\n  %s\n  why: %s\n  decision: %s\n  next: %s\n", s.Name, m.Headline(), m.Why, m.Decision, m.Next)
		for _, f := range m.Facts {
			fmt.Fprintf(&got, "  %s: %s\n", f.Name, f.Value)
		}
		for _, l := range m.Links {
			fmt.Fprintf(&got, "  %s -> %s\n", l.Label, l.URL)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A template is tried on the samples before any message is made with it.
func TestSamplesShowWhatATemplateDoesWrong(t *testing.T) {
	var messages []notify.Message
	for _, s := range all(t) {
		messages = append(messages, s.Message)
	}
	for _, test := range []struct{ text, want string }{ // want is how the fault begins
		{"{{.Headline}}\n{{range .Facts}}{{.Name}}: {{.Value}}\n{{end}}{{with .Fact \"Image\"}}{{.}}{{end}}", ""},
		{"{{.Headline}}\n{{(index .Links 5).URL}}", "t:2: <index .Links 5>: error calling index: "},
	} {
		tmpl, err := notify.ParseTemplate("t", test.text)
		if err != nil {
			t.Fatal(err)
		}
		if err := tmpl.Check(messages); (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s\nis checked as %v, want %q", test.text, err, test.want)
		}
	}
}

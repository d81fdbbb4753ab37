package docs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/telemetry"
)

// TestMetrics holds the page against the instruments of the code.
func TestMetrics(t *testing.T) {
	want := map[string][]string{}
	for _, i := range telemetry.Instruments() {
		attributes := "none"
		if len(i.Attributes) > 0 {
			attributes = "`" + strings.Join(i.Attributes, "`, `") + "`"
		}
		want[i.Name] = []string{i.Kind, "`" + i.Unit + "`", attributes, i.What}
	}
	got := cells(t, operationsPage, "The metrics")
	for name, row := range got {
		if len(row) != 4 { // the table of attributes
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -code +page\n%s", operationsPage, diff)
	}
}

// TestAttributes holds that the page says of each attribute of pullfix's what it
// is.
func TestAttributes(t *testing.T) {
	said := ""
	for name, row := range cells(t, operationsPage, "The metrics") {
		if len(row) == 1 {
			said += "`" + name + "`"
		}
	}
	for _, i := range telemetry.Instruments() {
		for _, name := range i.Attributes {
			if !strings.HasPrefix(name, "rpc.") && !strings.Contains(said, "`"+name+"`") {
				t.Errorf("%s: does not say what %s is", operationsPage, name)
			}
		}
	}
}

// TestSteps holds that the page has all steps, in the order in which they begin,
// in its table and in the picture of a trace.
func TestSteps(t *testing.T) {
	var want, got []string
	for _, s := range telemetry.Steps() {
		want = append(want, string(s))
	}
	p := pageOf(t, operationsPage)
	i := slices.IndexFunc(p.prose, func(l line) bool { return l.text == "| step | is |" })
	if i < 0 {
		t.Fatalf("%s: no table of steps", operationsPage)
	}
	for _, l := range p.prose[i+2:] {
		name, ok := strings.CutPrefix(l.text, "| `")
		if !ok {
			break
		}
		name, _, _ = strings.Cut(name, "`")
		got = append(got, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -code +page\n%s", operationsPage, diff)
	}
	i = slices.IndexFunc(p.fenced("text"), func(f fence) bool { return strings.HasPrefix(f.text, "delivery ") })
	if i < 0 {
		t.Fatalf("%s: no picture of a trace", operationsPage)
	}
	words := strings.Fields(p.fenced("text")[i].text)
	for _, step := range want {
		if !slices.Contains(words, step) {
			t.Errorf("%s: the trace has no step %s", operationsPage, step)
		}
	}
}

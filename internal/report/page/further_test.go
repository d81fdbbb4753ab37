package page

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/chromium"
	"github.com/pullfix/pullfix/internal/further"
	"github.com/pullfix/pullfix/internal/report"
)

// sight is a page as a browser shows it.
type sight struct {
	Width, Needed int
	Outside       []string
	Dark          bool
	Page          float64 // luminance, from 0 to 1
	Fetched       []string
	Faint, Small  []string
	Dim           int // bars that hardly stand out
	Controls      bool
	Rows          int
}

// step is what the grants look like after something was done.
type step struct {
	Rows             []string
	Sorted, Filtered string
}

// TestPagesInABrowser shows reports on a phone and on a desk, by day and by
// night, with and without scripts.
func TestPagesInABrowser(t *testing.T) {
	further.Program(t, "chromium")
	for _, b := range chromium.Screens() {
		t.Run(b.String(), func(t *testing.T) {
			views, steps := show(t, b, rendered(t, eventful()), rendered(t, hostile()))
			for n, got := range views {
				judge(t, b, got, n%2 == 0)
			}
			if diff := cmp.Diff(wantSteps, steps); diff != "" {
				t.Errorf("sorted and filtered: -want +got\n%s", diff)
			}
		})
	}
}

var wantSteps = []step{
	{[]string{"granted", "undone"}, "ascending,,,,", ""},
	{[]string{"undone", "granted"}, "descending,,,,", ""},
	{[]string{"undone", "granted"}, ",,ascending,,", ""},
	{[]string{"undone", "granted"}, ",,descending,,", ""},
	{[]string{"granted", "undone"}, "ascending,,,,", ""},
	{[]string{"granted", "undone"}, "ascending,,,,", "2 of 9 rows"},
	{[]string{}, "ascending,,,,", "0 of 9 rows"},
	{[]string{"granted", "undone"}, "ascending,,,,", ""},
	{[]string{"BUTTON"}, "", ""},
}

func judge(t *testing.T, b chromium.Browser, got sight, scripts bool) {
	t.Helper()
	if got.Width != b.Width || got.Needed > b.Width || len(got.Outside) > 0 {
		t.Errorf("the page needs %d pixels of %d, and has outside %q", got.Needed, got.Width, got.Outside)
	}
	if got.Dark != b.Dark || (got.Page < 0.5) != b.Dark {
		t.Errorf("the page has luminance %.2f and knows of dark %t, want a page that is dark: %t", got.Page, got.Dark, b.Dark)
	}
	if len(got.Fetched) > 0 {
		t.Errorf("the page fetched %q, want nothing", got.Fetched)
	}
	if len(got.Faint) > 0 || got.Dim > 0 {
		t.Errorf("the page has texts of a contrast below 4.5: %q, and %d bars below 3", got.Faint, got.Dim)
	}
	if len(got.Small) > 0 {
		t.Errorf("the page has texts of less than 12 pixels: %q", got.Small)
	}
	if got.Controls != scripts {
		t.Errorf("there is something to press: %t, want it where scripts run: %t", got.Controls, scripts)
	}
	if got.Rows == 0 {
		t.Error("the page has no rows")
	}
}

// What is printed has all pages, whatever the window is like.
func TestPagesArePrinted(t *testing.T) {
	b := chromium.Browser{Width: chromium.Desk, Dark: true}
	for name, r := range map[string]*report.Report{"eventful": eventful(), "hostile": hostile(), "many": many()} {
		printed := b.Print(t, "printed-"+name, rendered(t, r))
		// At least four acts fit on a page.
		sheets := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(printed, -1))
		acts := len(r.Grants.Entries) + len(r.NotGranted.Entries) + len(r.Undos.Entries)
		if least, most := 1+acts/12, 8+acts/4; name != "hostile" && (sheets < least || sheets > most) {
			t.Errorf("%s has %d sheets for %d acts, want %d to %d", name, sheets, acts, least, most)
		}
	}
}

// show puts pages beside one another, each with scripts and then without.
func show(t *testing.T, b chromium.Browser, pages ...string) (views []sight, steps []step) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "measure.js"))
	if err != nil {
		t.Fatal(err)
	}
	var frames []chromium.Frame
	for _, page := range pages {
		frames = append(frames, chromium.Frame{Page: page, Height: 2800, Scripts: true}, chromium.Frame{Page: page, Height: 2800})
	}
	var got struct {
		Views []sight
		Steps []step
	}
	if b.Measure(t, b.Page(string(script), frames...), &got); len(got.Views) != len(frames) {
		t.Fatalf("the browser measured %d frames of %d", len(got.Views), len(frames))
	}
	return got.Views, got.Steps
}

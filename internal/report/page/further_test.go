package page

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
// night, with and without scripts. Where PULLFIX_SCREENSHOTS names a folder, it
// gets the pictures, and what is printed.
func TestPagesInABrowser(t *testing.T) {
	program := chromium(t)
	for _, b := range []browser{{program, 390, false}, {program, 390, true}, {program, 1280, false}, {program, 1280, true}} {
		t.Run(b.name(), func(t *testing.T) {
			views, steps := b.show(t, rendered(t, eventful()), rendered(t, hostile()))
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
	{[]string{"granted", "undone"}, "ascending,,,,", "2 of 7 rows"},
	{[]string{}, "ascending,,,,", "0 of 7 rows"},
	{[]string{"granted", "undone"}, "ascending,,,,", ""},
	{[]string{"BUTTON"}, "", ""},
}

func judge(t *testing.T, b browser, got sight, scripts bool) {
	t.Helper()
	if got.Width != b.width || got.Needed > b.width || len(got.Outside) > 0 {
		t.Errorf("the page needs %d pixels of %d, and has outside %q", got.Needed, got.Width, got.Outside)
	}
	if got.Dark != b.dark || (got.Page < 0.5) != b.dark {
		t.Errorf("the page has luminance %.2f and knows of dark %t, want a page that is dark: %t", got.Page, got.Dark, b.dark)
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
	b := browser{chromium(t), 1280, true}
	for name, r := range map[string]*report.Report{"eventful": eventful(), "hostile": hostile(), "many": many()} {
		page, pdf := filepath.Join(t.TempDir(), "page.html"), filepath.Join(pictures(t), "printed-"+name+".pdf")
		if err := os.WriteFile(page, []byte(rendered(t, r)), 0o600); err != nil {
			t.Fatal(err)
		}
		b.run(t, "--no-pdf-header-footer", "--print-to-pdf="+pdf, "file://"+page)
		printed, err := os.ReadFile(pdf)
		if err != nil {
			t.Fatal(err)
		}
		// At least four acts fit on a page.
		sheets := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(printed, -1))
		acts := len(r.Grants.Entries) + len(r.NotGranted.Entries) + len(r.Undos.Entries)
		if least, most := 1+acts/12, 8+acts/4; name != "hostile" && (sheets < least || sheets > most) {
			t.Errorf("%s has %d sheets for %d acts, want %d to %d", name, sheets, acts, least, most)
		}
	}
}

// pictures is the folder for what the browser shows.
func pictures(t *testing.T) string {
	if dir := os.Getenv("PULLFIX_SCREENSHOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

func chromium(t *testing.T) string {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("PULLFIX_NO_SKIP") != "" {
		skip = t.Fatalf
	}
	if os.Getenv("PULLFIX_FURTHER") == "" {
		skip("set PULLFIX_FURTHER=1 to run the tests that need Chromium")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		skip("chromium is missing: %v", err)
	}
	return program
}

type browser struct {
	program string
	width   int
	dark    bool
}

func (b browser) name() string {
	return fmt.Sprintf("%d-%s", b.width, map[bool]string{true: "dark", false: "light"}[b.dark])
}

var title = regexp.MustCompile(`<title>([^<]*)</title>`)

// show puts pages into frames of the width of the screen, each with scripts and
// then without.
func (b browser) show(t *testing.T, pages ...string) (views []sight, steps []step) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "measure.js"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString(`<!DOCTYPE html><meta charset="utf-8"><title></title><body style="margin:0">`)
	for _, page := range pages {
		for _, may := range []string{"allow-same-origin allow-scripts", "allow-same-origin"} {
			fmt.Fprintf(&text, `<iframe sandbox="%s" srcdoc="%s" style="border:0;float:left;width:%dpx;height:2800px"></iframe>`, may, html.EscapeString(page), b.width)
		}
	}
	fmt.Fprintf(&text, "<script>%s</script>", script)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	found := title.FindSubmatch(b.run(t, "--dump-dom", "file://"+file))
	if found == nil {
		t.Fatal("the browser shows no page")
	}
	measures, err := base64.StdEncoding.DecodeString(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Views []sight
		Steps []step
	}
	if err := json.Unmarshal(measures, &got); err != nil || len(got.Views) != 2*len(pages) {
		t.Fatalf("the browser measured %d frames of %d: %v: %s", len(got.Views), 2*len(pages), err, measures)
	}
	if dir := os.Getenv("PULLFIX_SCREENSHOTS"); dir != "" {
		b.run(t, "--screenshot="+filepath.Join(dir, b.name()+".png"), "file://"+file)
	}
	return got.Views, got.Steps
}

// run runs the browser offline and with nothing that it remembers.
func (b browser) run(t *testing.T, args ...string) (stdout []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	preferred := map[bool]string{true: "0", false: "1"}[b.dark]
	cmd := exec.CommandContext(ctx, b.program, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + t.TempDir(), "--blink-settings=preferredColorScheme=" + preferred, fmt.Sprintf("--window-size=%d,2800", 4*b.width),
	}, args...)...)
	var errors bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &errors, 5*time.Second
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", b.program, err, errors.String())
	}
	return stdout
}

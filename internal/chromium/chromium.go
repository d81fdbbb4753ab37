// Package chromium shows pages in a headless Chromium as a person would see
// them, for the further tests. In come a page and the screen that it is shown
// on; out comes what a script on the page has measured there, or a file of what
// is printed. Only tests use the package.
package chromium

import (
	"bytes"
	"cmp"
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

	"github.com/pullfix/pullfix/internal/further"
)

// Browser is Chromium on one screen, offline and with nothing that it remembers.
type Browser struct {
	Width  int  // of the screen, in pixels; the window has room for four beside one another
	Height int  // of the window, in pixels; 2800 where it is 0
	Dark   bool // whether the person prefers dark pages
}

// Phone and Desk are the widths of the screens that pages are shown on.
const (
	Phone = 390
	Desk  = 1280
)

// Screens are a phone and a desk, each by day and by night.
func Screens() []Browser {
	return []Browser{{Width: Phone}, {Width: Phone, Dark: true}, {Width: Desk}, {Width: Desk, Dark: true}}
}

// String is the width and the preference: "390-dark".
func (b Browser) String() string {
	return fmt.Sprintf("%d-%s", b.Width, map[bool]string{true: "dark", false: "light"}[b.Dark])
}

// Frame is a page that stands in another one, as wide as a screen: a window
// cannot be as narrow as that.
type Frame struct {
	Page    string
	Height  int  // in pixels
	Scripts bool // whether those of the page run
}

// Page is a page of frames, and of a script that may look into them.
func (b Browser) Page(script string, frames ...Frame) string {
	var page strings.Builder
	page.WriteString(`<!DOCTYPE html><meta charset="utf-8"><title></title><body style="margin:0">`)
	for _, f := range frames {
		may := "allow-same-origin" + map[bool]string{true: " allow-scripts"}[f.Scripts]
		fmt.Fprintf(&page, `<iframe sandbox="%s" srcdoc="%s" style="border:0;float:left;width:%dpx;height:%dpx"></iframe>`,
			may, html.EscapeString(f.Page), b.Width, f.Height)
	}
	fmt.Fprintf(&page, "<script>%s</script>", script)
	return page.String()
}

var title = regexp.MustCompile(`<title>([^<]*)</title>`)

// Measure shows a page that sets its title to the base64 of JSON, and decodes
// that into v. Where PULLFIX_SCREENSHOTS names a folder, it gets the picture.
func (b Browser) Measure(t testing.TB, page string, v any) {
	t.Helper()
	address := save(t, page)
	found := title.FindSubmatch(b.run(t, "--dump-dom", address))
	if found == nil {
		t.Fatal("chromium shows no page")
	}
	measured, err := base64.StdEncoding.DecodeString(string(found[1]))
	if err == nil {
		err = json.Unmarshal(measured, v)
	}
	if err != nil {
		t.Fatalf("chromium: the title %q: %v", found[1], err)
	}
	if dir := os.Getenv("PULLFIX_SCREENSHOTS"); dir != "" {
		b.run(t, "--screenshot="+filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+".png"), address)
	}
}

// Print returns a page as PDF. Where PULLFIX_SCREENSHOTS names a folder, it gets
// the file, by the name.
func (b Browser) Print(t testing.TB, name, page string) (pdf []byte) {
	t.Helper()
	file := filepath.Join(cmp.Or(os.Getenv("PULLFIX_SCREENSHOTS"), t.TempDir()), name+".pdf")
	b.run(t, "--no-pdf-header-footer", "--print-to-pdf="+file, save(t, page))
	pdf, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

func save(t testing.TB, page string) (address string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

func (b Browser) run(t testing.TB, args ...string) (stdout []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	preferred := map[bool]string{true: "0", false: "1"}[b.Dark]
	cmd := exec.CommandContext(ctx, further.Program(t, "chromium"), append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + t.TempDir(), "--blink-settings=preferredColorScheme=" + preferred,
		fmt.Sprintf("--window-size=%d,%d", 4*b.Width, cmp.Or(b.Height, 2800)),
	}, args...)...)
	var problems bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &problems, 5*time.Second
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, problems.Bytes())
	}
	return stdout
}

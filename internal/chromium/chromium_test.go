package chromium

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is what a page can tell of how it is shown.
type seen struct {
	Width, Height int
	Dark          bool
	Text          string
}

const measuring = `addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const view = frame.contentWindow;
    const dark = view.matchMedia("(prefers-color-scheme: dark)").matches;
    return { width: view.innerWidth, height: view.innerHeight, dark: dark, text: view.document.querySelector("p").textContent };
  });
  document.title = btoa(unescape(encodeURIComponent(JSON.stringify(found))));
})`

const writing = `<p>"é" &amp; no script</p><script>document.querySelector("p").textContent = "a script"</script>`

func TestMeasure(t *testing.T) {
	for _, b := range []Browser{{Width: Phone, Dark: true}, {Width: Desk}} {
		t.Run(b.String(), func(t *testing.T) {
			var got []seen
			b.Measure(t, b.Page(measuring, Frame{Page: writing, Height: 100}, Frame{Page: writing, Height: 200, Scripts: true}), &got)
			want := []seen{{b.Width, 100, b.Dark, `"é" & no script`}, {b.Width, 200, b.Dark, "a script"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestPrint(t *testing.T) {
	if pdf := (Browser{Width: Desk}).Print(t, "printed", "<p>paper"); !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Errorf("got %.20q, want a PDF", pdf)
	}
}

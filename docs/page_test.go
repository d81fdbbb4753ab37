package docs_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// page is one Markdown file.
type page struct {
	path     string // from this folder, with slashes
	lines    []string
	headings []heading
	fences   []fence
	prose    []line // what is neither in a fence nor a heading
	unclosed int    // line of the first fence that never ends, or 0
}

type heading struct {
	line
	level int
}

type line struct {
	number int
	text   string
}

// fence is a block of code. Its info is the word after the backquotes, and what
// follows it.
type fence struct {
	number  int
	lang    string
	info    string
	text    string
	section string // the heading of level 2 above it
}

// pages returns every page in this folder and below, and the README of all.
func pages(t *testing.T) []*page {
	t.Helper()
	all, err := readPages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const readme = "../README.md"

var readPages = sync.OnceValues(func() (all []*page, err error) {
	err = fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, readPage(path, string(text)))
		return err
	})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(readme)
	return append(all, readPage(readme, string(text))), err
})

func readPage(path, text string) *page {
	p := &page{path: path, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	var open *fence
	var body []string
	section := ""
	for i, s := range p.lines {
		mark, isMark := strings.CutPrefix(s, "```")
		switch {
		case isMark && open == nil:
			lang, info, _ := strings.Cut(mark, " ")
			open, body = &fence{number: i + 1, lang: lang, info: info, section: section}, nil
		case isMark && mark == "":
			open.text = strings.Join(body, "\n")
			p.fences = append(p.fences, *open)
			open = nil
		case open != nil:
			if isMark && p.unclosed == 0 {
				p.unclosed = open.number
			}
			body = append(body, s)
		case strings.HasPrefix(s, "#"):
			words := strings.TrimLeft(s, "#")
			h := heading{line{i + 1, strings.TrimSpace(words)}, len(s) - len(words)}
			p.headings = append(p.headings, h)
			if h.level == 2 {
				section = h.text
			}
		default:
			p.prose = append(p.prose, line{i + 1, s})
		}
	}
	if open != nil && p.unclosed == 0 {
		p.unclosed = open.number
	}
	return p
}

// fenced returns the fences in a language.
func (p *page) fenced(lang string) []fence {
	var found []fence
	for _, f := range p.fences {
		if f.lang == lang {
			found = append(found, f)
		}
	}
	return found
}

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	linked   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// links returns the targets of the page's links.
func (p *page) links() []line {
	var found []line
	for _, l := range p.prose {
		for _, m := range linked.FindAllStringSubmatch(codeSpan.ReplaceAllString(l.text, ""), -1) {
			found = append(found, line{l.number, m[1]})
		}
	}
	return found
}

// words is the prose of the page in one line, with single spaces.
func (p *page) words() string {
	var b strings.Builder
	for _, l := range p.prose {
		b.WriteString(strings.TrimPrefix(l.text, "> "))
		b.WriteByte(' ')
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

var unanchored = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// anchors returns the names under which the headings can be linked to.
func (p *page) anchors() map[string]bool {
	names := map[string]bool{}
	for _, h := range p.headings {
		names[strings.ReplaceAll(unanchored.ReplaceAllString(strings.ToLower(h.text), ""), " ", "-")] = true
	}
	return names
}

package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// pattern matches names by whole segments: "*" is any text inside one segment,
// "**" at the end is any tail, the empty one included.
type pattern struct {
	text   string
	number bool // the project is named by its number, not by its id
}

const (
	wantFrom = `want "projects/ID" or "projects/NUMBER", where "*" stands for any text, "folders/NUMBER" or "organizations/NUMBER"`
	wantTo   = `want "projects/P/locations/L/repositories/R", "projects/P/secrets/S", "projects/P/locations/L/services/S" ` +
		`or "projects/P/**", where "*" stands for any text inside one segment`
)

// String returns the pattern as it was written, less "projects/" for a project.
func (p pattern) String() string { return p.text }

// parseFrom reads a pattern of projects; the text of the pattern is what
// follows "projects/".
func parseFrom(s string) (pattern, error) {
	id, ok := strings.CutPrefix(s, "projects/")
	if !ok || !isGlob(id) || strings.Contains(id, "/") || strings.Contains(id, "**") {
		return pattern{}, fmt.Errorf("pattern %q: %s", s, wantFrom)
	}
	number, err := parseProject(id)
	if err != nil {
		return pattern{}, fmt.Errorf("pattern %q: %w; %s", s, err, wantFrom)
	}
	return pattern{text: id, number: number}, nil
}

// parseProject reads a pattern of one segment, and reports whether it is the
// number of a project. What no project can be called is an error: a deny that
// is misspelt would deny nothing.
func parseProject(s string) (number bool, err error) {
	if !strings.Contains(s, "*") {
		project, err := iam.ParseProject(s)
		return project.IsNumber(), err
	}
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-.:*", c) >= 0) {
			return false, fmt.Errorf("no project has a name with %q", c)
		}
	}
	if head, _, _ := strings.Cut(s, "*"); head != "" && strings.Trim(head, "0123456789") == "" {
		return false, fmt.Errorf("no id of a project begins like %q, and a number has no star", head)
	}
	return false, nil
}

// parseTo reads a pattern of resources.
func parseTo(s string) (pattern, error) {
	segments := strings.Split(s, "/")
	tail := segments[len(segments)-1] == "**"
	if tail {
		segments = segments[:len(segments)-1]
	}
	for _, segment := range segments {
		if !isGlob(segment) || strings.Contains(segment, "**") {
			return pattern{}, fmt.Errorf("pattern %q: %s", s, wantTo)
		}
	}
	if tail && len(segments) == 0 {
		return pattern{text: s}, nil
	}
	if err := checkCollections(segments, tail); err != nil {
		return pattern{}, fmt.Errorf("pattern %q: %w; %s", s, err, wantTo)
	}
	number, err := parseProject(segments[1])
	if err != nil {
		return pattern{}, fmt.Errorf("pattern %q: %w; %s", s, err, wantTo)
	}
	return pattern{text: s, number: number}, nil
}

// source is what a "from" names: projects, or what holds them.
type source struct {
	projects pattern
	above    iam.Parent // where projects is empty
}

// parseSource reads a pattern of projects, a folder or an organisation.
func parseSource(s string) (source, error) {
	if above, err := iam.ParseParent(s); err == nil {
		return source{above: above}, nil
	}
	p, err := parseFrom(s)
	return source{projects: p}, err
}

func isGlob(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:@*", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// collections are the words that may stand at the even places of a resource
// name, by what they stand below.
var collections = map[string][]string{
	"":          {"projects"},
	"projects":  {"locations", "secrets", "serviceAccounts"},
	"locations": {"repositories", "secrets", "services", "jobs", "workerPools", "functions"},
}

func checkCollections(segments []string, tail bool) error {
	parent := ""
	for i := 0; i < len(segments); i += 2 {
		word := segments[i]
		if !slices.Contains(collections[parent], word) {
			return unknownWord("segment", word, collections[parent])
		}
		parent = word
	}
	switch {
	case len(segments)%2 == 1:
		return fmt.Errorf("nothing follows %q", segments[len(segments)-1])
	case parent == "locations" && !tail:
		return errors.New(`nothing follows the location`)
	default:
		return nil
	}
}

// anyProject reports whether the pattern leaves wholly open which project it
// means.
func (p pattern) anyProject() bool {
	project, _, _ := strings.Cut(strings.TrimPrefix(p.text, "projects/"), "/")
	return strings.Trim(project, "*") == ""
}

func (s source) anyProject() bool { return s.above.IsZero() && s.projects.anyProject() }

// matches reports whether the pattern covers the whole name. It does not
// allocate.
func (p pattern) matches(name string) bool { return covered(p.text, name) }

// matchesTo reports whether the pattern covers a resource: its name where the
// pattern has ids, and the number of its project with the rest of the name
// where that has a number.
func (p pattern) matchesTo(to iam.Resource, number iam.Project) bool {
	if !p.number {
		return p.matches(to.String())
	}
	_, text, _ := strings.Cut(p.text, "/")
	project, rest, more := strings.Cut(text, "/")
	below, nested := strings.CutPrefix(to.String(), "projects/"+to.Project().String()+"/")
	switch {
	case project != number.String():
		return false
	case !more || !nested:
		return !nested && (!more || rest == "**")
	default:
		return covered(rest, below)
	}
}

func covered(text, name string) bool {
	for {
		segment, rest, more := strings.Cut(text, "/")
		if segment == "**" {
			return true
		}
		part, tail, moreName := strings.Cut(name, "/")
		if !globs(segment, part) {
			return false
		}
		if !more || !moreName {
			return !moreName && (!more || rest == "**")
		}
		text, name = rest, tail
	}
}

// globs reports whether the glob covers the whole text. After a mismatch it
// goes back to the last star and lets it take one byte more.
func globs(glob, text string) bool {
	g, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, t
			g++
		case g < len(glob) && glob[g] == text[t]:
			g++
			t++
		case star >= 0:
			mark++
			g, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(glob[g:], "*") == ""
}

// anchors returns the literal text before the first star and after the last.
// A pattern without a star is all literal.
func (p pattern) anchors() (prefix, suffix string, literal bool) {
	first := strings.IndexByte(p.text, '*')
	if first < 0 {
		return p.text, p.text, true
	}
	return p.text[:first], p.text[strings.LastIndexByte(p.text, '*')+1:], false
}

// numbered returns the number of a pattern that has one, and the literal text
// behind its last star, or behind the number where it has no star. A resource
// ends in that text, whichever way its project is named.
func (p pattern) numbered() (project, end string) {
	project, end, nested := strings.Cut(strings.TrimPrefix(p.text, "projects/"), "/")
	if star := strings.LastIndexByte(end, '*'); star >= 0 {
		return project, end[star+1:]
	}
	if !nested {
		return project, ""
	}
	return project, "/" + end
}

package admin

import (
	"net/url"
	"slices"
	"strings"
)

// path is that of a URL: a version, the segments of a name, and a verb after a
// colon, as in /v1/projects/P/topics/T:publish.
type path struct {
	version  string
	segments []string
	verb     string
}

func readPath(u *url.URL) (path, bool) {
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "" {
			return path{}, false
		}
		segments[i] = plain
	}
	segments = fromKnative(segments)
	p := path{version: segments[0], segments: segments[1:]}
	if len(p.segments) < 2 {
		return path{}, false
	}
	last := len(p.segments) - 1
	p.segments[last], p.verb, _ = strings.Cut(p.segments[last], ":")
	return p, true
}

func (p path) text() string { return strings.Join(p.segments, "/") }

func (p path) isOperation() bool { return p.segments[len(p.segments)-2] == "operations" }

// is tells whether the path names something in one of the roots, with these
// segments below it.
func (p path) is(version string, roots, below []string) bool {
	return p.version == version && slices.Contains(roots, p.segments[0]) && fits(below, p.segments[2:])
}

// parent cuts the last two segments off a name: the collection and the id.
func parent(name string) string {
	for range 2 {
		name = name[:max(strings.LastIndexByte(name, '/'), 0)]
	}
	return name
}

// last is the last segment of a name.
func last(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// part is the segment that follows the collection in a name.
func part(name, collection string) string {
	segments := strings.Split(name, "/")
	if i := slices.Index(segments, collection); i >= 0 && i+1 < len(segments) {
		return segments[i+1]
	}
	return ""
}

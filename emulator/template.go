package emulator

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// template is a path of google.api.http, such as
// /v1/{resource=projects/*/secrets/*}:getIamPolicy.
type template struct {
	segments []string // literals, * for one segment, ** for the rest
	verb     string
	fields   []templateField
}

// templateField is the field that the segments from start to end name.
type templateField struct {
	path       string
	start, end int
}

func parseTemplate(text string) (*template, error) {
	t := &template{}
	path, ok := strings.CutPrefix(text, "/")
	if colon := strings.LastIndexByte(path, ':'); colon > strings.LastIndexAny(path, "}/") {
		path, t.verb = path[:colon], path[colon+1:]
	}
	for path != "" && ok {
		var segment string
		if rest, isField := strings.CutPrefix(path, "{"); isField {
			var inner string
			if inner, path, ok = strings.Cut(rest, "}"); ok {
				t.addField(inner)
			}
			path, _ = strings.CutPrefix(path, "/")
			continue
		}
		segment, path, _ = strings.Cut(path, "/")
		t.segments = append(t.segments, segment)
	}
	if !ok || len(t.segments) == 0 {
		return nil, fmt.Errorf("path template %q: want one such as /v1/{name=projects/*}", text)
	}
	return t, nil
}

func (t *template) addField(inner string) {
	path, pattern, ok := strings.Cut(inner, "=")
	if !ok {
		pattern = "*"
	}
	start := len(t.segments)
	t.segments = append(t.segments, strings.Split(pattern, "/")...)
	t.fields = append(t.fields, templateField{path, start, len(t.segments)})
}

// rank orders templates that could match the same path: the most literal one
// goes first.
func (t *template) rank() int {
	rank := 0
	for _, segment := range t.segments {
		if !strings.HasPrefix(segment, "*") {
			rank++
		}
	}
	if t.verb != "" {
		rank += 100
	}
	return rank
}

// match returns the fields that an escaped path gives.
func (t *template) match(escaped string) (url.Values, bool) {
	path, ok := strings.CutPrefix(escaped, "/")
	if ok && t.verb != "" {
		path, ok = strings.CutSuffix(path, ":"+t.verb)
	}
	parts := strings.Split(path, "/")
	if !ok || !t.fits(parts) {
		return nil, false
	}
	values := url.Values{}
	for _, f := range t.fields {
		end := f.end
		if t.segments[end-1] == "**" {
			end = len(parts)
		}
		value, err := unescape(strings.Join(parts[f.start:end], "/"))
		if err != nil {
			return nil, false
		}
		values.Set(f.path, value)
	}
	return values, true
}

func (t *template) fits(parts []string) bool {
	last := len(t.segments) - 1
	if len(parts) < len(t.segments) || len(parts) > len(t.segments) && t.segments[last] != "**" {
		return false
	}
	for i, segment := range t.segments {
		if segment != parts[i] && !strings.HasPrefix(segment, "*") || parts[i] == "" {
			return false
		}
	}
	return true
}

var escapedSlash = regexp.MustCompile(`(?i)%2f`)

// unescape undoes what a URL does to a resource name. An escaped slash stays
// so: it belongs to the name, as in dockerImages/team%2Fapi@sha256:….
func unescape(path string) (string, error) {
	return url.PathUnescape(escapedSlash.ReplaceAllString(path, "%252F"))
}

package emulator

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxFilter is the longest filter that Cloud Logging takes.
const maxFilter = 20_000

// predicate says whether a filter matches a message in its JSON form.
type predicate func(doc map[string]any) bool

// filterParser reads the part of the Logging query language that is named at
// [parseFilter]. It works on the text directly, since what a character means
// depends on the place: a colon divides a field from its value and is part of
// a time.
type filterParser struct {
	text   string
	pos    int
	fields protoreflect.MessageDescriptor
}

// parseFilter reads comparisons (= != : < <= > >= =~ !~) of a field path with a
// quoted or bare value or a group of them, log_id("…"), NOT or -, OR and AND,
// in this order of binding, and parentheses; AND may be left out. The first
// name of a path must be a field of the message. An empty filter matches
// everything.
func parseFilter(text string, fields protoreflect.MessageDescriptor) (predicate, error) {
	if len(text) > maxFilter {
		return nil, invalid("The filter has %d characters, more than the maximum of %d.", len(text), maxFilter)
	}
	p := &filterParser{text: text, fields: fields}
	if p.skip(); p.pos == len(p.text) {
		return func(map[string]any) bool { return true }, nil
	}
	matches, err := p.conjunction(p.term)
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.text) {
		return nil, p.unexpected("the end of the filter")
	}
	return matches, nil
}

func (p *filterParser) unexpected(want string) error {
	found := "the end of the filter"
	if p.pos < len(p.text) {
		found = strconv.Quote(clip(p.text[p.pos:], 20))
	}
	return p.errorf("want %s, found %s", want, found)
}

func (p *filterParser) errorf(format string, args ...any) error {
	args = append([]any{p.pos + 1}, args...)
	return status.Errorf(codes.InvalidArgument, "Unparseable filter: at character %d: "+format, args...)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// skip moves to the next character that means something.
func (p *filterParser) skip() {
	for {
		p.pos += len(p.text[p.pos:]) - len(strings.TrimLeft(p.text[p.pos:], " \t\r\n"))
		if !strings.HasPrefix(p.text[p.pos:], "--") {
			return
		}
		if end := strings.IndexByte(p.text[p.pos:], '\n'); end >= 0 {
			p.pos += end
		} else {
			p.pos = len(p.text)
		}
	}
}

// accept takes the token if it is next. A word must end where it ends.
func (p *filterParser) accept(token string) bool {
	rest, ok := strings.CutPrefix(p.text[p.pos:], token)
	if !ok || isWord(token[0]) && rest != "" && isWord(rest[0]) {
		return false
	}
	p.pos += len(token)
	p.skip()
	return true
}

// conjunction reads terms joined by AND or by nothing. AND binds less than OR.
func (p *filterParser) conjunction(term func() (predicate, error)) (predicate, error) {
	var all []predicate
	for {
		next, err := p.disjunction(term)
		if err != nil {
			return nil, err
		}
		all = append(all, next)
		if !p.accept("AND") && (p.pos == len(p.text) || p.text[p.pos] == ')') {
			return func(doc map[string]any) bool {
				return !slices.ContainsFunc(all, func(m predicate) bool { return !m(doc) })
			}, nil
		}
	}
}

func (p *filterParser) disjunction(term func() (predicate, error)) (predicate, error) {
	var some []predicate
	for {
		next, err := p.negation(term)
		if err != nil {
			return nil, err
		}
		some = append(some, next)
		if !p.accept("OR") {
			return func(doc map[string]any) bool {
				return slices.ContainsFunc(some, func(m predicate) bool { return m(doc) })
			}, nil
		}
	}
}

func (p *filterParser) negation(term func() (predicate, error)) (predicate, error) {
	if !p.accept("NOT") && !p.accept("-") {
		return p.group(term)
	}
	matches, err := p.negation(term)
	if err != nil {
		return nil, err
	}
	return func(doc map[string]any) bool { return !matches(doc) }, nil
}

func (p *filterParser) group(term func() (predicate, error)) (predicate, error) {
	if !p.accept("(") {
		return term()
	}
	matches, err := p.conjunction(term)
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, p.unexpected("a closing parenthesis")
	}
	return matches, nil
}

// term reads one comparison, or log_id("…").
func (p *filterParser) term() (predicate, error) {
	if p.accept("log_id") || p.accept("LOG_ID") {
		return p.logID()
	}
	start := p.pos
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	if path[0], err = p.field(path[0]); err != nil {
		p.pos = start
		return nil, p.errorf("%v", err)
	}
	return p.group(func() (predicate, error) { return p.value(path, op) })
}

func (p *filterParser) operator() (string, error) {
	for _, op := range []string{"=~", "!~", ">=", "<=", "!=", "=", ":", ">", "<"} {
		if p.accept(op) {
			return op, nil
		}
	}
	return "", p.unexpected("a comparison of the field by one of = != : < <= > >= =~ !~")
}

// field returns the JSON name of a field of the message.
func (p *filterParser) field(name string) (string, error) {
	fields := p.fields.Fields()
	for _, f := range []protoreflect.FieldDescriptor{fields.ByJSONName(name), fields.ByTextName(name)} {
		if f != nil {
			return f.JSONName(), nil
		}
	}
	return "", fmt.Errorf("field %q: no such field", name)
}

func (p *filterParser) logID() (predicate, error) {
	if !p.accept("(") {
		return nil, p.unexpected("an opening parenthesis")
	}
	id, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, p.unexpected("a closing parenthesis")
	}
	return func(doc map[string]any) bool {
		name, _ := doc["logName"].(string)
		_, escaped, _ := strings.Cut(name, "/logs/")
		got, err := url.PathUnescape(escaped)
		return err == nil && strings.EqualFold(got, id)
	}, nil
}

// path reads names joined by dots, each bare or quoted.
func (p *filterParser) path() ([]string, error) {
	var path []string
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		path = append(path, name)
		if p.pos == len(p.text) || p.text[p.pos] != '.' {
			p.skip()
			return path, nil
		}
		p.pos++
	}
}

func (p *filterParser) name() (string, error) {
	if len(p.text) > p.pos && p.text[p.pos] == '"' {
		return p.string()
	}
	start := p.pos
	for p.pos < len(p.text) && (isWord(p.text[p.pos]) || strings.IndexByte("@/-", p.text[p.pos]) >= 0) {
		p.pos++
	}
	if p.pos == start {
		return "", p.unexpected("a field")
	}
	return p.text[start:p.pos], nil
}

func (p *filterParser) value(path []string, op string) (predicate, error) {
	start := p.pos
	if op == "=~" || op == "!~" {
		value, err := p.regexp()
		if err != nil {
			return nil, err
		}
		return p.comparison(start, path, op, value)
	}
	if p.pos < len(p.text) && p.text[p.pos] == '"' {
		value, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.comparison(start, path, op, value)
	}
	for p.pos < len(p.text) && !strings.ContainsRune(" \t\r\n()\"=<>!,", rune(p.text[p.pos])) {
		p.pos++
	}
	value := p.text[start:p.pos]
	if p.skip(); value == "" {
		return nil, p.unexpected("a value")
	}
	if value == "*" && op == ":" {
		return func(doc map[string]any) bool { return len(lookup(doc, path)) > 0 }, nil
	}
	return p.comparison(start, path, op, value)
}

func (p *filterParser) comparison(start int, path []string, op, value string) (predicate, error) {
	accepts, err := comparison(path, op, value)
	if err != nil {
		p.pos = start
		return nil, p.errorf("%v", err)
	}
	return func(doc map[string]any) bool {
		values := lookup(doc, path)
		if len(values) == 0 && hasDefault(path) {
			values = []any{""}
		}
		return slices.ContainsFunc(values, accepts)
	}, nil
}

var quotedRegexp = lazily(`^"(?:[^"\\\n]|\\[^\n])*"`)

// regexp reads a quoted regular expression. Other than in a text, a backslash
// before anything but a quote or another backslash is the expression's own.
func (p *filterParser) regexp() (string, error) {
	found := quotedRegexp().FindString(p.text[p.pos:])
	if found == "" {
		return "", p.unexpected("a quoted regular expression")
	}
	p.pos += len(found)
	p.skip()
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(found[1 : len(found)-1]), nil
}

func (p *filterParser) quoted() (string, error) {
	value, err := p.string()
	p.skip()
	return value, err
}

func (p *filterParser) string() (string, error) {
	if p.pos == len(p.text) || p.text[p.pos] != '"' {
		return "", p.unexpected("a quoted text")
	}
	prefix, err := strconv.QuotedPrefix(p.text[p.pos:])
	if err != nil {
		return "", p.unexpected("a quoted text with its closing quote on the same line")
	}
	value, err := strconv.Unquote(prefix)
	if err != nil {
		return "", p.unexpected("a quoted text")
	}
	p.pos += len(prefix)
	return value, nil
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

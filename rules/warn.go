package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// mostPairs bounds how many pairs of rules are held against one another: those
// of a thousand allows and a thousand denies.
const mostPairs = 1_000_000

// warn returns what is legal in the file and surely not meant, in the order of
// its lines.
func (s *reading) warn() Problems {
	w := document{file: s.file, lines: s.lines}
	byAction := map[action][]*rule{}
	for _, r := range s.rules {
		byAction[r.action] = append(byAction[r.action], r)
	}
	w.warnCovered(byAction[allow], byAction[deny])
	w.warnRepeated(s.rules)
	for _, r := range byAction[allow] {
		if i := slices.IndexFunc(r.above, iam.Parent.IsOrganization); i >= 0 {
			w.report(r.line, r.column, "allow rule %q: it lets in every project of %s, now and in future: name folders or projects where that is meant", r.name, r.above[i])
		}
	}
	w.warnTests(s)
	w.warnChannels(s)
	return w.sorted()
}

// warnTests finds tests of rules that are not there. A warning that would not
// be kept is not made: to look for a name like it takes time.
func (d *document) warnTests(s *reading) {
	names := slices.Sorted(maps.Keys(s.named))
	for _, t := range s.tests {
		if _, known := s.named[t.Rule]; t.Rule == "" || known || d.full() {
			continue
		}
		at := start(t.expect)
		d.report(at.line, at.column, "test %q: it expects rule %q, and there is none of that name%s", t.Name, t.Rule, hint(t.Rule, names))
	}
}

func hint(name string, names []string) string {
	if near := iam.Nearest(name, names); near != "" {
		return ": did you mean \"" + near + "\"?"
	}
	return ""
}

// warnCovered finds allows that can never match, because one deny matches
// whatever they do.
func (d *document) warnCovered(allows, denies []*rule) {
	if len(allows)*len(denies) > mostPairs {
		return
	}
	for _, a := range allows {
		if i := slices.IndexFunc(denies, func(d *rule) bool { return d.covers(a) }); i >= 0 {
			d.report(a.line, a.column, "allow rule %q: it can never match, because deny rule %q on line %d matches whatever it does", a.name, denies[i].name, denies[i].line)
		}
	}
}

// warnRepeated finds rules that say what another says, under another name.
func (d *document) warnRepeated(rules []*rule) {
	first := map[string]*rule{}
	for _, r := range rules {
		nameless := *r
		nameless.name, nameless.reason, nameless.notify = "", "", nil
		key := nameless.canonical()
		if other, repeated := first[key]; repeated {
			d.report(r.line, r.column, "%s rule %q: it says what rule %q on line %d says", r.action, r.name, other.name, other.line)
			continue
		}
		first[key] = r
	}
}

// covers reports whether the rule matches every request that the other one
// matches. It may miss that two patterns together cover a third.
func (r *rule) covers(other *rule) bool {
	return (r.kinds == 0 || other.kinds != 0 && other.kinds&^r.kinds == 0) &&
		r.coversFrom(other) && r.coversTo(other) && r.coversMembers(other)
}

func (r *rule) coversFrom(other *rule) bool {
	if len(r.from)+len(r.above) == 0 {
		return true
	}
	return len(other.from)+len(other.above) > 0 &&
		each(other.from, func(o pattern) bool {
			return slices.ContainsFunc(r.from, func(p pattern) bool { return p.covers(o) })
		}) &&
		each(other.above, func(o iam.Parent) bool { return slices.Contains(r.above, o) })
}

func (r *rule) coversTo(other *rule) bool {
	return len(r.to) == 0 || len(other.to) > 0 && each(other.to, func(o pattern) bool {
		return slices.ContainsFunc(r.to, func(p pattern) bool { return p.covers(o) })
	})
}

func (r *rule) coversMembers(other *rule) bool {
	return len(r.members) == 0 || len(other.members) > 0 && each(other.members, func(o member) bool {
		return slices.ContainsFunc(r.members, func(m member) bool { return m.covers(o) })
	})
}

func each[T any](values []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(values, func(v T) bool { return !holds(v) })
}

// covers reports whether the pattern matches every name that the other one
// matches. A star of the other stands for a text that only a star can match.
func (p pattern) covers(other pattern) bool {
	tail := func(text string) bool { return text == "**" || strings.HasSuffix(text, "/**") }
	if p.number != other.number || tail(other.text) && !tail(p.text) {
		return false
	}
	return p.matches(strings.TrimSuffix(other.text, "/**"))
}

// covers reports whether the member stands for everybody that the other one
// stands for.
func (m member) covers(other member) bool {
	switch {
	case m == other:
		return true
	case m.class == 0:
		return false
	case other.class == 0:
		return other.exact.In(m.class)
	default:
		return m.class == iam.ServiceAccounts && other.class != iam.Users
	}
}

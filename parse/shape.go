package parse

import "strings"

// slot is a place in a sentence that a name fills.
type slot byte

const (
	noSlot         slot = iota
	anySlot             // {}: not looked at
	permissionSlot      // {permission}
	resourceSlot        // {resource}: any resource name
	imageSlot           // {image}
	agentSlot           // {agent}: the Cloud Run service agent that lacks
	principalSlot       // {principal}: who lacks
	targetSlot          // {target}: the service account that is acted as
	projectSlot         // {project}: the deploying project
	sourceSlot          // {source}: the project that holds the image
	workloadSlot        // {workload}: the name of what is deployed
	locationSlot        // {location}: its region
	slots
)

var slotNames = [slots]string{
	anySlot: "{}", permissionSlot: "{permission}", resourceSlot: "{resource}", imageSlot: "{image}", agentSlot: "{agent}",
	principalSlot: "{principal}", targetSlot: "{target}", projectSlot: "{project}", sourceSlot: "{source}", workloadSlot: "{workload}", locationSlot: "{location}",
}

// element is one step of a sentence: one of some words, or a slot.
type element struct {
	words    []string // lower case
	slot     slot
	optional bool
	stop     bool // a full stop may stand before the word
	peek     bool // the word must follow, but is left to be read
}

// pattern is a sentence, compiled from text such as
//
//	{principal} does not have permission {permission} on|for resource? {resource}?
//
// Words are in lower case and match in any; "|" separates alternatives, "?"
// marks what may be missing, braces name slots, "." allows a full stop before
// what follows, and after "=" stand words that must follow but are left to be
// read. A slot in front is filled with what stands before the first word.
// Apart from it, the first element is a word.
type pattern struct {
	before   slot
	must     bool // the slot before must be filled
	elements []element
}

// anchor returns the words that a match begins with.
func (p *pattern) anchor() []string { return p.elements[0].words }

func compile(text string) pattern {
	var p pattern
	stop := false
	for field := range strings.FieldsSeq(text) {
		if field == "." {
			stop = true
			continue
		}
		e := element{stop: stop}
		stop = false
		field, e.peek = strings.CutPrefix(field, "=")
		field, e.optional = strings.CutSuffix(field, "?")
		for s, name := range slotNames {
			if name == field {
				e.slot = slot(s)
			}
		}
		if e.slot == noSlot {
			e.words = strings.Split(field, "|")
		} else if len(p.elements) == 0 {
			p.before, p.must = e.slot, !e.optional
			continue
		}
		p.elements = append(p.elements, e)
	}
	return p
}

// match is where a sentence was found and what stands in its slots.
type match struct {
	from, to int
	tokens   [slots]token
	has      [slots]bool

	began, ended int // a part of the text that holds no end of a token
}

// token returns what stands in a slot, or nothing.
func (m *match) token(s slot) token {
	if !m.has[s] {
		return token{}
	}
	return m.tokens[s]
}

func (m *match) fill(s slot, t token) {
	m.tokens[s], m.has[s] = t, true
}

// at matches the pattern at i, where its first word begins.
func (p *pattern) at(s string, i int, m *match) bool {
	m.from, m.has = i, [slots]bool{}
	end, ok := m.rest(s, i, p.elements, true)
	if !ok {
		return false
	}
	if p.before != noSlot {
		t, ok := tokenBefore(s, i)
		if ok = ok && plausibleBefore(p.before, t); ok {
			m.fill(p.before, t)
			m.from = t.from
		} else if p.must {
			return false
		}
	}
	m.to = end
	return true
}

func (m *match) rest(s string, i int, elements []element, first bool) (end int, ok bool) {
	if len(elements) == 0 {
		return i, true
	}
	e, after := elements[0], elements[1:]
	if e.slot != noSlot {
		if end, ok := m.slot(s, i, e.slot, after); ok {
			return end, true
		}
	} else {
		start := i
		if !first {
			start = gap(s, i, e.stop)
		}
		for _, w := range e.words {
			if start < 0 {
				break
			}
			if end := word(s, start, w); end >= 0 {
				if e.peek {
					return i, true
				}
				if end, ok := m.rest(s, end, after, false); ok {
					return end, true
				}
			}
		}
	}
	if e.optional {
		return m.rest(s, i, after, false)
	}
	return 0, false
}

const mostJoins = 3

// slot reads a token and what follows it. Where that does not fit and a line
// ends with the token, the rest of the token may stand on the next line.
func (m *match) slot(s string, i int, name slot, after []element) (end int, ok bool) {
	t, ok := m.slotAt(s, i)
	if !ok || !plausible(name, t) {
		return 0, false
	}
	before, had := m.tokens[name], m.has[name]
	for range mostJoins {
		m.fill(name, t)
		if end, ok := m.rest(s, t.to, after, false); ok {
			return end, true
		}
		m.tokens[name], m.has[name] = before, had
		if !t.broken {
			break
		}
		next := bareToken(s, t.to+1)
		t = token{text: t.text + next.text, from: t.from, to: next.to, damaged: t.damaged || next.damaged, broken: next.broken}
	}
	return 0, false
}

// longestSign is how much of a token must show what it is.
const longestSign = 300

// plausible reports whether the token may stand in the slot at all, so that
// "denied on resource (or it may not exist)" names no resource. Whether it is a
// name is for its parser to say.
func plausible(name slot, t token) bool {
	begin := t.text[:min(len(t.text), longestSign)]
	switch {
	case t.text == "":
		return t.damaged
	case name == permissionSlot:
		return strings.ContainsAny(begin, ".%*<$")
	case name == resourceSlot:
		return t.damaged || strings.ContainsAny(begin, "/*<$")
	case name == principalSlot || name == targetSlot:
		return strings.ContainsAny(begin, "@*[<$") || strings.Contains(begin, "…")
	default:
		return true
	}
}

// plausibleBefore is plausible for a token in front of the sentence, where any
// word may stand.
func plausibleBefore(name slot, t token) bool {
	if name == imageSlot {
		host, _, ok := strings.Cut(t.text, "/")
		return ok && strings.Contains(host, ".")
	}
	return plausible(name, t)
}

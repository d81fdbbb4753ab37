package parse

import (
	"fmt"
	"iter"
	"strings"
)

// children yields the members of an object or the elements of an array.
func (t *tree) children(n int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for c := t.nodes[n].child; c != absent; c = t.nodes[c].next {
			if !yield(c) {
				return
			}
		}
	}
}

// member returns the member of an object that has the key, or the absent node. A key that is
// written twice is an error: two readers would see two different entries.
func (t *tree) member(n int32, key string) int32 {
	if t.nodes[n].kind != objectNode {
		return absent
	}
	found := absent
	for c := t.nodes[n].child; c != absent; c = t.nodes[c].next {
		if !t.hasKey(c, key) {
			continue
		}
		if found != absent {
			t.fail(c, key, "written twice")
		}
		found = c
	}
	return found
}

func (t *tree) hasKey(n int32, key string) bool {
	c := &t.nodes[n]
	raw := t.text[c.key.from:c.key.to]
	switch {
	case c.keyEscaped && !t.fold:
		return spells(raw, key)
	case c.keyEscaped:
		raw = unescape(raw)
	}
	return raw == key || t.fold && sameName(raw, key)
}

// sameName compares keys as their writers vary them: insertId, insertid,
// insert_id.
func sameName(a, b string) bool {
	i := 0
	for j := range len(b) {
		for i < len(a) && a[i] == '_' {
			i++
		}
		if b[j] == '_' {
			continue
		}
		if i == len(a) || lower(a[i]) != lower(b[j]) {
			return false
		}
		i++
	}
	return strings.Trim(a[i:], "_") == ""
}

// fail keeps the first error.
func (t *tree) fail(n int32, field, why string) {
	if t.err == nil {
		t.err = &formError{offset: int(t.nodes[n].val.from), field: field, why: why}
	}
}

// kind returns the member that has the key and is of the kind. Null counts as
// absent; anything else is an error.
func (t *tree) kind(n int32, key string, kind nodeKind) int32 {
	m := t.member(n, key)
	if m == absent || t.nodes[m].kind == nullNode {
		return absent
	}
	if t.nodes[m].kind != kind {
		t.fail(m, key, fmt.Sprintf("want %s, got %s", nodeNames[kind], nodeNames[t.nodes[m].kind]))
		return absent
	}
	return m
}

// object returns the object at a path, or the absent node.
func (t *tree) object(n int32, path ...string) int32 {
	for _, key := range path {
		n = t.kind(n, key, objectNode)
	}
	return n
}

// list returns the array with the key.
func (t *tree) list(n int32, key string) int32 { return t.kind(n, key, arrayNode) }

// string returns the text of the string with the key, or "".
func (t *tree) string(n int32, key string) string {
	if m := t.kind(n, key, stringNode); m != absent {
		return t.value(m)
	}
	return ""
}

// loose is string for a member whose type does not matter.
func (t *tree) loose(n int32, key string) string {
	m := t.member(n, key)
	if m == absent {
		return ""
	}
	switch t.nodes[m].kind {
	case stringNode, numberNode, boolNode:
		return t.value(m)
	default:
		return ""
	}
}

// value returns the text of a string, number or boolean.
func (t *tree) value(n int32) string {
	v := &t.nodes[n]
	s := t.text[v.val.from:v.val.to]
	if v.escaped {
		s = unescape(s)
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

package parse

import (
	"encoding/base64"
	"strings"
)

// mostEnvelopes bounds how often one envelope may hold another.
const mostEnvelopes = 6

// Any reads one document of unknown form: a log entry, an array of entries,
// the push message of Pub/Sub or the CloudEvent that carries one, a bare
// protoPayload, each with keys in any case; or a text, which may hold such
// documents. What is none of them is read as text.
func Any(data []byte) ([]Finding, error) {
	return anyText(strings.TrimPrefix(string(data), "\uFEFF"), 0)
}

func anyText(text string, depth int) ([]Finding, error) {
	if t, err := decodeJSON(text); err == nil {
		t.fold = true
		if found, ok := t.document(root, depth); t.err != nil {
			return nil, t.err
		} else if ok {
			return found, nil
		}
	}
	return mixed(text), nil
}

// document reads a value that is an entry or an envelope, and reports whether
// it is one.
func (t *tree) document(n int32, depth int) (found []Finding, ok bool) {
	switch {
	case depth > mostEnvelopes:
		return nil, false
	case t.nodes[n].kind == stringNode:
		return t.enclosed(t.value(n), depth)
	case t.nodes[n].kind == arrayNode:
		for c := range t.children(n) {
			fs, is := t.document(c, depth+1)
			found, ok = append(found, fs...), ok || is
		}
		return found, ok
	case t.nodes[n].kind != objectNode:
		return nil, false
	case t.isEntry(n):
		e, _ := readEntry(t, n)
		return e.Findings, true
	}
	for _, key := range []string{"data", "data_base64", "entries"} {
		for _, parent := range []int32{n, t.member(n, "message")} {
			if m := t.member(parent, key); m != absent {
				return t.document(m, depth+1)
			}
		}
	}
	return nil, false
}

// isEntry reports whether an object is a log entry or the payload of one.
func (t *tree) isEntry(n int32) bool {
	if t.nodes[n].kind != objectNode {
		return false
	}
	for _, key := range []string{"protoPayload", "textPayload", "jsonPayload", "protopayload_auditlog"} {
		if t.member(n, key) != absent {
			return true
		}
	}
	return t.member(n, "serviceName") != absent && t.member(n, "methodName") != absent
}

// enclosed reads the data of an envelope: a document in base64, or as it is.
func (t *tree) enclosed(data string, depth int) ([]Finding, bool) {
	if !strings.HasPrefix(strings.TrimSpace(data), "{") {
		inner, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, false
		}
		data = string(inner)
	}
	found, err := anyText(data, depth+1)
	if err != nil && t.err == nil {
		t.err = err
	}
	return found, true
}

// mixed reads text with entries in it: each entry is read as one, and what is
// left as text. An object that is no entry is text too.
func mixed(text string) []Finding {
	var found []Finding
	var prose strings.Builder
	budget := 4 * len(text) // an object that never ends must not be read again and again
	for budget > 0 {
		before, _, ok := strings.Cut(text, "{")
		if !ok {
			break
		}
		prose.WriteString(before)
		text = text[len(before):]
		d := newDecoder(text, 64)
		err := d.document()
		budget -= d.at + 1
		t := &tree{text: text, nodes: d.nodes, fold: true}
		if err == nil && t.isEntry(root) {
			if e, err := readEntry(t, root); err == nil {
				found = append(found, e.Findings...)
				prose.WriteByte('\n')
				text = text[d.at:]
				continue
			}
		}
		prose.WriteByte('{')
		text = text[1:]
	}
	prose.WriteString(text)
	return append(found, Text(prose.String())...)
}

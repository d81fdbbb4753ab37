package admin

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// store holds the documents by their name. It hands out what it holds: nobody
// changes a document, everybody puts a new one.
type store struct {
	mu   sync.RWMutex
	docs map[string]document
}

func newStore() *store { return &store{docs: map[string]document{}} }

func (s *store) get(name string) (document, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	doc, ok := s.docs[name]
	return doc, ok
}

func (s *store) put(name string, doc document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[name] = doc
}

func (s *store) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.docs, name)
}

func (s *store) all() map[string]document {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.docs)
}

// matching returns the documents whose name has these segments, where * and -
// are any, by name.
func (s *store) matching(segments []string) []document {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []document
	for _, name := range slices.Sorted(maps.Keys(s.docs)) {
		if fits(segments, strings.Split(name, "/")) {
			found = append(found, s.docs[name])
		}
	}
	return found
}

func fits(pattern, segments []string) bool {
	return slices.EqualFunc(pattern, segments, func(want, got string) bool { return want == got || want == "*" || want == "-" })
}

// copied is a document that shares nothing with the other.
func copied(doc document) document {
	out := make(document, len(doc))
	for key, value := range doc {
		out[key] = copiedValue(value)
	}
	return out
}

func copiedValue(value any) any {
	switch v := value.(type) {
	case document:
		return copied(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = copiedValue(v[i])
		}
		return out
	default:
		return v
	}
}

// within returns the object at a key, an empty one if there is none.
func within(doc document, key string) document {
	inner, ok := doc[key].(document)
	if !ok {
		return document{}
	}
	return inner
}

// text returns the string at a key, "" if there is none.
func text(doc document, key string) string {
	s, _ := doc[key].(string)
	return s
}

// otherwise sets what a document leaves out.
func otherwise(doc, defaults document) {
	for key, value := range defaults {
		if doc[key] == nil {
			doc[key] = value
		}
	}
}

package ledger

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"
)

// Memory is a [Store] for one process. It holds at most about twice as many
// documents as have not expired.
type Memory struct {
	mu    sync.Mutex
	docs  map[string]Document
	saves int64 // so far; the clock of the versions
	limit int   // of documents, at which it is time to look for expired ones
}

const leastLimit = 256

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{docs: map[string]Document{}, limit: leastLimit} }

// Load returns the documents with these names.
func (m *Memory) Load(_ context.Context, names []string) ([]Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	docs := make([]Document, len(names))
	for n, name := range names {
		docs[n] = m.docs[name]
		docs[n].Name = name
	}
	return docs, nil
}

// Save writes the documents if none of them has changed.
func (m *Memory) Save(_ context.Context, docs []Document, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, doc := range docs {
		if !m.docs[doc.Name].Version.Equal(doc.Version) {
			return fmt.Errorf("save %s: %w", doc.Name, ErrConflict)
		}
	}
	m.saves++
	for _, doc := range docs {
		if old := m.docs[doc.Name]; bytes.Equal(old.Data, doc.Data) && old.Expires.Equal(doc.Expires) {
			continue // as Firestore does: what is not changed keeps its version
		}
		doc.Version = time.Unix(0, m.saves)
		m.docs[doc.Name] = doc
	}
	m.sweep(now)
	return nil
}

func (m *Memory) sweep(now time.Time) {
	if len(m.docs) < m.limit {
		return
	}
	for name, doc := range m.docs {
		if doc.expired(now) {
			delete(m.docs, name)
		}
	}
	m.limit = max(leastLimit, 2*len(m.docs))
}

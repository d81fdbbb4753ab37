package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// expired reports whether the document counts for nothing. A store may keep it
// for days; its version still guards the next save.
func (d Document) expired(now time.Time) bool { return !d.Expires.IsZero() && !now.Before(d.Expires) }

// documents is what was loaded for some changes, as they leave it one after the
// other.
type documents struct {
	byName  map[string]*Document
	changed []string
	before  []Document // of each change, what was in its place
}

func newDocuments(loaded []Document) *documents {
	docs := slices.Clone(loaded) // what was read ahead may be used again
	d := &documents{byName: make(map[string]*Document, len(docs))}
	for n := range docs {
		d.byName[docs[n].Name] = &docs[n]
	}
	return d
}

// read decodes a document. It reports false where there is none, or one that
// has expired.
func read[T any](d *documents, name string, now time.Time) (v T, found bool, err error) {
	doc := d.byName[name]
	if len(doc.Data) == 0 || doc.expired(now) {
		return v, false, nil
	}
	if err := json.Unmarshal(doc.Data, &v); err != nil {
		return v, false, fmt.Errorf("document %s: %w", name, err)
	}
	return v, true, nil
}

// write puts a value in the place of a document.
func write[T any](d *documents, name string, v T, expires time.Time) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("document %s: %w", name, err)
	}
	doc := d.byName[name]
	d.before, d.changed = append(d.before, *doc), append(d.changed, name)
	doc.Data, doc.Expires = data, expires
	return nil
}

// undo takes back what was written after the first so many writes.
func (d *documents) undo(writes int) {
	for n := len(d.before) - 1; n >= writes; n-- {
		*d.byName[d.changed[n]] = d.before[n]
	}
	d.before, d.changed = d.before[:writes], d.changed[:writes]
}

// toSave returns the documents that were written, each once.
func (d *documents) toSave() []Document {
	docs := make([]Document, 0, len(d.changed))
	seen := make(map[string]bool, len(d.changed))
	for _, name := range d.changed {
		if !seen[name] {
			seen[name] = true
			docs = append(docs, *d.byName[name])
		}
	}
	return docs
}

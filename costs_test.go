package pullfix

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/ledger"
)

// countedStore counts the documents that are read and written, and those that
// are new: what Firestore is paid for.
type countedStore struct {
	ledger.Store
	read, written, created atomic.Int64
}

func (c *countedStore) Load(ctx context.Context, names []string) ([]ledger.Document, error) {
	c.read.Add(int64(len(names)))
	return c.Store.Load(ctx, names)
}

func (c *countedStore) Save(ctx context.Context, docs []ledger.Document, now time.Time) error {
	c.written.Add(int64(len(docs)))
	for _, d := range docs {
		if d.Version.IsZero() && !shared(d.Name) {
			c.created.Add(1)
		}
	}
	return c.Store.Save(ctx, docs, now)
}

// shared reports whether many events write the document, as the budget and what
// is counted of a problem or a channel: it is not one more for each.
func shared(name string) bool {
	return strings.HasPrefix(name, "budget/") || strings.Contains(name, "-")
}

// TestCostsOfAnEvent holds the counts that docs/scale.md reckons with.
func TestCostsOfAnEvent(t *testing.T) {
	page, err := os.ReadFile("docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ row, story string }{
		{"nothing was denied", "success"},
		{"ignored by a rule", "ignored"},
		{"an alert that is told", "not-allowed"},
		{"an alert that was told before", "not-allowed"},
		{"a grant", "granted"},
	} {
		story, err := txtar.ParseFile(filepath.Join("testdata", test.story+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		s := newStage(t, story)
		store := &countedStore{Store: ledger.NewMemory()}
		if _, err := s.function.store.Get(func() (*ledger.Ledger, error) { return ledger.New(store), nil }); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(story.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "send ") })
		entry := story.Files[i].Data
		send := func(number string) {
			t.Helper()
			if status := s.send(t, number, "push", bytes.ReplaceAll(entry, []byte(`"entry-1"`), fmt.Appendf(nil, `"entry-%s"`, number))); status != 204 {
				t.Fatalf("%s: answered %d", test.row, status)
			}
		}
		if test.row == "an alert that was told before" {
			send("1")
		}
		read, written, created, records := store.read.Load(), store.written.Load(), store.created.Load(), s.cloud.Calls()["WriteLogEntries"]
		send("2")
		want := fmt.Sprintf("\n| %s | %d | %d | %d | %d |", test.row, store.read.Load()-read, store.written.Load()-written,
			store.created.Load()-created, s.cloud.Calls()["WriteLogEntries"]-records)
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("docs/scale.md does not have the row %q", strings.TrimSpace(want))
		}
	}
}

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/retry"
)

func (w *world) load(names ...string) []Document {
	w.Helper()
	docs, err := w.store.Load(w.Context(), names)
	w.must(err)
	return docs
}

func (w *world) conflict(docs ...Document) {
	w.Helper()
	if err := w.store.Save(w.Context(), docs, noon); !errors.Is(err, ErrConflict) || retry.React(retry.Share, err) != retry.Here {
		w.Errorf("got %v, want a conflict that is tried again here", err)
	}
}

func saveAllOrNone(_ *testing.T, w *world) {
	a, b := Document{Name: "events/a", Data: []byte(`{"a":"ä"}`), Expires: noon}, Document{Name: "problems/a-1", Data: []byte(`{"b":1}`)}
	w.must(w.store.Save(w.Context(), []Document{a, b}, noon))
	got := w.load("problems/a-1", "events/none", "events/a")
	for n, want := range []Document{b, {Name: "events/none"}, a} {
		if g := got[n]; g.Name != want.Name || !bytes.Equal(g.Data, want.Data) || !g.Expires.Equal(want.Expires) || g.Version.IsZero() != (want.Data == nil) {
			w.Errorf("document %d: got %+v, want %+v", n, g, want)
		}
	}
	b, none, a := got[0], got[1], got[2]
	w.conflict(a, Document{Name: "problems/a-1", Data: []byte(`{"b":2}`)}) // it exists
	none.Data, none.Version = []byte(`{}`), a.Version
	w.conflict(none) // it does not
	b.Data = []byte(`{"b":2}`)
	w.must(w.store.Save(w.Context(), []Document{b}, noon))
	w.conflict(a, b) // it has changed
	again := w.load("events/a", "problems/a-1")
	w.want("a", string(again[0].Data), `{"a":"ä"}`)
	w.want("b", string(again[1].Data), `{"b":2}`)
	w.want("version of a", again[0].Version.Equal(a.Version), true)
	w.must(w.store.Save(w.Context(), again, noon))
}

// Firestore deletes what has expired within a day or more.
func expired(_ *testing.T, w *world) {
	l, late := w.instance(), noon.Add(eventMemory)
	w.end(l, "a", "binding", noon)
	w.past(l, "a", late, Past{})
	w.end(l, "a", "", late)
	w.past(l, "a", late, Past{Ended: "refused"})
}

func contention(t *testing.T, w *world) {
	const writers, times = 8, 5
	took, conflicts := increments(t, w.store, writers, times)
	t.Logf("%d increments by %d writers: %s, %d conflicts", writers*times, writers, took.Round(time.Millisecond), conflicts)
}

// increments has writers increase one number, each some times.
func increments(t *testing.T, store Store, writers, times int) (took time.Duration, conflicts int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for range writers {
		l := New(store)
		l.calls.Attempts = 100
		wg.Go(func() {
			for range times {
				tries := 0
				o := l.do(t.Context(), "n", change{names: []string{"events/n"}, now: noon, apply: func(d *documents) error {
					tries++
					u, _, err := read[untold](d, "events/n", noon)
					if err != nil {
						return err
					}
					return write(d, "events/n", untold{u.N + 1}, time.Time{})
				}})
				if o.err != nil {
					t.Error(o.err)
				}
				mu.Lock()
				conflicts += tries - 1
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took = time.Since(began)
	docs, err := New(store).look(t.Context(), "events/n")
	if err != nil {
		t.Fatal(err)
	}
	if u, _, err := read[untold](docs, "events/n", noon); u.N != writers*times || err != nil {
		t.Errorf("got %d, %v, want %d", u.N, err, writers*times)
	}
	return took, conflicts
}

func TestMemoryIsBounded(t *testing.T) {
	m := NewMemory()
	l, now := New(m), noon
	for n := range 5000 {
		now = now.Add(time.Hour)
		if _, err := l.End(t.Context(), fmt.Sprint(n), one(now), "refused", Nothing, now); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Claim(t.Context(), fmt.Sprint(n), fmt.Sprint(n), now, every); err != nil {
			t.Fatal(err)
		}
	}
	if n, most := len(m.docs), 2*(24*7+8)+leastLimit; n > most {
		t.Errorf("%d documents are kept, want at most %d", n, most)
	}
	if past, err := l.Recall(t.Context(), "4900", now); past.Ended != "refused" || err != nil {
		t.Errorf("an event of four days ago: got %+v, %v", past, err)
	}
}

func TestNamesFromOutsideAreNotTaken(t *testing.T) {
	for _, about := range []string{"", "..", "a/b", "__id__", "\xff", strings.Repeat("x", 2000)} {
		if kind, id, _ := strings.Cut(named(ofEvent, about), "/"); kind != ofEvent || len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Errorf("%q: got %s/%s, want a hash", about, kind, id)
		}
	}
}

func TestFirestoreRefusesAnEmptyProject(t *testing.T) {
	if f, err := OpenFirestore(t.Context(), ""); err == nil {
		t.Errorf("got %v, want an error", f)
	}
}

// What a person sees in the console, and what a TTL policy reads.
func TestFirestoreDocuments(t *testing.T) {
	cloud, address := emulatortest.Start(t, "")
	w := newWorld(t, database(t, address, 1))
	l := w.instance()
	w.granted(l, "a", noon, 20)
	w.claim(l, "p", "a", 0, first)
	w.claim(l, "p", "b", 0, Claim{})
	w.end(l, "a", "binding", noon)
	w.begin(l, "b", noon, 0)
	collections := map[string]int{}
	for name, doc := range cloud.Documents() {
		path := strings.Split(name, "/")
		collections[path[5]]++
		if text := doc.GetFields()["data"].GetStringValue(); !strings.HasPrefix(text, "{") {
			t.Errorf("%s: data is %q, want JSON", name, text)
		}
		if expires := doc.GetFields()["expires"]; expires.GetTimestampValue() == nil != (path[6] == "latch") {
			t.Errorf("%s: expires is %v", name, expires)
		}
	}
	w.want("collections", collections, map[string]int{"pullfix-events": 2, "pullfix-problems": 2, "pullfix-grants": 1, "pullfix-budget": 1 + shards})
}

func TestFirestoreCodes(t *testing.T) {
	for code, want := range map[string]bool{
		"ALREADY_EXISTS": true, "FAILED_PRECONDITION": true, "ABORTED": true, "NOT_FOUND": true,
		"PERMISSION_DENIED": false, "INVALID_ARGUMENT": false, "INTERNAL": false,
	} {
		_, address := emulatortest.Start(t, fmt.Sprintf("faults: [{method: Commit, code: %s}]", code))
		err := database(t, address, 1).Save(t.Context(), []Document{{Name: "events/a", Data: []byte(`{}`)}}, noon)
		if err == nil || errors.Is(err, ErrConflict) != want {
			t.Errorf("%s: got %v, want a conflict: %t", code, err, want)
		}
	}
}

package report

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report/lines"
)

const (
	longestRow = 1 << 10 // bytes of a text in a list
	ellipsis   = "…"
)

// shelved is an entry that stays, its texts cut, and all of them in one piece of
// memory that the next entry on the same shelf can have. Most of what is put
// away is never looked at again: as a record of its own each would be garbage.
type shelved struct {
	ending  Ending
	at      time.Time
	lengths [len(lines.Keys)]uint16
	texts   []byte
}

// put overwrites the entry.
func (s *shelved) put(e Ending, r *audit.Record) {
	s.ending, s.at, s.texts = e, r.At, s.texts[:0]
	for i, text := range lines.Texts(r) {
		before := len(s.texts)
		s.texts = appendCut(s.texts, *text)
		s.lengths[i] = uint16(len(s.texts) - before)
	}
}

// entry returns a copy.
func (s *shelved) entry() Entry {
	e := Entry{Ending: s.ending, Record: audit.Record{At: s.at}}
	rest := string(s.texts)
	for i, text := range lines.Texts(&e.Record) {
		*text, rest = rest[:s.lengths[i]], rest[s.lengths[i]:]
	}
	return e
}

func appendCut(b []byte, text string) []byte {
	if len(text) <= longestRow {
		return append(b, text...)
	}
	end := longestRow
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return append(append(b, text[:end]...), ellipsis...)
}

// shortened returns a copy of a text, cut where it is too long.
func shortened(text string) string { return string(appendCut(nil, text)) }

// acts are those that were begun, by their identity, and how far they got.
type acts struct {
	begun map[uint64]*shelved
	order []uint64 // in which they were begun
	spare []*shelved
}

func (a *acts) begin(act uint64, e Ending, r *audit.Record) {
	if len(a.order) == 2*mostOpen {
		a.order = slices.DeleteFunc(a.order, func(act uint64) bool { return a.begun[act] == nil })
	}
	var s *shelved
	if last := len(a.spare) - 1; last >= 0 {
		s, a.spare = a.spare[last], a.spare[:last]
	} else {
		s = &shelved{}
	}
	s.put(e, r)
	a.begun[act] = s
	a.order = append(a.order, act)
}

// end forgets an act, where it is known.
func (a *acts) end(act uint64) {
	if s := a.begun[act]; s != nil {
		delete(a.begun, act)
		a.spare = append(a.spare, s)
	}
}

// oldest forgets the act that was begun first, and returns it.
func (a *acts) oldest() (e Entry, ok bool) {
	for len(a.order) > 0 {
		act := a.order[0]
		a.order = a.order[1:]
		if s := a.begun[act]; s != nil {
			a.end(act)
			return s.entry(), true
		}
	}
	return Entry{}, false
}

// latest keeps the latest of any number of entries.
type latest struct {
	total   int
	entries []shelved // of which the first n count
	n       int
	floor   time.Time // what is older is not among them
}

func (l *latest) add(e Ending, r *audit.Record) {
	l.total++
	if r.At.Before(l.floor) {
		return
	}
	if l.n == len(l.entries) {
		l.entries = append(l.entries, shelved{})
	}
	l.entries[l.n].put(e, r)
	if l.n++; l.n == 2*MostEntries {
		l.trim()
		l.floor = l.entries[0].at
	}
}

// trim leaves the latest ones, in order, and their memory to what follows.
func (l *latest) trim() {
	slices.SortStableFunc(l.entries[:l.n], func(a, b shelved) int { return a.at.Compare(b.at) })
	surplus := max(0, l.n-MostEntries)
	l.n -= surplus
	for i := range l.n {
		l.entries[i], l.entries[surplus+i] = l.entries[surplus+i], l.entries[i]
	}
}

func (l *latest) list() List {
	l.trim()
	list := List{Total: l.total}
	for i := range l.n {
		list.Entries = append(list.Entries, l.entries[i].entry())
	}
	return list
}

package report

import (
	"hash/maphash"

	"github.com/pullfix/pullfix/audit"
)

// identities tells records and acts apart, as [audit.Record.ID] and
// [audit.Record.Key] do, but at a fraction of their cost. Who writes a record
// cannot know the seed, and so cannot make it look like another.
type identities struct {
	seed maphash.Seed
	room []byte
}

func newIdentities() identities { return identities{seed: maphash.MakeSeed()} }

// of returns two: one is the same for all records of an act, the other for every
// copy of a record. An undo is an act of its own.
func (i *identities) of(r *audit.Record) (act, record uint64) {
	i.room = i.room[:0]
	i.texts(r.Log, r.Event, r.Kind, r.SourceProject, r.Principal, r.Permission, r.Resource, r.Image)
	i.texts(undoMark[isUndo(r)])
	act = maphash.Bytes(i.seed, i.room)
	i.texts(r.Phase, r.Verdict, r.Outcome, r.Cause)
	switch {
	case r.Phase == audit.PhaseNotice:
		i.texts(r.Reason) // which names the channel
	case r.Outcome == audit.OutcomeFailed:
		i.texts(r.Error)
	}
	return act, maphash.Bytes(i.seed, i.room)
}

var undoMark = map[bool]string{true: audit.CauseUndo}

func (i *identities) texts(texts ...string) {
	for _, text := range texts {
		i.room = append(append(i.room, text...), 0)
	}
}

// recent remembers the last of any number of identities, mostRecent at least.
type recent struct{ now, before map[uint64]struct{} }

const mostRecent = 1 << 15

func (r *recent) has(id uint64) bool {
	_, now := r.now[id]
	_, before := r.before[id]
	return now || before
}

// again reports whether an identity is remembered, and remembers it.
func (r *recent) again(id uint64) bool {
	if r.has(id) {
		return true
	}
	if r.now == nil || len(r.now) == mostRecent {
		r.before, r.now = r.now, make(map[uint64]struct{}, mostRecent)
	}
	r.now[id] = struct{}{}
	return false
}

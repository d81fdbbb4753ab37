package report

import (
	"hash/maphash"

	"github.com/pullfix/pullfix/audit"
)

// identities tells records and acts apart, as [audit.Record.ID] and
// [audit.Record.Key] do, but at a fraction of their cost. Who writes a record
// cannot know the seed, and so cannot make it look like another.
type identities struct{ hash maphash.Hash }

// act is the same for all records of an act. An undo is an act of its own.
func (i *identities) act(r *audit.Record) uint64 {
	i.about(r)
	if isUndo(r) {
		i.text(audit.CauseUndo)
	}
	return i.hash.Sum64()
}

// record is the same for every copy of a record.
func (i *identities) record(r *audit.Record) uint64 {
	i.about(r)
	for _, text := range []string{r.Phase, r.Verdict, r.Outcome, r.Cause} {
		i.text(text)
	}
	if r.Phase == audit.PhaseNotice {
		i.text(r.Reason) // which names the channel
	}
	return i.hash.Sum64()
}

func (i *identities) about(r *audit.Record) {
	i.hash.Reset()
	for _, text := range []string{r.Log, r.Event, r.Kind, r.SourceProject, r.Principal, r.Permission, r.Resource, r.Image} {
		i.text(text)
	}
}

func (i *identities) text(text string) {
	_, _ = i.hash.WriteString(text) // a hash takes everything
	_ = i.hash.WriteByte(0)
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

package audit

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// history is what the policy changes say.
type history struct {
	VerifyOptions
	changes []*pastChange
	steps   map[step]*timeline   // of the changes that say what they changed
	whole   map[string]*timeline // by resource: of those that do not
	etags   map[stepEtag]*pastChange
	named   map[namedStep]*named // what the reasons of changes name
}

// step is one member of one role of one policy, on its way in or out.
type step struct {
	resource, role, member string
	removed                bool
}

// newStep compares members as Google Cloud does, without regard to case.
func newStep(resource, role, member string, removed bool) step {
	return step{resource, role, strings.ToLower(member), removed}
}

func stepOf(r *Record) step { return newStep(r.Resource, r.Role, r.Principal, r.undo()) }

// stepEtag is a step and the policy that it led to.
type stepEtag struct {
	step
	after string
}

// namedStep is a step of a change whose reason names the record with the key.
type namedStep struct {
	key [16]byte
	step
}

type named struct{ intended bool }

// pastChange is a change, and what of it was recorded before.
type pastChange struct {
	*PolicyChange
	own      bool   // pullfix's account made it
	intended []bool // for each of its deltas, or one where it does not say what it changed
}

func (c *pastChange) steps() (all []step) {
	for _, d := range c.Deltas {
		all = append(all, newStep(c.Resource, d.Role, d.Member, d.Removed))
	}
	return all
}

func (c *pastChange) intend(s step) {
	for n, own := range c.steps() {
		c.intended[n] = c.intended[n] || own == s
	}
}

// fits reports whether the policy after a change is as the step makes it, for
// all that the change says.
func (c *pastChange) fits(s step) bool {
	if c.Deltas != nil || c.Bindings == nil {
		return true
	}
	held := slices.ContainsFunc(c.Bindings, func(b BindingDelta) bool { return newStep(c.Resource, b.Role, b.Member, s.removed) == s })
	return held != s.removed
}

// timeline is the changes that made one step, or that are of one policy.
type timeline struct {
	changes []*pastChange // by time
	covered []int         // how many more spans begin than end at each of them
}

func (l *timeline) sort() {
	sortByTime(l.changes)
	l.covered = make([]int, len(l.changes)+1)
}

func sortByTime(changes []*pastChange) {
	slices.SortStableFunc(changes, func(a, b *pastChange) int { return a.At.Compare(b.At) })
}

// since returns where the changes begin that are not before a time.
func (l *timeline) since(t time.Time) int {
	n, _ := slices.BinarySearchFunc(l.changes, t, func(c *pastChange, t time.Time) int { return c.At.Compare(t) })
	return n
}

func newHistory(o VerifyOptions) *history {
	return &history{
		VerifyOptions: o, steps: map[step]*timeline{}, whole: map[string]*timeline{},
		etags: map[stepEtag]*pastChange{}, named: map[namedStep]*named{},
	}
}

func (h *history) add(c *PolicyChange) {
	change := &pastChange{
		PolicyChange: c, own: h.Account == "" || strings.EqualFold(c.Account, h.Account), intended: make([]bool, max(1, len(c.Deltas))),
	}
	h.changes = append(h.changes, change)
	if c.Deltas == nil {
		put(h.whole, c.Resource, change)
	}
	keys := reasonKeys(c.Reason)
	for _, s := range change.steps() {
		put(h.steps, s, change)
		h.etags[stepEtag{s, c.EtagAfter}] = change
		for _, key := range keys {
			h.named[namedStep{key, s}] = &named{}
		}
	}
}

func put[K comparable](lines map[K]*timeline, of K, c *pastChange) {
	if lines[of] == nil {
		lines[of] = &timeline{}
	}
	lines[of].changes = append(lines[of].changes, c)
}

// sort puts the changes in order, and returns how many there are.
func (h *history) sort() int {
	sortByTime(h.changes)
	for _, line := range h.steps {
		line.sort()
	}
	for _, line := range h.whole {
		line.sort()
	}
	return len(h.changes)
}

// span returns which changes can be what a record of an act speaks of. The
// record bears the time of the event. Its undo has no end: a person may have it
// run whenever.
func (h *history) span(r *Record, l *timeline) (from, to int) {
	if l == nil {
		return 0, 0
	}
	from, to = l.since(r.At.Add(-h.Grace)), len(l.changes)
	if !r.undo() {
		to = max(from, l.since(r.At.Add(h.Window+h.Grace+1)))
	}
	return from, to
}

// intend notes that an act was recorded before it was done. However many changes
// there are of its step, that takes no longer.
func (h *history) intend(r *Record, key [16]byte) {
	s := stepOf(r)
	if n := h.named[namedStep{key, s}]; n != nil {
		n.intended = true
	}
	if line := h.steps[s]; line != nil {
		from, to := h.span(r, line)
		line.covered[from]++
		line.covered[to]--
	}
	for c := range h.unsaid(r, s) {
		c.intended[0] = true
	}
}

// unsaid yields the changes that do not say what they changed, and can have made
// the step.
func (h *history) unsaid(r *Record, s step) iter.Seq[*pastChange] {
	return func(yield func(*pastChange) bool) {
		line := h.whole[s.resource]
		for from, to := h.span(r, line); from < to; from++ {
			if c := line.changes[from]; c.fits(s) && !yield(c) {
				return
			}
		}
	}
}

// near yields the changes that can have made the step, and first the one with
// the etag of the record.
func (h *history) near(r *Record, s step) iter.Seq[*pastChange] {
	return func(yield func(*pastChange) bool) {
		line := h.steps[s]
		from, to := h.span(r, line)
		same := h.etags[stepEtag{s, r.EtagAfter}]
		if same != nil && from < to && !same.At.Before(line.changes[from].At) && !same.At.After(line.changes[to-1].At) && !yield(same) {
			return
		}
		for ; from < to; from++ {
			if !yield(line.changes[from]) {
				return
			}
		}
		h.unsaid(r, s)(yield)
	}
}

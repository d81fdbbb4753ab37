package audit

import (
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// evidence is what policy changes say of the claims of a record. The changes
// come in any order, and none of them is kept.
type evidence struct {
	VerifyOptions
	*claims
	stepsOf       map[policy][]uint32
	open, settled spoken // intents of acts that can have made a change, and results of those that cannot
	done          spoken // results of acts that were made
	named         []bool // of these, those that a change names whenever it was made
	near          tally  // of changes that can have made the step
	any           tally  // of those among them that name no etag
	before, after tally  // of those with the etag
	strangers     []stranger
	strange       Report // changes that the record does not speak of, or denies
}

// policy is the policy of a resource, with what was added to it or removed.
type policy struct {
	resource uint32
	removed  bool
}

// stranger is a change near results that has none of their etags.
type stranger struct {
	results           span
	id, before, after string
}

func newEvidence(c *claims, o VerifyOptions) *evidence {
	e := &evidence{VerifyOptions: o, claims: c, stepsOf: map[policy][]uint32{}}
	for number, s := range c.steps.all {
		p := policy{s.resource, s.removed}
		e.stepsOf[p] = append(e.stepsOf[p], uint32(number))
	}
	e.settle()
	steps := len(c.steps.all)
	slices.SortFunc(c.intents, func(a, b claim) int { return a.compare(&b) })
	e.open = newSpoken(len(c.intents), steps, func(n uint32) *claim { return &c.intents[n] })
	slices.SortFunc(c.left, func(a, b result) int { return a.compare(&b.claim) })
	e.settled = newSpoken(len(c.left), steps, func(n uint32) *claim { return &c.left[n].claim })
	slices.SortFunc(c.made, func(a, b result) int { return a.compare(&b.claim) })
	e.done = newSpoken(len(c.made), steps, func(n uint32) *claim { return &c.made[n].claim })
	e.named = make([]bool, len(c.made))
	e.near = newTally(c.made, func(*result) uint64 { return 0 })
	e.any = newTally(c.made, func(*result) uint64 { return 0 })
	e.before = newTally(c.made, func(r *result) uint64 { return r.etags.before })
	e.after = newTally(c.made, func(r *result) uint64 { return r.etags.after })
	return e
}

// settle leaves those acts that were left and not made at another try, and the
// intents of the others.
func (e *evidence) settle() {
	left, made := map[namedStep]bool{}, map[namedStep]bool{}
	for n := range e.left {
		left[e.left[n].named()] = true
	}
	for n := range e.made {
		if c := e.made[n].named(); left[c] {
			made[c] = true
		}
	}
	e.left = slices.DeleteFunc(e.left, func(r result) bool { return made[r.named()] })
	e.intents = slices.DeleteFunc(e.intents, func(c claim) bool { return left[c.named()] && !made[c.named()] })
}

// see takes the next change.
func (e *evidence) see(c *PolicyChange) {
	own := e.Account == "" || strings.EqualFold(c.Account, e.Account)
	if c.Deltas == nil {
		e.judge(c, own, nil, slices.Collect(e.fitting(c)))
		return
	}
	for _, d := range c.Deltas {
		var steps []uint32
		if step, known := e.steps.find(c.Resource, d.Role, d.Member, d.Removed); known {
			steps = append(steps, step)
		}
		e.judge(c, own, &d, steps)
	}
}

// fitting yields the steps on record that a change can have made: after it, the
// policy is as they make it, for all that the change says.
func (e *evidence) fitting(c *PolicyChange) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		resource, known := e.steps.findResource(c.Resource)
		if !known {
			return
		}
		added, removed := e.stepsOf[policy{resource, false}], e.stepsOf[policy{resource, true}]
		if c.Bindings != nil {
			held := e.held(c.Bindings)
			added = e.adding(resource, held)
			removed = slices.DeleteFunc(slices.Clone(removed), func(number uint32) bool { return held[e.steps.all[number].binding] })
		}
		for _, number := range slices.Concat(added, removed) {
			if !yield(number) {
				return
			}
		}
	}
}

// held are those bindings whose names are on record.
func (e *evidence) held(bindings []BindingDelta) map[binding]bool {
	held := map[binding]bool{}
	for _, b := range bindings {
		if known, ok := e.steps.findBinding(b.Role, b.Member); ok {
			held[known] = true
		}
	}
	return held
}

// adding are the steps on record that add bindings to a policy.
func (e *evidence) adding(resource uint32, held map[binding]bool) (numbers []uint32) {
	for b := range held {
		if number, known := e.steps.numbers[step{resource, b, false}]; known {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// judge holds what a change did, in one of some steps, against what the record
// says of them. The delta is nil where the change does not say what it did.
func (e *evidence) judge(c *PolicyChange, own bool, d *BindingDelta, steps []uint32) {
	for _, step := range steps {
		e.bearOut(step, c, own)
	}
	if !own || !e.judged(c.At) || e.intended(c, steps) {
		return
	}
	did, unspoken := fmt.Sprintf("changed the policy of %q", c.Resource), "no act on it was recorded before"
	if d != nil {
		did, unspoken = fmt.Sprintf("%s on %q", d, c.Resource), "that was not recorded before"
	}
	m := Mismatch{Kind: MismatchNoIntent, ID: c.ID, At: c.At, Why: fmt.Sprintf("%q %s, and %s", c.Account, did, unspoken)}
	if left := e.denied(c, steps); left != nil {
		says := e.said(left)
		m = Mismatch{Kind: MismatchContradicted, Line: left.line, Event: says.event, ID: hex.EncodeToString(left.id[:]), At: left.at.time()}
		m.Why = fmt.Sprintf("the record says %q, and by the policy change %q %q %s all the same", says.outcome, c.ID, c.Account, did)
	}
	e.strange.add(m)
}

// intended reports whether one of the steps was on record before a change that
// can have made it: at its time, or by the key that the reason of the change
// names.
func (e *evidence) intended(c *PolicyChange, steps []uint32) bool {
	for _, step := range steps {
		from, to := e.reach(step, c)
		if _, found := e.open.at(step, from, to); found {
			return true
		}
	}
	for _, step := range steps {
		for range e.open.named(step, reasonKeys(c.Reason)) {
			return true
		}
	}
	return false
}

// denied returns what says that one of the steps was begun and left, or nil.
func (e *evidence) denied(c *PolicyChange, steps []uint32) *result {
	for _, step := range steps {
		from, to := e.reach(step, c)
		for n := range e.settled.named(step, reasonKeys(c.Reason)) {
			return &e.left[n]
		}
		if n, found := e.settled.at(step, from, to); found {
			return &e.left[n]
		}
	}
	return nil
}

// reach returns between which times the event of a record was that speaks of a
// change. A record bears the time of its event. Its undo has no end: a person
// may have it run whenever.
func (e *evidence) reach(number uint32, c *PolicyChange) (from, to instant) {
	from, to = instantOf(time.Time{}), instantOf(c.At.Add(e.Grace))
	if !e.steps.all[number].removed {
		from = instantOf(c.At.Add(-e.Window - e.Grace))
	}
	return from, to
}

// bearOut counts a change for the results that it bears out: those that it is
// near to, or that its reason names, and that have one of its etags. One of two
// is enough: after a write whose answer was lost, the record has the etag of the
// policy as it was found later. Where no etag is known on both sides, none is
// compared.
func (e *evidence) bearOut(number uint32, c *PolicyChange, own bool) {
	if !own && !e.steps.all[number].removed {
		return
	}
	has := e.etags(c.EtagBefore, c.EtagAfter)
	from, to := e.reach(number, c)
	of := e.done.of[number]
	count := func(t *tally, etag uint64) span { return t.count(e.made, of, etag, from, to) }
	near := count(&e.near, 0)
	if of.from < near.from || near.to < of.to { // there are others
		for n := range e.done.named(number, reasonKeys(c.Reason)) {
			e.named[n] = e.named[n] || has.agree(e.made[n].etags)
		}
	}
	if near.empty() {
		return
	}
	borne := false
	for t, etag := range e.tallies(has) {
		borne = !count(t, etag).empty() || borne
	}
	if !borne && len(e.strangers) < mostMismatches {
		e.strangers = append(e.strangers, stranger{near, c.ID, c.EtagBefore, c.EtagAfter})
	}
}

// tallies yields where a change with the etags counts, and for which etag of a
// result.
func (e *evidence) tallies(of etags) iter.Seq2[*tally, uint64] {
	return func(yield func(*tally, uint64) bool) {
		before, after := of.before >= someEtag, of.after >= someEtag
		_ = (!before || yield(&e.before, of.before)) &&
			(!after || yield(&e.after, of.after)) &&
			(before || after || yield(&e.any, 0)) &&
			(!before || yield(&e.before, noEtags)) &&
			(!before || after || yield(&e.before, otherEtag)) &&
			(!after || before || yield(&e.after, noEtags) && yield(&e.after, otherEtag))
	}
}

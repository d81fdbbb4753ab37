package audit

import (
	"bytes"
	"cmp"
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
	intentsOf, resultsOf []span // by step
	byKey                []uint32
	stepsOf              map[policy][]uint32
	near                 tally // of changes that can have made the step
	any                  tally // of those among them that name no etag
	before, after        tally // of those with the etag
	strangers            []stranger
	unspoken             Report // changes without an intent
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
	e.intentsOf, e.resultsOf = c.sort()
	e.byKey = ordered(c.intents, func(a, b *intent) int { return cmp.Or(cmp.Compare(a.step, b.step), bytes.Compare(a.key[:], b.key[:])) })
	for number, s := range c.steps.all {
		p := policy{s.resource, s.removed}
		e.stepsOf[p] = append(e.stepsOf[p], uint32(number))
	}
	e.near = newTally(c.results, func(*result) uint64 { return 0 })
	e.any = newTally(c.results, func(*result) uint64 { return 0 })
	e.before = newTally(c.results, func(r *result) uint64 { return r.etags.before })
	e.after = newTally(c.results, func(r *result) uint64 { return r.etags.after })
	return e
}

// ordered returns the indexes of claims in another order.
func ordered[E any](claims []E, compare func(a, b *E) int) []uint32 {
	order := make([]uint32, len(claims))
	for n := range order {
		order[n] = uint32(n)
	}
	slices.SortFunc(order, func(a, b uint32) int { return compare(&claims[a], &claims[b]) })
	return order
}

// see takes the next change.
func (e *evidence) see(c *PolicyChange) {
	own := e.Account == "" || strings.EqualFold(c.Account, e.Account)
	if c.Deltas == nil {
		e.seeWhole(c, own)
		return
	}
	for _, d := range c.Deltas {
		step, known := e.steps.find(c.Resource, d.Role, d.Member, d.Removed)
		if known {
			e.bearOut(step, c, own)
		}
		if own && e.judged(c.At) && !(known && e.intended(step, c)) {
			e.unspeak(c, fmt.Sprintf("%q %s on %q, and that was not recorded before", c.Account, d, c.Resource))
		}
	}
}

// seeWhole takes a change that does not say what it changed.
func (e *evidence) seeWhole(c *PolicyChange, own bool) {
	intended := false
	for step := range e.fitting(c) {
		e.bearOut(step, c, own)
		intended = intended || e.intended(step, c)
	}
	if own && e.judged(c.At) && !intended {
		e.unspeak(c, fmt.Sprintf("%q changed the policy of %q, and no act on it was recorded before", c.Account, c.Resource))
	}
}

func (e *evidence) unspeak(c *PolicyChange, why string) {
	e.unspoken.add(Mismatch{Kind: MismatchNoIntent, ID: c.ID, At: c.At, Why: why})
}

// fitting yields the steps on record that a change can have made: after it, the
// policy is as they make it, for all that the change says.
func (e *evidence) fitting(c *PolicyChange) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		resource, known := e.steps.resources.find(c.Resource)
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

// intended reports whether a step was on record before a change that can have
// made it: at its time, or by the key that the reason of the change names.
func (e *evidence) intended(number uint32, c *PolicyChange) bool {
	of := e.intentsOf[number]
	from, to := e.reach(number, c)
	intents := within(of, e.intents)
	n, _ := slices.BinarySearchFunc(intents, from, func(i intent, from instant) int { return cmp.Compare(i.at, from) })
	return n < len(intents) && intents[n].at <= to || slices.ContainsFunc(reasonKeys(c.Reason), func(key [16]byte) bool {
		_, found := slices.BinarySearchFunc(within(of, e.byKey), key, func(n uint32, key [16]byte) int { return bytes.Compare(e.intents[n].key[:], key[:]) })
		return found
	})
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
// near to, and that have one of its etags. One of two is enough: after a write
// whose answer was lost, the record has the etag of the policy as it was found
// later. Where no etag is known on both sides, none is compared.
func (e *evidence) bearOut(number uint32, c *PolicyChange, own bool) {
	if !own && !e.steps.all[number].removed {
		return
	}
	from, to := e.reach(number, c)
	count := func(t *tally, etag uint64) span { return t.count(e.results, e.resultsOf[number], etag, from, to) }
	near := count(&e.near, 0)
	if near.empty() {
		return
	}
	borne := false
	for t, etag := range e.tallies(e.etags(c.EtagBefore, c.EtagAfter)) {
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

package audit

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// verifier holds one record after the other against what is known.
type verifier struct {
	VerifyOptions
	report Report
	claims *claims     // nil where there are no changes to hold them against
	lines  *chainCheck // nil where there are no lines
	line   int         // of the record, 0 where there are no lines
	open   map[act]begun
	ended  map[act]*Record // what ended those whose event has the time of the last record
	at     time.Time       // of the last record
	room   []byte
}

// act is a grant or its undo, by the key of its records.
type act struct {
	key  [16]byte
	undo bool
}

// begun is what is known of an act without a result.
type begun struct {
	line            int
	id              [16]byte
	at              time.Time
	event, resource string
}

func newVerifier(o VerifyOptions) *verifier {
	if o.Window == 0 {
		o.Window = 24 * time.Hour
	}
	v := &verifier{VerifyOptions: o, open: map[act]begun{}, ended: map[act]*Record{}}
	if o.Changes != nil {
		v.claims = newClaims()
	}
	return v
}

// take takes the next record, or the error in its place.
func (v *verifier) take(ctx context.Context, r *Record, err error) error {
	if err = cmp.Or(err, ctx.Err()); err == nil {
		v.see(r)
		return nil
	}
	if refused := (*LineError)(nil); errors.As(err, &refused) {
		v.report.add(Mismatch{Kind: MismatchUnreadable, Line: refused.Line, Why: refused.Error()})
		return nil
	}
	return err
}

func (v *verifier) see(r *Record) {
	v.report.Records++
	if r.PolicyDigest != "" && len(v.Digests) > 0 && !v.Digests[r.PolicyDigest] {
		v.mismatch(MismatchDigest, r, fmt.Sprintf("the policy %q decided, which is none of the known ones", r.PolicyDigest))
	}
	if !r.At.Equal(v.at) {
		v.at = r.At
		clear(v.ended)
	}
	switch {
	case r.Phase == PhaseNotice || r.Outcome == OutcomeFailed: // the event comes again
	case r.Phase == PhaseIntent:
		v.begin(r)
	default:
		v.finish(r)
	}
}

func (v *verifier) mismatch(kind MismatchKind, r *Record, why string) {
	v.report.add(Mismatch{Kind: kind, Line: v.line, Event: strings.Clone(r.Event), ID: r.ID(), At: r.At, Why: why})
}

func (v *verifier) digest(r *Record, slot string) [16]byte {
	if v.room == nil {
		v.room = make([]byte, 0, 10*longestText)
	}
	return r.digest(slot, v.room)
}

// begin notes an act. Cloud Logging may list what ended it first, where that is
// a decision, which has the same time.
func (v *verifier) begin(r *Record) {
	a := act{v.digest(r, ""), r.undo()}
	if v.claims != nil {
		v.claims.intend(r, a.key)
	}
	ended, ok := v.ended[a]
	switch {
	case !ok:
		v.open[a] = begun{v.line, v.digest(r, r.slot()), r.At, strings.Clone(r.Event), strings.Clone(r.Resource)}
	case v.claims != nil && !ended.made():
		v.claims.leave(ended, a.key, v.digest(ended, ended.slot()), v.line)
	}
}

// finish notes a result, or a decision that nothing more is to be done.
func (v *verifier) finish(r *Record) {
	if v.claims == nil && v.lines != nil && len(v.open) == 0 {
		return
	}
	a := act{v.digest(r, ""), r.undo()}
	_, begun := v.open[a]
	delete(v.open, a)
	switch {
	case v.claims == nil:
	case r.made():
		v.claims.make(r, a.key, v.digest(r, r.slot()), v.line)
	case begun:
		v.claims.leave(r, a.key, v.digest(r, r.slot()), v.line)
	}
	switch {
	case v.lines != nil: // they stand in the order in which they were written
	case v.claims == nil:
		v.ended[a] = nil
	default:
		v.ended[a] = r.Clone()
	}
}

// made reports whether the record says that its act was done, whatever phase it
// names.
func (r *Record) made() bool { return r.Outcome == OutcomeApplied || r.Outcome == OutcomeUndone }

// judged reports whether everything about a time is known by now.
func (o *VerifyOptions) judged(at time.Time) bool {
	return !at.Before(o.Since) && (o.Now.IsZero() || !at.After(o.Now.Add(-o.Grace)))
}

// end finds what never came, once all records have been seen.
func (v *verifier) end(ctx context.Context) error {
	found, err := v.changes(ctx)
	if err != nil {
		return err
	}
	if found != nil {
		found.contradicted(v.report.add)
	}
	v.unfinished()
	if found != nil {
		slices.SortFunc(found.strange.Mismatches, func(a, b Mismatch) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Why, b.Why))
		})
		v.report.join(&found.strange)
	}
	return nil
}

// changes holds the policy changes against what the record claims. It returns
// nil where there are none to be held.
func (v *verifier) changes(ctx context.Context) (*evidence, error) {
	if v.claims == nil {
		return nil, nil
	}
	found := newEvidence(v.claims, v.VerifyOptions)
	for change, err := range v.Changes {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return nil, err
		}
		v.report.Changes++
		found.see(change)
	}
	return found, nil
}

func (v *verifier) unfinished() {
	var left []Mismatch
	for _, b := range v.open {
		if v.judged(b.at) {
			why := fmt.Sprintf("an act on %q was begun, and how it ended is not recorded", b.resource)
			left = append(left, Mismatch{Kind: MismatchNoResult, Line: b.line, Event: b.event, ID: hex.EncodeToString(b.id[:]), At: b.at, Why: why})
		}
	}
	slices.SortFunc(left, func(a, b Mismatch) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	for _, m := range left {
		v.report.add(m)
	}
}

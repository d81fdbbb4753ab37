package audit

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

const pullfix = "pullfix@ops.iam.gserviceaccount.com"

// scene is a record, in the order in which it was written, and what Google has
// recorded meanwhile.
type scene struct {
	records []Record
	changes []*PolicyChange
	etag    int
}

func (s *scene) record(r Record, phase, outcome, cause string) Record {
	r.Phase, r.Outcome, r.Cause, r.EtagBefore, r.EtagAfter = phase, outcome, cause, "", ""
	if outcome == OutcomeApplied || outcome == OutcomeUndone {
		r.EtagBefore, r.EtagAfter = fmt.Sprint("etag-", s.etag-1), fmt.Sprint("etag-", s.etag)
	}
	s.records = append(s.records, r)
	return r
}

// change makes a change of the policy that a record is about, after a while.
func (s *scene) change(r Record, account string, after time.Duration, removed bool) *PolicyChange {
	s.etag++
	c := &PolicyChange{
		ID: fmt.Sprint("change-", s.etag), At: r.At.Add(after), Account: account, Resource: r.Resource,
		Deltas:     []BindingDelta{{removed, r.Role, r.Principal}},
		EtagBefore: fmt.Sprint("etag-", s.etag-1), EtagAfter: fmt.Sprint("etag-", s.etag),
	}
	s.changes = append(s.changes, c)
	return c
}

func (s *scene) grant(r Record) {
	s.record(r, PhaseIntent, "", "")
	s.change(r, pullfix, 2*time.Second, false)
	s.record(r, PhaseResult, OutcomeApplied, "")
}

func (s *scene) undo(r Record, by string) {
	s.record(r, PhaseIntent, "", CauseUndo)
	s.change(r, by, 90*24*time.Hour, true)
	s.record(r, PhaseResult, OutcomeUndone, CauseUndo)
}

func (s *scene) all() iter.Seq2[*PolicyChange, error] {
	return func(yield func(*PolicyChange, error) bool) {
		for _, c := range s.changes {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// one, two and three are findings of two events.
func one() Record { return about("e1") }

func two() Record {
	r := about("e1")
	r.Resource = "projects/shared/locations/us/repositories/base"
	return r
}

func three() Record {
	r := about("e2")
	r.At = r.At.Add(time.Hour)
	return r
}

// trueHistories are what can happen.
var trueHistories = map[string]func(s *scene){
	"nothing": func(*scene) {},
	"a grant": func(s *scene) { s.grant(one()) },
	"a decision and a channel that refused": func(s *scene) {
		s.record(one(), PhaseDecision, OutcomeObserved, "")
		s.record(one(), PhaseNotice, OutcomeRefused, "undelivered")
	},
	"several findings of an event": func(s *scene) {
		s.grant(one())
		s.grant(two())
	},
	"two processes": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		s.record(three(), PhaseIntent, "", "")
		s.change(three(), pullfix, time.Second, false)
		s.record(three(), PhaseResult, OutcomeApplied, "")
		s.record(one(), PhaseResult, OutcomeAlreadyHeld, "")
	},
	"grants made together": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		other := one()
		other.Principal = "serviceAccount:other@app-one.iam.gserviceaccount.com"
		s.record(other, PhaseIntent, "", "")
		c := s.change(one(), pullfix, time.Second, false)
		c.Deltas = append(c.Deltas, BindingDelta{Role: other.Role, Member: other.Principal})
		s.record(one(), PhaseResult, OutcomeApplied, "")
		s.record(other, PhaseResult, OutcomeApplied, "")
	},
	"a failure, and success at the redelivery": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		s.record(one(), PhaseResult, OutcomeFailed, "")
		s.change(one(), pullfix, time.Hour, false)
		s.record(one(), PhaseResult, OutcomeApplied, "")
	},
	"a failure, and too old at the redelivery": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		s.record(one(), PhaseResult, OutcomeFailed, "")
		s.record(one(), PhaseDecision, "", "too-old")
	},
	"a refusal": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		s.record(one(), PhaseResult, OutcomeRefused, "write-denied")
	},
	"a write whose answer was lost": func(s *scene) { // the etag is that of a later change
		s.record(one(), PhaseIntent, "", "")
		s.change(one(), pullfix, time.Second, false)
		s.record(one(), PhaseResult, OutcomeApplied, "")
		s.records[1].EtagAfter = "etag-77"
	},
	"a write before a crash": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		s.change(one(), pullfix, time.Second, false)
		s.record(one(), PhaseResult, OutcomeApplied, "recovered")
		s.records[1].EtagBefore, s.records[1].EtagAfter = "", ""
	},
	"an undo by a person": func(s *scene) {
		s.grant(one())
		s.undo(one(), "ann@example.com")
	},
	"an undo by pullfix's account, tried twice": func(s *scene) {
		s.grant(one())
		s.record(one(), PhaseIntent, "", CauseUndo)
		s.record(one(), PhaseResult, OutcomeRefused, CauseUndo)
		s.undo(one(), pullfix)
	},
	"an undo, and a grant for another event": func(s *scene) {
		s.grant(one())
		s.undo(one(), "ann@example.com")
		s.grant(three())
	},
	"a change that does not say what it changed": func(s *scene) {
		s.grant(one())
		s.undo(one(), pullfix)
		s.changes[0].Bindings, s.changes[0].Deltas = s.changes[0].Deltas, nil
		s.changes[1].Bindings, s.changes[1].Deltas = []BindingDelta{}, nil
	},
	"a change that says only whose policy it was": func(s *scene) {
		s.grant(one())
		s.changes[0] = &PolicyChange{ID: "change-1", At: s.changes[0].At, Account: pullfix, Resource: one().Resource}
	},
	"changes of others": func(s *scene) {
		s.change(one(), "ann@example.com", time.Second, false)
		s.change(two(), "ann@example.com", time.Second, true)
	},
	"a change long after its event, whose reason names the record": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		s.change(one(), pullfix, 100*time.Hour, false).Reason = one().RequestReason()
		s.record(one(), PhaseResult, OutcomeApplied, "")
	},
	"a change for two acts, one of which found it made": func(s *scene) {
		s.record(one(), PhaseIntent, "", "")
		other := about("e3")
		s.record(other, PhaseIntent, "", "")
		s.change(one(), pullfix, time.Second, false).Reason = one().RequestReason() + " " + other.RequestReason()
		s.record(one(), PhaseResult, OutcomeApplied, "")
		s.record(other, PhaseResult, OutcomeAlreadyHeld, "")
	},
	"a write before a crash, found at a replay days later": func(s *scene) { // whose records are dated by it
		s.record(one(), PhaseIntent, "", "")
		s.record(one(), PhaseResult, OutcomeFailed, "")
		s.change(one(), pullfix, time.Second, false).Reason = one().RequestReason()
		late := one()
		late.At = late.At.Add(72 * time.Hour)
		s.record(late, PhaseIntent, "", "")
		s.record(late, PhaseResult, OutcomeApplied, "recovered")
		s.records[3].EtagBefore, s.records[3].EtagAfter = "", ""
	},
	"members in another case": func(s *scene) {
		s.grant(one())
		s.changes[0].Deltas[0].Member = strings.ToUpper(s.changes[0].Deltas[0].Member)
		s.changes[0].Account = strings.ToUpper(pullfix)
	},
}

// lies are true histories with something wrong, and what is found.
var lies = map[string]struct {
	tell func(s *scene)
	want []string // kind, event or id, and part of why
}{
	"a change without an intent": {
		func(s *scene) { s.change(one(), pullfix, time.Second, false) },
		[]string{`no-intent change-1 "pullfix@ops.iam.gserviceaccount.com" added "serviceAccount:service-111111111111@`},
	},
	"a removal without an intent": {
		func(s *scene) {
			s.grant(one())
			s.change(one(), pullfix, time.Hour, true)
		},
		[]string{"no-intent change-2 removed"},
	},
	"a removal before the event whose undo was recorded": {
		func(s *scene) {
			s.grant(one())
			s.undo(one(), "ann@example.com")
			s.change(one(), pullfix, -time.Hour, true)
		},
		[]string{"no-intent change-3 removed"},
	},
	"a change of another policy": {
		func(s *scene) {
			s.grant(one())
			s.changes[0].Resource = two().Resource
		},
		[]string{"contradicted e1 no policy change shows", "no-intent change-1 added"},
	},
	"a change of another role": {
		func(s *scene) {
			s.grant(one())
			s.changes[0].Deltas[0].Role = "roles/owner"
		},
		[]string{"contradicted e1 no policy change shows", `no-intent change-1 "roles/owner"`},
	},
	"a second member beside the one that was recorded": {
		func(s *scene) {
			s.grant(one())
			s.changes[0].Deltas = append(s.changes[0].Deltas, BindingDelta{Role: "roles/owner", Member: "user:eve@example.com"})
		},
		[]string{`no-intent change-1 "user:eve@example.com"`},
	},
	"a change long after its event": {
		func(s *scene) {
			s.grant(one())
			s.changes[0].At = s.changes[0].At.Add(25 * time.Hour)
		},
		[]string{"contradicted e1 within 24h0m0s of 2026-03-04T05:06:07Z", "no-intent change-1 added"},
	},
	"a change before its event": {
		func(s *scene) {
			s.grant(one())
			s.changes[0].At = one().At.Add(-time.Hour)
		},
		[]string{"contradicted e1 no policy change shows", "no-intent change-1 added"},
	},
	"a change that does not say what it changed, on a policy that nobody spoke of": {
		func(s *scene) {
			s.change(one(), pullfix, time.Second, false).Deltas = nil
		},
		[]string{`no-intent change-1 changed the policy of "projects/shared/locations/us/repositories/apps"`},
	},
	"a whole policy that does not hold the member": {
		func(s *scene) {
			s.grant(one())
			s.changes[0].Bindings, s.changes[0].Deltas = []BindingDelta{}, nil
		},
		[]string{"contradicted e1 no policy change shows", "no-intent change-1 changed the policy"},
	},
	"a reason that names the record of another binding": {
		func(s *scene) {
			s.grant(one())
			s.change(two(), pullfix, time.Second, false).Reason = one().RequestReason()
		},
		[]string{"no-intent change-2 repositories/base"},
	},
	"a change by somebody else": {
		func(s *scene) {
			s.grant(one())
			s.changes[0].Account = "ann@example.com"
		},
		[]string{"contradicted e1 no policy change shows"},
	},
	"another etag": {
		func(s *scene) {
			s.grant(one())
			s.records[1].EtagBefore, s.records[1].EtagAfter = "etag-8", "etag-9"
		},
		[]string{`contradicted e1 with the etags "etag-8" and "etag-9", and the policy change "change-1" of "projects/shared/locations/us/repositories/apps" has "etag-0" and "etag-1"`},
	},
	"other etags of three acts": {
		func(s *scene) {
			last := about("e3")
			last.Resource = "projects/shared/locations/us/repositories/more"
			for n, r := range []Record{one(), two(), last} {
				s.grant(r)
				s.changes[n].EtagBefore, s.changes[n].EtagAfter = fmt.Sprint("other-", n), fmt.Sprint("another-", n)
			}
			s.changes[0], s.changes[1] = s.changes[1], s.changes[0]
		},
		[]string{
			`contradicted e1 and the policy change "change-1" of "projects/shared/locations/us/repositories/apps" has "other-0" and "another-0"`,
			`contradicted e1 and the policy change "change-2" of "projects/shared/locations/us/repositories/base" has "other-1" and "another-1"`,
			`contradicted e3 and the policy change "change-3" of "projects/shared/locations/us/repositories/more" has "other-2" and "another-2"`,
		},
	},
	"a grant beside the one that was made": {
		func(s *scene) {
			s.grant(one())
			same := about("e3")
			s.record(same, PhaseIntent, "", "")
			s.record(same, PhaseResult, OutcomeApplied, "")
			s.records[3].EtagBefore, s.records[3].EtagAfter = "etag-8", "etag-9"
		},
		[]string{`contradicted e3 with the etags "etag-8" and "etag-9", and of the policy changes that show that "serviceAccount:service-111111111111@`},
	},
	"a grant that was made and is said to be refused": {
		func(s *scene) {
			s.grant(one())
			s.records[1].Outcome = OutcomeRefused
		},
		[]string{`contradicted e1 the record says "refused", and by the policy change "change-1" "pullfix@ops.iam.gserviceaccount.com" added "serviceAccount:`},
	},
	"a grant that was made and is said to be held already": {
		func(s *scene) {
			s.grant(one())
			s.records[1].Outcome = OutcomeAlreadyHeld
		},
		[]string{`contradicted e1 the record says "already-held", and by the policy change "change-1"`},
	},
	"a grant that was made after its event was ignored": {
		func(s *scene) {
			s.record(one(), PhaseIntent, "", "")
			s.change(one(), pullfix, time.Hour, false)
			s.record(one(), PhaseDecision, "", "")
			s.records[1].Verdict = "ignore"
		},
		[]string{`contradicted e1 the record says "ignore", and by the policy change "change-1"`},
	},
	"a refused grant that was made long after, and names the record": {
		func(s *scene) {
			s.record(one(), PhaseIntent, "", "")
			s.record(one(), PhaseResult, OutcomeRefused, "")
			s.change(one(), pullfix, 100*time.Hour, false).Reason = one().RequestReason()
		},
		[]string{`contradicted e1 the record says "refused", and by the policy change "change-1"`},
	},
	"a refused grant that was made, and does not say what it changed": {
		func(s *scene) {
			s.grant(one())
			s.records[1].Outcome = OutcomeRefused
			s.changes[0].Bindings, s.changes[0].Deltas = s.changes[0].Deltas, nil
		},
		[]string{`contradicted e1 "pullfix@ops.iam.gserviceaccount.com" changed the policy of "projects/shared/locations/us/repositories/apps" all the same`},
	},
	"a decision that says it was done": {
		func(s *scene) { s.record(one(), PhaseDecision, OutcomeApplied, "") },
		[]string{`contradicted e1 the record says "applied", and no policy change shows`},
	},
	"a grant that was made and is said to be refused a moment later": {
		func(s *scene) {
			s.grant(one())
			s.records[1].Outcome, s.records[1].At = OutcomeRefused, s.records[1].At.Add(time.Second)
		},
		[]string{`contradicted e1 the record says "refused", and by the policy change "change-1"`},
	},
	"an undo that nobody made": {
		func(s *scene) {
			s.grant(one())
			s.undo(one(), "ann@example.com")
			s.changes = s.changes[:1]
		},
		[]string{"contradicted e1 was removed from"},
	},
	"an intent without a result": {
		func(s *scene) { s.record(one(), PhaseIntent, "", "") },
		[]string{`no-result e1 an act on "projects/shared/locations/us/repositories/apps" was begun`},
	},
	"a failure that was not tried again": {
		func(s *scene) {
			s.record(one(), PhaseIntent, "", "")
			s.record(one(), PhaseResult, OutcomeFailed, "")
		},
		[]string{"no-result e1 was begun"},
	},
	"an undo without a result": {
		func(s *scene) {
			s.grant(one())
			s.record(one(), PhaseIntent, "", CauseUndo)
		},
		[]string{"no-result e1 was begun"},
	},
	"the result of another finding": {
		func(s *scene) {
			s.grant(one())
			s.record(two(), PhaseIntent, "", "")
		},
		[]string{"no-result e1 repositories/base"},
	},
	"a policy that nobody knows": {
		func(s *scene) {
			s.record(one(), PhaseDecision, "", "")
			s.records[0].PolicyDigest = "sha256:11"
		},
		[]string{`digest e1 the policy "sha256:11" decided`},
	},
}

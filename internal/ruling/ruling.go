// Package ruling is what pullfix makes of a finding before it looks at live
// state: a finding, the facts that rules ask for and a policy come in; the plan,
// what the policy decides, and what speaks against a grant in the entry itself
// go out. It is pure, so that the command line rules as the function does.
package ruling

import (
	"errors"
	"time"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// The causes that an entry has by itself, besides those of its findings.
const (
	NotAudit remediate.Cause = "not-audit-log"
	Undated  remediate.Cause = "undated"
)

// ClockSkew is how far ahead of this clock an entry may be dated.
const ClockSkew = 10 * time.Minute

// Facts are what rules ask for besides what is denied to whom.
type Facts struct {
	From     remediate.Names // the project that deploys, by what is known of its names
	ToNumber iam.Project     // the number of the project that holds the resource
	Above    rules.Ancestry  // what holds the project that deploys
}

// FactsOf returns the facts that a finding has by itself: the project that
// deploys, or that of the caller's account where the finding is about no deploy.
func FactsOf(f parse.Finding) Facts {
	from := f.Project
	if from.IsZero() {
		from = f.Access.Principal.Home()
	}
	facts := Facts{From: remediate.Names{Number: f.Number}}
	if from.IsNumber() {
		facts.From.Number = from
	} else {
		facts.From.ID = from
	}
	return facts
}

// Ruling is what is made of one finding.
type Ruling struct {
	Finding  parse.Finding
	Plan     remediate.Plan
	Grant    remediate.Grant  // zero where Obstacle says why
	Obstacle remediate.Answer // what speaks against the grant
	Decision rules.Decision
}

// New plans the fix of a finding and holds it to the limits that no rule lifts.
// self is pullfix's own account, unknown where it has none.
func New(f parse.Finding, self iam.Principal) Ruling {
	r := Ruling{Finding: f, Plan: remediate.NewPlan(f.Kind, f.Access)}
	var refused *remediate.RefusedError
	var err error
	if r.Grant, err = r.Plan.Grant(self); errors.As(err, &refused) {
		r.Obstacle = remediate.Answer{Cause: refused.Cause, Why: refused.Why}
	}
	return r
}

// Decide asks the policy.
func (r *Ruling) Decide(policy *rules.Policy, facts Facts) {
	r.Decision = policy.Decide(r.Request(facts))
}

// Request is the question that the policy is asked.
func (r *Ruling) Request(facts Facts) rules.Request {
	return rules.Request{
		Kind: r.Finding.Kind, From: facts.From.ID, FromNumber: facts.From.Number, Above: facts.Above,
		To: r.Finding.Access.Resource, ToNumber: facts.ToNumber, Member: r.Finding.Access.Principal, Role: r.Plan.Binding.Role,
	}
}

// Doubt finds what speaks against a grant in the entry: whether it is of an
// audit log, and when it is dated. It goes before what the plan found: a forged
// entry must be seen as one.
func (r *Ruling) Doubt(audited bool, dated, now time.Time) {
	switch {
	case r.Finding.Doubt != "":
		r.Obstacle = remediate.Answer{Cause: remediate.Cause(r.Finding.Cause), Why: r.Finding.Doubt}
	case r.Obstacle.Cause != remediate.WouldHelp:
	case !audited:
		r.Obstacle = remediate.Answer{Cause: NotAudit, Why: "the entry is of a log that anybody may write: only an audit log can lead to a grant"}
	case dated.IsZero() || dated.Sub(now) > ClockSkew:
		r.Obstacle = remediate.Answer{Cause: Undated, Why: "the entry has no timestamp, or one in the future"}
	}
}

// Verdict is what comes of the finding as far as can be told without looking at
// live state: a grant only where nothing speaks against it.
func (r *Ruling) Verdict() rules.Verdict {
	if r.Decision.Verdict == rules.Grant && r.Obstacle.Cause != remediate.WouldHelp {
		return rules.Alert
	}
	return r.Decision.Verdict
}

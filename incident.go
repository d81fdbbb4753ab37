package pullfix

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// incident is one finding on its way through the stages, with what each of
// them made of it.
type incident struct {
	finding  parse.Finding
	plan     remediate.Plan
	grant    remediate.Grant  // zero where obstacle says why
	obstacle remediate.Answer // what speaks against the grant
	decision rules.Decision
	record   audit.Record
	key      string    // of the event and the finding as the entry has them, the same in every delivery
	ruling   string    // the decision's reason, in a sentence
	dated    time.Time // of the entry
	audited  bool      // the entry is of an audit log
	from     remediate.Names
	nameless []string // projects that the entry has by number, and whose id could not be read
	unplaced string   // the log of an entry of which it is not known whether it is that of the project accessed
	stale    bool     // the entry is too old to begin anything
	self     iam.Principal
}

// Causes besides those that remediate has. An obstacle from the finding carries
// its own word.
const (
	causeTooOld     remediate.Cause = "too-old"
	causeUndated    remediate.Cause = "undated"
	causeNotAudit   remediate.Cause = "not-audit-log"
	causeBudget     remediate.Cause = "budget"
	causeUnreadable remediate.Cause = "unreadable"
	causeUnread     remediate.Cause = "check-failed" // no rule lifts it: nothing is known
	causeRecovered  remediate.Cause = "recovered"    // an earlier delivery made the change, and was cut off
)

// clockSkew is how far ahead of this clock an entry may be dated.
const clockSkew = 10 * time.Minute

func newIncident(policy *rules.Policy, self iam.Principal, d delivery, event parse.Event, finding parse.Finding) *incident {
	i := &incident{finding: finding, dated: event.At, audited: event.Audit, self: self}
	i.record = audit.Record{
		Phase: audit.PhaseDecision,
		Event: bounded(cmp.Or(event.ID, d.id)), Log: bounded(event.Log), At: recordTime(d, event.At),
		Kind: finding.Kind.String(), Caller: event.Caller.String(), Workload: finding.Workload,
		Permission: finding.Access.Permission.String(), Image: finding.Image.String(),
		Verdict: rules.Alert.String(), Mode: policy.Mode().String(), PolicyDigest: policy.Digest(), Version: audit.FormatVersion,
	}
	i.names()
	i.key = i.record.Key()
	return i
}

// names puts who and where into the plan and the record.
func (i *incident) names() {
	i.plan = remediate.NewPlan(i.finding.Kind, i.finding.Access)
	i.grant, i.obstacle = remediate.Grant{}, remediate.Answer{}
	var refused *remediate.RefusedError
	var err error
	if i.grant, err = i.plan.Grant(i.self); errors.As(err, &refused) {
		i.obstacle = remediate.Answer{Cause: refused.Cause, Why: refused.Why}
	}
	i.record.SourceProject = i.finding.Project.String()
	i.record.Principal, i.record.Resource = i.finding.Access.Principal.String(), i.finding.Access.Resource.String()
	i.record.Role = i.plan.Binding.Role.String()
}

// decide asks the policy.
func (i *incident) decide(policy *rules.Policy) {
	from := i.from
	if from == (remediate.Names{}) {
		from = remediate.Names{ID: i.finding.Project, Number: i.finding.Number}
	}
	i.decision = policy.Decide(rules.Request{
		Kind: i.finding.Kind, From: from.ID, FromNumber: from.Number,
		To: i.finding.Access.Resource, Member: i.finding.Access.Principal, Role: i.plan.Binding.Role,
	})
	i.ruling = i.decision.Reason()
	i.record.Verdict, i.record.Rule, i.record.Reason = i.decision.Verdict.String(), i.decision.Rule(), i.ruling
	if i.decision.Verdict == rules.Grant {
		i.record.Mode = i.decision.Mode.String()
	}
}

// longestName is more than an insertId or a log name of Google's has
// (https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry). A
// longer one would make a record that Cloud Logging refuses.
const longestName = 1024

// bounded cuts what is too long, and keeps it apart from others by a hash.
func bounded(name string) string {
	if len(name) <= longestName {
		return name
	}
	return fmt.Sprintf("%s…sha256:%x", strings.ToValidUTF8(name[:longestName/2], ""), sha256.Sum256([]byte(name)))
}

// unreadable is the incident of an entry that no retry can make readable.
func unreadable(policy *rules.Policy, d delivery, err error) *incident {
	const ruling = "the log entry could not be read, and another delivery would not change that"
	i := &incident{
		ruling: ruling, obstacle: remediate.Answer{Cause: causeUnreadable, Why: err.Error()},
		record: audit.Record{
			Phase: audit.PhaseDecision, Event: bounded(d.id), At: d.published, Verdict: rules.Alert.String(), Mode: policy.Mode().String(),
			PolicyDigest: policy.Digest(), Reason: ruling,
			Error: err.Error(), Version: audit.FormatVersion,
		},
	}
	i.key = i.record.Key()
	return i
}

// tripped is the incident of a budget that is used up.
func tripped(policy *rules.Policy, trip ledger.Trip) *incident {
	const ruling = "everything is observed until somebody runs pullfix rearm"
	i := &incident{
		ruling: ruling, obstacle: remediate.Answer{Cause: causeBudget, Why: usedUp(policy.Limits().GrantsPerHour)},
		record: audit.Record{
			Phase: audit.PhaseDecision, Event: fmt.Sprintf("trip-%d-%s", trip.Epoch, trip.At.UTC().Format(time.RFC3339)), At: trip.At,
			Verdict: rules.Alert.String(), Mode: rules.Observe.String(), PolicyDigest: policy.Digest(), Reason: ruling,
			Version: audit.FormatVersion,
		},
	}
	i.key = i.record.Key()
	return i
}

func usedUp(perHour int) string {
	if perHour == 1 {
		return "the budget of 1 grant an hour is used up"
	}
	return fmt.Sprintf("the budget of %d grants an hour is used up", perHour)
}

// recordTime dates the record like the entry, so that every delivery writes
// the same line. Cloud Logging drops what is dated too far away; such an entry
// gets the time at which it was published.
func recordTime(d delivery, at time.Time) time.Time {
	if age := d.published.Sub(at); age > 24*time.Hour || age < -clockSkew {
		return d.published
	}
	return at
}

// old reports whether the entry is too old to begin anything.
func (i *incident) old(now time.Time, maxAge time.Duration) bool {
	return !i.dated.IsZero() && now.Sub(i.dated) > maxAge
}

// expire settles what is not to be acted on, nor told.
func (i *incident) expire(now time.Time, maxAge time.Duration) {
	i.decision = rules.Decision{Verdict: rules.Ignore}
	i.record.Verdict, i.record.Rule, i.record.Outcome, i.ruling = rules.Ignore.String(), "", "", "no rule is asked about it"
	i.obstacle = remediate.Answer{Cause: causeTooOld, Why: fmt.Sprintf("the entry is %s old, and nothing is done after %s",
		now.Sub(i.dated).Round(time.Second), maxAge)}
}

// doubt finds what speaks against a grant in the entry itself. It goes before
// what the plan found: a forged entry must be seen as one.
func (i *incident) doubt(now time.Time) {
	switch {
	case i.finding.Doubt != "":
		i.obstacle = remediate.Answer{Cause: remediate.Cause(i.finding.Cause), Why: i.finding.Doubt}
	case i.obstacle.Cause != remediate.WouldHelp:
	case !i.audited:
		i.obstacle = remediate.Answer{Cause: causeNotAudit, Why: "the entry is of a log that anybody may write: only an audit log can lead to a grant"}
	case i.dated.IsZero() || i.dated.Sub(now) > clockSkew:
		i.obstacle = remediate.Answer{Cause: causeUndated, Why: "the entry has no timestamp, or one in the future"}
	case i.unplaced != "":
		i.obstacle = remediate.Answer{Cause: remediate.Unverified, Why: fmt.Sprintf("pullfix could not read %s, "+
			"so it cannot tell whether the entry is in the log of the project that holds %s, or forged", i.unplaced, i.record.Resource)}
	case i.nameless != nil && i.decision.Verdict != rules.Grant:
		i.obstacle = remediate.Answer{Cause: remediate.Unverified, Why: fmt.Sprintf("pullfix could not read %s, "+
			"so it cannot tell which project that is, and rules allow projects by their id", strings.Join(i.nameless, " and "))}
	}
}

// lifted reports whether the rule allows the grant although a live check could
// not be made. The record keeps the cause. Where the entry comes from is never
// lifted; nor is whose an account is that carries the number of a project, where
// only a text says it: a field of the entry must carry the number too.
func (i *incident) lifted() bool {
	number, numbered := i.finding.Access.Principal.ProjectNumber()
	return i.obstacle.Cause == remediate.Unverified && i.decision.Unverified() && i.unplaced == "" &&
		(!numbered || number == i.finding.Number)
}

// settle puts what was found into the record.
func (i *incident) settle() {
	i.record.Cause = string(i.obstacle.Cause)
	if i.obstacle.Why != "" {
		i.record.Reason = i.obstacle.Why + "; " + i.ruling
	}
}

// refuse turns a grant that a rule allows into an alert.
func (i *incident) refuse() {
	i.record.Verdict, i.record.Outcome = rules.Alert.String(), audit.OutcomeRefused
}

func (i *incident) overBudget(perHour int) {
	i.obstacle = remediate.Answer{Cause: causeBudget, Why: usedUp(perHour)}
	i.record.Outcome = audit.OutcomeObserved
}

// intend makes the record that goes before the act.
func (i *incident) intend() audit.Record {
	r := i.record
	r.Phase, r.Cause = audit.PhaseIntent, ""
	if seen := i.obstacle.Seen; seen != nil {
		r.EtagBefore = base64.StdEncoding.EncodeToString(seen.GetEtag())
	}
	return r
}

// applied notes how the grant ended.
func (i *incident) applied(change remediate.Change, err error) {
	i.record.Phase = audit.PhaseResult
	i.record.EtagBefore, i.record.EtagAfter = change.EtagBefore, change.EtagAfter
	var transient *retry.Transient
	var refused *remediate.RefusedError
	switch {
	case err == nil && change.Made:
		i.record.Outcome = audit.OutcomeApplied
		if !i.lifted() {
			i.obstacle = remediate.Answer{}
		}
	case err == nil:
		i.record.Outcome = audit.OutcomeAlreadyHeld
		i.obstacle = remediate.Answer{Cause: remediate.AlreadyHeld, Why: "somebody else gave the member the role meanwhile"}
	case errors.As(err, &transient):
		i.record.Outcome, i.record.Error = audit.OutcomeFailed, err.Error()
	case errors.As(err, &refused):
		i.obstacle = remediate.Answer{Cause: refused.Cause, Why: refused.Why}
		i.refuse()
		i.record.Error = err.Error()
	default:
		i.obstacle = remediate.Answer{Cause: remediate.WriteRefused, Why: err.Error()}
		i.refuse()
		i.record.Error = err.Error()
	}
	i.settle()
}

// recovered notes a grant whose member is in the policy, and which an earlier
// delivery of the event had begun with: it was cut off before it could say so.
func (i *incident) recovered() {
	i.record.Verdict = rules.Grant.String()
	i.applied(remediate.Change{Made: true}, nil)
	i.obstacle = remediate.Answer{Cause: causeRecovered, Why: "an earlier delivery of the event made the change, and was cut off before its result was recorded"}
	i.settle()
}

// resume takes up an act where another delivery of the event left it.
func (i *incident) resume(ended string) error {
	if err := json.Unmarshal([]byte(ended), &i.record); err != nil {
		return fmt.Errorf("ledger: %q: %w", ended, err)
	}
	i.obstacle = remediate.Answer{Cause: remediate.Cause(i.record.Cause)}
	if i.record.Cause != "" {
		i.obstacle.Why = strings.TrimSuffix(i.record.Reason, "; "+i.ruling)
	}
	return nil
}

package pullfix

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/notify"
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
	key      string    // of the event and the finding, the same in every delivery
	ruling   string    // the decision's reason, in a sentence
	dated    time.Time // of the entry
	audited  bool      // the entry is of an audit log
}

// Causes besides those that a check finds. An obstacle from the finding or the
// plan carries its own word.
const (
	causeTooOld     = "too-old"
	causeUndated    = "undated"
	causeNotAudit   = "not-audit-log"
	causeBudget     = "budget"
	causeUnreadable = "unreadable"
	causeUnread     = "check-failed"  // no rule lifts it: nothing is known
	causeDenied     = "write-denied"  // pullfix may not, somebody else may
	causeRefused    = "write-refused" // nobody may
)

// clockSkew is how far ahead of this clock an entry may be dated.
const clockSkew = 10 * time.Minute

func newIncident(policy *rules.Policy, self iam.Principal, d delivery, event parse.Event, finding parse.Finding) *incident {
	i := &incident{
		finding: finding, plan: remediate.NewPlan(finding.Kind, finding.Access), dated: event.At, audited: event.Audit,
	}
	var refused *remediate.RefusedError
	var err error
	if i.grant, err = i.plan.Grant(self); errors.As(err, &refused) {
		i.obstacle = remediate.Answer{Cause: remediate.Cause(refused.Cause), Why: refused.Why}
	}
	i.decision = policy.Decide(rules.Request{
		Kind: finding.Kind, From: finding.Project, FromNumber: finding.Number,
		To: finding.Access.Resource, Member: finding.Access.Principal, Role: i.plan.Binding.Role,
	})
	i.ruling = i.decision.Reason()
	i.record = audit.Record{
		Phase: audit.PhaseDecision,
		Event: bounded(cmp.Or(event.ID, d.id)), Log: bounded(event.Log), At: recordTime(d, event.At),
		Kind: finding.Kind.String(), SourceProject: finding.Project.String(), Caller: event.Caller.String(),
		Workload: finding.Workload, Principal: finding.Access.Principal.String(),
		Permission: finding.Access.Permission.String(), Resource: finding.Access.Resource.String(),
		Image: finding.Image.String(), Verdict: i.decision.Verdict.String(), Mode: policy.Mode().String(),
		Rule: i.decision.Rule(), PolicyDigest: policy.Digest(), Reason: i.ruling,
		Role: i.plan.Binding.Role.String(), Version: audit.FormatVersion,
	}
	if i.decision.Verdict == rules.Grant {
		i.record.Mode = i.decision.Mode.String()
	}
	i.key = i.record.Key()
	return i
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

// recordTime dates the record like the entry, so that every delivery writes
// the same line. Cloud Logging drops what is dated too far away; such an entry
// gets the time at which it was published.
func recordTime(d delivery, at time.Time) time.Time {
	if age := d.published.Sub(at); age > 24*time.Hour || age < -clockSkew {
		return d.published
	}
	return at
}

// ignored settles what is not to be acted on, nor told.
func (i *incident) ignored(now time.Time, maxAge time.Duration) bool {
	if age := now.Sub(i.dated); !i.dated.IsZero() && age > maxAge {
		i.decision = rules.Decision{Verdict: rules.Ignore}
		i.record.Verdict, i.record.Rule, i.ruling = rules.Ignore.String(), "", "no rule is asked about it"
		i.obstacle = remediate.Answer{Cause: causeTooOld, Why: fmt.Sprintf("the entry is %s old, and nothing is done after %s", age.Round(time.Second), maxAge)}
	}
	return i.decision.Verdict == rules.Ignore
}

// doubt finds what speaks against a grant in the entry itself. It goes before
// what the plan found: a forged entry must be seen as one.
func (i *incident) doubt(now time.Time) {
	switch {
	case i.finding.Doubt != "":
		i.obstacle = remediate.Answer{Cause: remediate.Cause(i.finding.Cause), Why: i.finding.Doubt}
	case i.obstacle.Cause != remediate.WouldHelp:
	case !remediate.Grants(i.finding.Kind):
		i.obstacle = remediate.Answer{Cause: remediate.NotGrantable, Why: i.plan.Reason + "; pullfix explains this kind, and does not grant it"}
	case !i.audited:
		i.obstacle = remediate.Answer{Cause: causeNotAudit, Why: "the entry is of a log that anybody may write: only an audit log can lead to a grant"}
	case i.dated.IsZero() || i.dated.Sub(now) > clockSkew:
		i.obstacle = remediate.Answer{Cause: causeUndated, Why: "the entry has no timestamp, or one in the future"}
	}
}

// lifted reports whether the rule allows the grant although a live check could
// not be made. The record keeps the cause. What only a text says is never
// lifted: a field of the entry must carry the number of the project.
func (i *incident) lifted() bool {
	return i.obstacle.Cause == remediate.Unverified && i.decision.Unverified() && !i.finding.Number.IsZero()
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
	i.obstacle = remediate.Answer{Cause: causeBudget, Why: fmt.Sprintf("the budget of %d grants an hour is used up", perHour)}
	i.record.Outcome = audit.OutcomeObserved
}

// applied notes how the grant ended.
func (i *incident) applied(change remediate.Change, err error) {
	i.record.Phase = audit.PhaseResult
	i.record.EtagBefore, i.record.EtagAfter = change.EtagBefore, change.EtagAfter
	transient := (*remediate.Transient)(nil)
	switch {
	case err == nil && change.Added:
		i.record.Outcome = audit.OutcomeApplied
		if !i.lifted() {
			i.obstacle = remediate.Answer{}
		}
	case err == nil:
		i.record.Outcome = audit.OutcomeAlreadyHeld
		i.obstacle = remediate.Answer{Cause: remediate.AlreadyHeld, Why: "somebody else gave the member the role meanwhile"}
	case errors.As(err, &transient):
		i.record.Outcome, i.record.Error = audit.OutcomeFailed, err.Error()
	default:
		i.obstacle = remediate.Answer{Cause: causeRefused, Why: "Google Cloud refused the change: " + err.Error()}
		if status.Code(err) == codes.PermissionDenied {
			i.obstacle = remediate.Answer{Cause: causeDenied, Why: "pullfix may not change the policy: " + err.Error()}
		}
		i.refuse()
		i.record.Error = err.Error()
	}
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

// problem is the same for every event that the same fix would mend. A change
// that was made is a matter of its own: nobody must miss one.
func (i *incident) problem() string {
	r, event := i.record, ""
	if r.Outcome == audit.OutcomeApplied {
		event = i.key
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		r.Kind, r.SourceProject, r.Principal, r.Resource, r.Image, r.Outcome, string(i.obstacle.Cause), event,
	}, "\x00")))
	return string(sum[:])
}

// message is what people are told.
func (i *incident) message(missed int) notify.Message {
	m := notify.Message{Tone: i.tone(), Title: i.title(), Why: i.why(), Decision: i.ruling, Missed: missed, Facts: i.facts()}
	if m.Tone == notify.Mended {
		m.Decision += ". The change takes some minutes to work; then deploy again."
	}
	if m.Tone != notify.Mended && i.commandHelps() {
		m.Gcloud, m.Terraform = i.plan.Commands()
	}
	return m
}

func (i *incident) tone() notify.Tone {
	switch i.record.Outcome {
	case audit.OutcomeApplied:
		return notify.Mended
	case audit.OutcomeObserved:
		return notify.Observed
	default:
		return notify.ActNow
	}
}

// commandHelps reports whether a person who runs the command would mend it.
func (i *incident) commandHelps() bool {
	switch i.obstacle.Cause {
	case remediate.WouldHelp, remediate.Unverified, causeUnread, causeBudget, causeDenied, remediate.NotGrantable, "member":
		return true
	default:
		return false
	}
}

func (i *incident) title() string {
	what := cmp.Or(i.finding.Workload, "a deploy")
	if project := i.record.SourceProject; project != "" {
		what += " in " + project
	}
	switch {
	case i.obstacle.Cause == causeUnreadable:
		return "a log entry could not be read"
	case i.record.Outcome == audit.OutcomeApplied:
		return fmt.Sprintf("%s may now be deployed: %s was granted", what, i.record.Role)
	case i.record.Outcome == audit.OutcomeObserved:
		return fmt.Sprintf("%s failed (%s): %s would have been granted", what, i.record.Kind, i.record.Role)
	default:
		return fmt.Sprintf("%s failed (%s)", what, i.record.Kind)
	}
}

func (i *incident) why() string { return cmp.Or(i.obstacle.Why, i.plan.Reason) }

func (i *incident) facts() []notify.Fact {
	r := i.record
	var facts []notify.Fact
	for _, f := range []notify.Fact{
		{Name: "Who", Value: r.Principal},
		{Name: "Lacks", Value: r.Permission},
		{Name: "On", Value: r.Resource},
		{Name: "Image", Value: r.Image},
		{Name: "Deployed by", Value: r.Caller},
		{Name: "Region", Value: i.finding.Location},
		{Name: "Cause", Value: string(i.obstacle.Cause)},
		{Name: "Event", Value: r.Event},
	} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	return facts
}

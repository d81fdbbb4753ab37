package pullfix

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/brief"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// incident is one finding on its way through the stages, with what each of
// them made of it.
type incident struct {
	ruling.Ruling
	asked    ruling.Facts
	record   audit.Record
	key      string    // of the event and the finding as the entry has them, the same in every delivery
	insertID string    // of the entry, "" where it has none
	sentence string    // the decision's reason
	dated    time.Time // of the entry
	audited  bool      // the entry is of an audit log
	nameless []string  // projects that the entry has by number, and whose id could not be read
	homeless bool      // rules ask what holds the project that deploys, and that could not be read
	unplaced string    // the log of an entry of which it is not known whether it is that of the project accessed
	stale    bool      // the entry is too old to begin anything
	by       ledger.Delivery
	made     ledger.Made // what became of the change
	// contested is that another delivery of the event may see live state otherwise,
	// or be at work, so that the ledger has to say how the event ends.
	contested bool
	siblings  int         // other findings of the entry
	unsure    atomic.Bool // somebody else was to tell of it, and it is not known what came of that
	self      iam.Principal
	span      telemetry.Span
}

func newIncident(policy *rules.Policy, self iam.Principal, d delivery, event parse.Event, finding parse.Finding) *incident {
	i := &incident{
		Ruling: ruling.New(finding, self), asked: ruling.FactsOf(finding), insertID: event.ID, dated: event.At, audited: event.Audit,
		siblings: len(event.Findings) - 1, self: self,
	}
	i.record = audit.Record{
		Phase: audit.PhaseDecision,
		Event: bounded(cmp.Or(event.ID, d.id)), Log: bounded(event.Log), At: recordTime(d, event),
		Kind: finding.Kind.String(), Caller: event.Caller.String(), Workload: finding.Workload,
		Permission: finding.Access.Permission.String(), Image: finding.Image.String(),
		Verdict: rules.Alert.String(), Mode: policy.Mode().String(), PolicyDigest: policy.Digest(), Version: audit.FormatVersion,
	}
	i.names()
	i.key = i.record.Key()
	return i
}

// rename plans anew with the names that were found out.
func (i *incident) rename() {
	i.Ruling = ruling.New(i.Finding, i.self)
	i.names()
}

// names puts who and where into the record.
func (i *incident) names() {
	i.record.SourceProject = i.Finding.Project.String()
	i.record.Principal, i.record.Resource = i.Finding.Access.Principal.String(), i.Finding.Access.Resource.String()
	i.record.Role = i.Plan.Binding.Role.String()
}

// decide asks the policy.
func (i *incident) decide(policy *rules.Policy) {
	i.Decide(policy, i.asked)
	i.sentence = i.Decision.Reason()
	i.record.Verdict, i.record.Rule, i.record.Reason = i.Decision.Verdict.String(), i.Decision.Rule(), i.sentence
	if i.Decision.Verdict == rules.Grant {
		i.record.Mode = i.Decision.Mode.String()
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
	const sentence = "the log entry could not be read, and another delivery would not change that"
	i := &incident{
		sentence: sentence, Ruling: ruling.Ruling{Obstacle: remediate.Answer{Cause: brief.Unreadable, Why: err.Error()}},
		record: audit.Record{
			Phase: audit.PhaseDecision, Event: bounded(d.id), At: d.published, Verdict: rules.Alert.String(), Mode: policy.Mode().String(),
			PolicyDigest: policy.Digest(), Reason: sentence,
			Error: err.Error(), Version: audit.FormatVersion,
		},
	}
	i.key = i.record.Key()
	return i
}

// tripped is the incident of a budget that is used up.
func tripped(policy *rules.Policy, trip ledger.Trip) *incident {
	const sentence = "everything is observed until somebody runs pullfix rearm"
	i := &incident{
		sentence: sentence, Ruling: ruling.Ruling{Obstacle: remediate.Answer{Cause: brief.Budget, Why: usedUp(policy.Limits().GrantsPerHour)}},
		record: audit.Record{
			Phase: audit.PhaseDecision, Event: fmt.Sprintf("trip-%d-%s", trip.Epoch, trip.At.UTC().Format(time.RFC3339)), At: trip.At,
			Verdict: rules.Alert.String(), Mode: rules.Observe.String(), PolicyDigest: policy.Digest(), Reason: sentence,
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
// gets the time at which it was received, which is in it, or published: that is
// another time in each message that carries the entry.
func recordTime(d delivery, event parse.Event) time.Time {
	for _, at := range []time.Time{event.At, event.Received} {
		if age := d.published.Sub(at); age <= 24*time.Hour && age >= -ruling.ClockSkew {
			return at
		}
	}
	return d.published
}

// old reports whether the entry is too old to begin anything.
func (i *incident) old(now time.Time, maxAge time.Duration) bool {
	return !i.dated.IsZero() && now.Sub(i.dated) > maxAge
}

// expire settles what is not to be acted on, nor told.
func (i *incident) expire(now time.Time, maxAge time.Duration) {
	i.Decision = rules.Decision{Verdict: rules.Ignore}
	i.record.Verdict, i.record.Rule, i.record.Outcome, i.sentence = rules.Ignore.String(), "", "", "no rule is asked about it"
	i.Obstacle = remediate.Answer{Cause: brief.TooOld, Why: fmt.Sprintf("the entry is %s old, and nothing is done after %s",
		now.Sub(i.dated).Round(time.Second), maxAge)}
}

// contest finds whether the decision hangs on more than the entry and the policy.
func (i *incident) contest() {
	i.contested = i.stale || i.enforced() || i.nameless != nil || i.homeless || i.unplaced != ""
}

// doubt finds what speaks against a grant in the entry itself, and in what could
// not be found out about the names in it.
func (i *incident) doubt(now time.Time) {
	i.Doubt(i.audited, i.dated, now)
	switch {
	case i.Obstacle.Cause != remediate.WouldHelp:
	case i.unplaced != "":
		i.Obstacle = remediate.Answer{Cause: remediate.Unverified, Why: fmt.Sprintf("pullfix could not read %s, "+
			"so it cannot tell whether the entry is in the log of the project that holds %s, or forged", i.unplaced, i.record.Resource)}
	case i.nameless != nil && i.Decision.Verdict != rules.Grant:
		i.Obstacle = remediate.Answer{Cause: remediate.Unverified, Why: fmt.Sprintf("pullfix could not read %s, "+
			"so it cannot tell which project that is, and rules allow projects by their id", strings.Join(i.nameless, " and "))}
	case i.homeless && i.Decision.Verdict != rules.Grant:
		i.Obstacle = remediate.Answer{Cause: remediate.Unverified, Why: fmt.Sprintf("pullfix could not read which folders hold projects/%s, "+
			"and rules ask for that", i.record.SourceProject)}
	}
}

// unignore alerts on a forged entry also where a rule ignores what it speaks of.
func (i *incident) unignore() {
	if i.Obstacle.Cause == remediate.Spoof {
		i.record.Verdict = rules.Alert.String()
	}
}

// lifted reports whether the rule allows the grant although a live check could
// not be made. The record keeps the cause. Where the entry comes from is never
// lifted; nor is whose an account is that carries the number of a project, where
// only a text says it: a field of the entry must carry the number too.
func (i *incident) lifted() bool {
	number, numbered := i.Finding.Access.Principal.ProjectNumber()
	return i.Obstacle.Cause == remediate.Unverified && i.Decision.Unverified() && i.unplaced == "" &&
		(!numbered || number == i.Finding.Number)
}

// permitted reports whether the grant may be made now.
func (i *incident) permitted() bool {
	return !i.stale && i.enforced() && (i.Obstacle.Cause == remediate.WouldHelp || i.lifted())
}

// enforced reports whether a rule allows the grant, and not only to be observed.
func (i *incident) enforced() bool {
	return i.Decision.Verdict == rules.Grant && i.Decision.Mode == rules.Enforce
}

// settle puts what was found into the record.
func (i *incident) settle() {
	i.record.Cause = string(i.Obstacle.Cause)
	if i.Obstacle.Why != "" {
		i.record.Reason = i.Obstacle.Why + "; " + i.sentence
	}
}

// refuse turns a grant that a rule allows into an alert.
func (i *incident) refuse() {
	i.record.Verdict, i.record.Outcome = rules.Alert.String(), audit.OutcomeRefused
}

// stopped notes that nothing is granted now.
func (i *incident) stopped(trip ledger.Trip, perHour int) {
	i.Obstacle = remediate.Answer{Cause: brief.Budget, Why: usedUp(perHour)}
	if trip.Paused != "" {
		i.Obstacle = remediate.Answer{Cause: brief.Paused, Why: trip.Paused}
	}
	i.record.Outcome = audit.OutcomeObserved
}

// intend makes the record that goes before the act.
func (i *incident) intend() audit.Record {
	r := i.record
	r.Phase, r.Cause, r.Reason = audit.PhaseIntent, "", i.sentence
	r.Outcome, r.Error, r.EtagAfter = "", "", "" // what an attempt came to
	if seen := i.Obstacle.Seen; seen != nil {
		r.EtagBefore = base64.StdEncoding.EncodeToString(seen.GetEtag())
	}
	return r
}

// applied notes how the grant ended.
func (i *incident) applied(change remediate.Change, err error) {
	i.record.Phase, i.made = audit.PhaseResult, ledger.Nothing
	i.record.EtagBefore, i.record.EtagAfter = change.EtagBefore, change.EtagAfter
	var transient *retry.Transient
	var refused *remediate.RefusedError
	switch {
	case err == nil && change.Made:
		i.record.Outcome, i.made = audit.OutcomeApplied, ledger.Granted
		if change.Found {
			i.made = ledger.Found
		}
		if !i.lifted() {
			i.Obstacle = remediate.Answer{}
		}
	case err == nil:
		i.record.Outcome = audit.OutcomeAlreadyHeld
		i.Obstacle = remediate.Answer{Cause: remediate.AlreadyHeld, Why: "somebody else gave the member the role meanwhile"}
	case errors.As(err, &transient):
		i.record.Outcome, i.record.Error = audit.OutcomeFailed, err.Error()
	case errors.As(err, &refused):
		i.Obstacle = remediate.Answer{Cause: refused.Cause, Why: refused.Why}
		i.refuse()
		i.record.Error = err.Error()
	default:
		i.Obstacle = remediate.Answer{Cause: remediate.WriteRefused, Why: err.Error()}
		i.refuse()
		i.record.Error = err.Error()
	}
	i.settle()
}

// recovered notes a grant whose member is in the policy, and which an earlier
// delivery of the event had begun with: it was cut off before it could say so.
func (i *incident) recovered() {
	i.record.Verdict = rules.Grant.String()
	i.applied(remediate.Change{Made: true, Found: true}, nil)
	i.Obstacle = remediate.Answer{Cause: brief.Recovered, Why: "an earlier delivery of the event made the change, and was cut off before its result was recorded"}
	i.settle()
}

// resume takes up an act where another delivery of the event left it.
func (i *incident) resume(ended string) error {
	if err := json.Unmarshal([]byte(ended), &i.record); err != nil {
		return fmt.Errorf("ledger: %q: %w", ended, err)
	}
	i.Obstacle = remediate.Answer{Cause: remediate.Cause(i.record.Cause)}
	if i.record.Cause != "" {
		i.Obstacle.Why = strings.TrimSuffix(i.record.Reason, "; "+i.sentence)
	}
	return nil
}

// told is what people are told about.
func (i *incident) told() brief.Case {
	return brief.Case{
		Ruling: i.Ruling, Record: i.record, Sentence: i.sentence, Key: i.key, InsertID: i.insertID, Dated: i.dated, Unplaced: i.unplaced != "",
	}
}

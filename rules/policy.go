// Package rules decides. A policy file in YAML comes in once and becomes an
// immutable [Policy]; then each [Request] (who lacks what where, in whose
// deploy) goes in and a [Decision] comes out: grant, ignore, or alert, by which
// rule and why.
//
// The order of rules means nothing. A matching deny beats an allow, an allow
// beats an ignore, and what nothing matches is an alert. What is not known
// matches every deny and no allow.
//
// The package is pure: it reads no file, no clock and no network.
package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/pullfix/pullfix/iam"
)

// Verdict is what a policy says about a request. The zero value is Alert, so
// that forgetting to decide neither grants nor hides.
type Verdict uint8

// The verdicts.
const (
	Alert Verdict = iota
	Grant
	Ignore
)

var verdictNames = [...]string{Alert: "alert", Grant: "grant", Ignore: "ignore"}

// String returns "alert", "grant" or "ignore".
func (v Verdict) String() string { return verdictNames[v] }

// Mode says whether a grant is carried out or only recorded. The zero value is
// Observe.
type Mode uint8

// The modes.
const (
	Observe Mode = iota // decide, check and record everything, change nothing
	Enforce             // carry grants out
)

var modeNames = [...]string{Observe: "observe", Enforce: "enforce"}

// ParseMode reads "observe" or "enforce".
func ParseMode(s string) (Mode, error) {
	for m, name := range modeNames {
		if s == name {
			return Mode(m), nil
		}
	}
	return Observe, fmt.Errorf("%q: want observe or enforce", s)
}

// String returns "observe" or "enforce".
func (m Mode) String() string { return modeNames[m] }

// Limits bound what a policy may do however many of its rules match.
type Limits struct {
	GrantsPerHour     int           // over all instances
	MaxEventAge       time.Duration // an older entry is never acted on
	RepeatAlertsEvery time.Duration // at most one alert for the same problem in this time
}

var defaultLimits = Limits{GrantsPerHour: 20, MaxEventAge: 6 * time.Hour, RepeatAlertsEvery: 4 * time.Hour}

// Policy is a policy file that has been read and found valid. It does not
// change and is safe for concurrent use.
type Policy struct {
	file     string
	digest   string
	mode     Mode
	limits   Limits
	rules    []*rule
	channels []Channel
	lines    []string // of the file
	tests    []Test
	warnings Problems
	needs    Facts
	allow    index
	deny     index
	ignore   index
}

// Digest returns "sha256:…" over the canonical form of the policy, which
// comments, layout and the order of rules do not change.
func (p *Policy) Digest() string { return p.digest }

// Mode returns the mode of the file as a whole; a rule can only be stricter.
func (p *Policy) Mode() Mode { return p.mode }

// Limits returns the limits, with the default for each that the file leaves out.
func (p *Policy) Limits() Limits { return p.limits }

// Rules returns the number of rules.
func (p *Policy) Rules() int { return len(p.rules) }

// Tests returns the file's own tests.
func (p *Policy) Tests() []Test { return p.tests }

// Warnings returns what is legal and surely not meant: rules that can never
// match, or that say what another says, tests that nothing serves.
func (p *Policy) Warnings() Problems { return p.warnings }

// Facts are what must be found out about a failure besides what its log entry
// says, because some rule asks for it.
type Facts struct {
	FromNumber bool // the number of the project that deploys
	ToNumber   bool // the number of the project that holds the resource
	Above      bool // what holds the project that deploys
}

// Needs returns the facts that the rules ask for.
func (p *Policy) Needs() Facts { return p.needs }

// Observing returns the same policy in observe mode.
func (p *Policy) Observing() *Policy {
	q := *p
	q.mode = Observe
	return &q
}

// Request is one failure, as far as rules look at it. Parts may be unknown.
type Request struct {
	Kind       iam.Kind
	From       iam.Project // the project that deploys: its id, or its number where only that is known
	FromNumber iam.Project // its number, too
	Above      Ancestry    // what holds that project
	To         iam.Resource
	ToNumber   iam.Project // the number of the project that holds To
	Member     iam.Principal
	Role       iam.Role // the least role that would help; unknown where none would
}

// Ancestry is what holds a project: its folders, and the organisation. A
// project that nothing holds has an Ancestry that is known and empty.
type Ancestry struct {
	Known   bool         // nothing is missing in Parents
	Parents []iam.Parent // from its folder up, as far as that is known
}

// Decision is what a policy says about one request, and why.
type Decision struct {
	Verdict Verdict
	Mode    Mode // of a grant: the stricter of the file's and the rule's

	rule    *rule
	file    string
	request Request
}

// Decide says what the policy wants done about the request.
func (p *Policy) Decide(q Request) Decision {
	q = q.normal()
	d := Decision{file: p.file, request: q}
	if d.rule = p.deny.find(&q); d.rule != nil {
		return d
	}
	if !q.Role.IsZero() {
		if d.rule = p.allow.find(&q); d.rule != nil {
			d.Verdict, d.Mode = Grant, min(p.mode, d.rule.mode)
			return d
		}
	}
	if d.rule = p.ignore.find(&q); d.rule != nil {
		d.Verdict = Ignore
	}
	return d
}

// normal has each name of a project in its own place.
func (q Request) normal() Request {
	if q.From.IsNumber() {
		q.FromNumber, q.From = q.From, iam.Project{}
	}
	if number := q.To.Project(); number.IsNumber() {
		q.ToNumber = number
	}
	return q
}

// foreign reports whether the member is not known to be an account of the project
// that deploys.
func (q *Request) foreign() bool {
	home, from := q.Member.Home(), q.From
	if home.IsNumber() {
		from = q.FromNumber
	}
	return home.IsZero() || !from.IsZero() && home != from
}

// Rule returns the name of the rule that decided, or "" where none matched.
func (d Decision) Rule() string {
	if d.rule == nil {
		return ""
	}
	return d.rule.name
}

// Unverified reports whether the rule allows a grant although a live check
// could not be made.
func (d Decision) Unverified() bool { return d.rule != nil && d.rule.unverified }

// Notify returns the names of the channels that the rule wants told, none
// where it names none.
func (d Decision) Notify() []string {
	if d.rule == nil {
		return nil
	}
	return slices.Clone(d.rule.notify)
}

// Named reports whether the rule names the member itself, and not only a class
// that it belongs to.
func (d Decision) Named() bool {
	return d.rule != nil && d.rule.allows(d.request.Member)
}

// Reason says in one sentence which rule decided and names both sides.
func (d Decision) Reason() string {
	q := d.request
	sides := fmt.Sprintf("%s from %s to %s", q.Kind, orUnknown(q.source()), orUnknown(q.To.String()))
	if d.rule == nil {
		return "no rule matches " + sides
	}
	s := fmt.Sprintf("%s rule %q (%s:%d) matches %s", d.rule.action, d.rule.name, d.file, d.rule.line, sides)
	if d.rule.reason != "" {
		s += ": " + d.rule.reason
	}
	return s
}

// source is the project that deploys, as patterns name it.
func (q Request) source() string {
	switch {
	case !q.From.IsZero():
		return "projects/" + q.From.String()
	case !q.FromNumber.IsZero():
		return "projects/" + q.FromNumber.String()
	default:
		return ""
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown side"
	}
	return s
}

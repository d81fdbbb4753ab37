// Package samples makes messages to look at: nothing comes in, and for every
// kind of failure and every tone at least one message goes out, as the function
// would send it. Each begins as a log entry in the form that Google writes,
// which is read, ruled on by a small policy and briefed by the real code.
package samples

import (
	"fmt"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/brief"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// Sample is one message.
type Sample struct {
	Name    string // such as "run-image-mended": unique, and begins with the kind where there is one
	Kind    string // "" where the message is about no failure
	Message notify.Message
}

// All returns the samples, those of a kind one after the other. An error means
// that a sample is not what it is called.
func All() ([]Sample, error) {
	policy, err := rules.Parse("rules.yaml", []byte(policyText))
	if err != nil {
		return nil, err
	}
	var all []Sample
	for _, f := range failures {
		c, err := f.happens(policy)
		if err != nil {
			return nil, fmt.Errorf("sample %s: %w", f.name, err)
		}
		all = append(all, Sample{f.name, c.Record.Kind, c.Message(f.missed, f.missed+1)})
	}
	last := all[0].Message
	return append(all,
		Sample{Name: "unreadable", Message: unreadable().Message(0, 1)},
		Sample{Name: "stopped", Message: stopped(policy).Message(0, 1)},
		Sample{Name: "flood", Message: brief.Flood("ops", 17, last, home.String(), at)},
	), nil
}

const policyText = `apiVersion: pullfix/v1
mode: enforce
allow:
  - name: apps-pull-shared-images
    reason: the platform serves images to every app project
    kinds: [run-image, caller-image]
    from: [projects/app-*]
    to: [projects/shared-images/locations/*/repositories/apps]
    members: [cloud-run-agent, service-account]
  - name: apps-read-their-secrets
    reason: tried out until May
    kinds: [secret-access]
    from: [projects/app-*]
    to: [projects/app-one/secrets/*]
    members: [service-account]
    mode: observe
deny:
  - name: freeze
    reason: no changes during the audit
    to: [projects/shared-images/locations/*/repositories/frozen]
`

var (
	at      = time.Date(2026, 3, 4, 5, 8, 59, 500_000_000, time.UTC)
	home, _ = iam.ParseProject("ops")
)

// happens takes the failure through the stages, up to what live state says.
func (f failure) happens(policy *rules.Policy) (brief.Case, error) {
	data, err := f.entry.json()
	if err != nil {
		return brief.Case{}, err
	}
	event, err := parse.Entry(data)
	if err != nil {
		return brief.Case{}, err
	}
	if len(event.Findings) != 1 || event.Findings[0].Kind != f.kind {
		return brief.Case{}, fmt.Errorf("read as %v, want one finding of kind %s", event.Findings, f.kind)
	}
	finding := event.Findings[0]
	r := ruling.New(finding, iam.Principal{})
	r.Decide(policy, ruling.FactsOf(finding))
	r.Doubt(event.Audit, event.At, at)
	if r.Obstacle.Cause == remediate.WouldHelp {
		r.Obstacle = f.live
	}
	c := brief.Case{
		Ruling: r, Record: record(event, r), Sentence: r.Decision.Reason(), InsertID: event.ID, Dated: event.At, Home: home,
	}
	c.Key = c.Record.Key()
	c.Record.Outcome, c.Record.Cause = f.outcome, string(r.Obstacle.Cause)
	return c, nil
}

func record(event parse.Event, r ruling.Ruling) audit.Record {
	f := r.Finding
	return audit.Record{
		Phase: audit.PhaseDecision, Event: event.ID, Log: event.Log, At: event.At, Kind: f.Kind.String(), SourceProject: f.Project.String(),
		Caller: event.Caller.String(), Workload: f.Workload, Principal: f.Access.Principal.String(), Permission: f.Access.Permission.String(),
		Resource: f.Access.Resource.String(), Image: f.Image.String(), Role: r.Plan.Binding.Role.String(), Version: audit.FormatVersion,
	}
}

// about is a case that no failure is behind.
func about(event, sentence string, obstacle remediate.Answer) brief.Case {
	c := brief.Case{
		Ruling: ruling.Ruling{Obstacle: obstacle}, Sentence: sentence, Home: home,
		Record: audit.Record{Phase: audit.PhaseDecision, Event: event, At: at, Cause: string(obstacle.Cause), Version: audit.FormatVersion},
	}
	c.Key = c.Record.Key()
	return c
}

func unreadable() brief.Case {
	_, err := parse.Entry([]byte(`{"insertId": "1a2b3c", "severity": `))
	return about("message-1", "the log entry could not be read, and another delivery would not change that",
		remediate.Answer{Cause: brief.Unreadable, Why: fmt.Sprint(err)})
}

func stopped(policy *rules.Policy) brief.Case {
	return about("trip-0-"+at.Format(time.RFC3339), "everything is observed until somebody runs pullfix rearm",
		remediate.Answer{Cause: brief.Budget, Why: fmt.Sprintf("the budget of %d grants an hour is used up", policy.Limits().GrantsPerHour)})
}

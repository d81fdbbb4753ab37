package pullfix

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/remediate"
)

// problem is the same for every event that the same fix would mend. A change
// that was made is a matter of its own: nobody must miss one.
func (i *incident) problem() string {
	r := i.record
	parts := []string{r.Kind, r.SourceProject, r.Principal, r.Resource, r.Outcome, string(i.Obstacle.Cause)}
	if r.Outcome == audit.OutcomeApplied || i.Obstacle.Cause == causeBudget && r.Kind == "" {
		parts = append(parts, i.key)
	}
	if r.Role == "" || slices.Contains(aboutImage, i.Obstacle.Cause) {
		parts = append(parts, r.Image)
	}
	if r.Role == "" {
		parts = append(parts, r.Workload) // nothing but the workload tells one failure from another
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return string(sum[:])
}

// aboutImage are the causes that another image would not have.
var aboutImage = []remediate.Cause{remediate.ImageMissing, remediate.DownloadRule, remediate.NotRedirected}

// message is what people are told.
func (i *incident) message(missed int) notify.Message {
	m := notify.Message{Tone: i.tone(), Title: i.title(), Why: i.why(), Decision: i.verdict(), Missed: missed, Facts: i.facts()}
	if m.Tone == notify.Mended {
		m.Decision += ". The change takes some minutes to work; then " + i.again() + "."
	}
	if fix, helps := i.fix(); helps && m.Tone != notify.Mended {
		m.Gcloud, m.Terraform = fix.Commands()
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

// fix is what a person who runs its command would mend the failure with.
func (i *incident) fix() (fix remediate.Plan, helps bool) {
	if i.Obstacle.Fix != nil {
		return *i.Obstacle.Fix, true
	}
	if i.unplaced != "" {
		return remediate.Plan{}, false // whoever forged the entry may want it run
	}
	switch i.Obstacle.Cause {
	case remediate.WouldHelp, remediate.Unverified, causeUnread, causeBudget, remediate.WriteDenied, remediate.Perimeter,
		remediate.NotGrantable, remediate.Member, remediate.BadResource, remediate.ForeignMember:
		return i.Plan, true
	default:
		return remediate.Plan{}, false
	}
}

// attempts are what failed, where no workload is named.
var attempts = map[iam.Kind]string{
	iam.ArtifactDownload: "a download", iam.ArtifactUpload: "an upload", iam.SecretAccess: "an access to a secret",
	iam.UpstreamSecret: "a remote repository",
}

func (i *incident) title() string {
	what := cmp.Or(i.Finding.Workload, attempts[i.Finding.Kind], "a deploy")
	if i.Finding.Kind == iam.Invoker {
		what = strings.TrimSuffix("a call of "+i.Finding.Workload, " of ")
	}
	if project := i.record.SourceProject; project != "" {
		what += " in " + project
		if i.Finding.Project.IsNumber() {
			what = strings.TrimSuffix(what, project) + "project " + project
		}
	}
	switch {
	case i.Obstacle.Cause == causeUnreadable:
		return "a log entry could not be read"
	case i.record.Kind == "":
		return "pullfix has stopped granting"
	case i.record.Outcome == audit.OutcomeApplied:
		return fmt.Sprintf("%s may now be %s: %s was granted", what, i.mended(), i.record.Role)
	case i.record.Outcome == audit.OutcomeObserved:
		return fmt.Sprintf("%s failed (%s): %s would have been granted", what, i.record.Kind, i.record.Role)
	default:
		return fmt.Sprintf("%s failed (%s)", what, i.record.Kind)
	}
}

// deploys reports whether it was a deploy that failed.
func (i *incident) deploys() bool {
	k := i.Finding.Kind
	return k == iam.RunImage || k == iam.CallerImage || k == iam.SecretAccess && i.Finding.Workload != ""
}

func (i *incident) mended() string {
	if i.deploys() {
		return "deployed"
	}
	return "tried again"
}

// again is what to do when the change has come to work.
func (i *incident) again() string {
	if i.deploys() {
		return "deploy again"
	}
	return "try again"
}

func (i *incident) why() string {
	switch {
	case i.record.Outcome == audit.OutcomeApplied && i.Obstacle.Cause == remediate.Unverified:
		return "granted as the rule allows, although " + i.Obstacle.Why
	case i.Obstacle.Cause == remediate.Member || i.Obstacle.Cause == remediate.BadResource:
		return i.Plan.Reason + "; " + i.Obstacle.Why
	default:
		return cmp.Or(i.Obstacle.Why, i.Plan.Reason)
	}
}

// verdict says what was decided, and what came of it.
func (i *incident) verdict() string {
	switch {
	case i.record.Outcome == audit.OutcomeRefused:
		return "nothing was granted, although " + i.sentence
	case i.Decision.Rule() == "" && slices.Contains(limits, i.Obstacle.Cause):
		return "no rule can allow this"
	default:
		return i.sentence
	}
}

// limits are the causes that no rule lifts, whatever it says.
var limits = []remediate.Cause{remediate.NotGrantable, remediate.Member, remediate.BadResource, remediate.GoogleOwned, remediate.Self}

func (i *incident) facts() []notify.Fact {
	r := i.record
	var facts []notify.Fact
	for _, f := range []notify.Fact{
		{Name: "Who", Value: r.Principal},
		{Name: "Lacks", Value: r.Permission},
		{Name: "On", Value: r.Resource},
		{Name: "Image", Value: r.Image},
		{Name: "Deployed by", Value: r.Caller},
		{Name: "Region", Value: i.Finding.Location},
		{Name: "Cause", Value: string(i.Obstacle.Cause)},
		{Name: "Event", Value: oneLine(r.Event)},
	} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	return facts
}

// oneLine makes a text that somebody else chose fit to stand beside others.
func oneLine(s string) string {
	const longest = 120
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}

// Package brief makes the message about one problem. A [Case] comes in: what
// was denied, what was decided, and what came of it. A [notify.Message] goes
// out: what happened, why, what the reader has to do, and where to look. It is
// pure: it knows no clock and no network.
package brief

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/remediate"
)

// The causes besides those that remediate and ruling have. An obstacle from the
// finding carries its own word.
const (
	TooOld     remediate.Cause = "too-old"
	Budget     remediate.Cause = "budget"
	Paused     remediate.Cause = "paused" // by a person
	Unreadable remediate.Cause = "unreadable"
	Unread     remediate.Cause = "check-failed" // no rule lifts it: nothing is known
	Recovered  remediate.Cause = "recovered"    // an earlier delivery made the change, and was cut off
)

// Case is what people are told about. One whose record has no kind is about no
// failure: an entry that could not be read, or the budget.
type Case struct {
	ruling.Ruling
	Record   audit.Record
	Sentence string      // the reason of the decision
	Key      string      // of the event and the finding, the same in every delivery: letters and digits
	InsertID string      // of the log entry; "" where it has none
	Dated    time.Time   // of the log entry; zero where it has no time
	Unplaced bool        // whether Google wrote the entry could not be read, so it may be forged
	Home     iam.Project // in whose log the record is; unknown where it is in none
}

// Message is what people are told. missed is how many times the same happened
// since somebody was last told, count how many times in all, this one included.
func (c Case) Message(missed, count int) notify.Message {
	m := notify.Message{
		Tone: c.Tone(), Kind: c.Record.Kind, Title: c.Title(), Why: c.Why(), Decision: c.decision(), Facts: c.facts(), Links: c.links(),
		Missed: missed, Count: count, Problem: hex.EncodeToString([]byte(c.Problem())), Event: c.Key, At: c.Record.At,
	}
	if fix, helps := c.fix(); helps && m.Tone != notify.Mended {
		m.Gcloud, m.Terraform = fix.Commands()
	}
	m.Next = c.next(m)
	return m
}

// Problem is the same for every event that the same fix would mend: 32 bytes. A
// change that was made is a matter of its own: nobody must miss one.
func (c Case) Problem() string {
	r, cause := c.Record, c.Obstacle.Cause
	parts := []string{r.Kind, r.SourceProject, r.Principal, r.Resource, r.Outcome, string(cause)}
	if r.Outcome == audit.OutcomeApplied || c.trip() {
		parts = append(parts, c.Key)
	}
	if r.Role == "" || slices.Contains(aboutImage, cause) {
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

// trip reports whether the case is that the budget is used up.
func (c Case) trip() bool { return c.Record.Kind == "" && c.Obstacle.Cause == Budget }

// Tone says what kind of message it is.
func (c Case) Tone() notify.Tone {
	switch {
	case c.trip():
		return notify.Stopped
	case c.Record.Outcome == audit.OutcomeApplied:
		return notify.Mended
	case c.Record.Outcome == audit.OutcomeObserved:
		return notify.Observed
	case c.Record.Outcome == audit.OutcomeRefused:
		return notify.Refused
	default:
		return notify.ActNow
	}
}

// fix is what a person who runs its command would mend the failure with.
func (c Case) fix() (fix remediate.Plan, helps bool) {
	if c.Obstacle.Fix != nil {
		return *c.Obstacle.Fix, true
	}
	if c.Unplaced {
		return remediate.Plan{}, false // whoever forged the entry may want it run
	}
	switch c.Obstacle.Cause {
	case remediate.WouldHelp, remediate.Unverified, Unread, Budget, Paused, remediate.WriteDenied, remediate.Perimeter,
		remediate.NotGrantable, remediate.Member, remediate.BadResource, remediate.ForeignMember:
		return c.Plan, true
	default:
		return remediate.Plan{}, false
	}
}

// attempts are what failed, where no workload is named.
var attempts = map[iam.Kind]string{
	iam.ArtifactDownload: "a download", iam.ArtifactUpload: "an upload", iam.SecretAccess: "an access to a secret",
	iam.UpstreamSecret: "a remote repository", iam.DownloadRule: "a download",
}

// Title says what happened, in one line.
func (c Case) Title() string {
	what := c.what()
	switch {
	case c.Obstacle.Cause == Unreadable:
		return "a log entry could not be read"
	case c.Record.Kind == "":
		return "pullfix has stopped granting"
	case c.Record.Outcome == audit.OutcomeApplied:
		return fmt.Sprintf("%s may now be %s: %s was granted", what, c.mended(), c.Record.Role)
	case c.Record.Outcome == audit.OutcomeObserved:
		return fmt.Sprintf("%s failed (%s): %s would have been granted", what, c.Record.Kind, c.Record.Role)
	default:
		return fmt.Sprintf("%s failed (%s)", what, c.Record.Kind)
	}
}

func (c Case) what() string {
	what := cmp.Or(c.Finding.Workload, attempts[c.Finding.Kind])
	switch {
	case c.Finding.Kind == iam.Invoker:
		what = strings.TrimSuffix("a call of "+what, " of ")
	case what == "" && c.deploys():
		what = "a deploy"
	case what == "":
		what = "a request"
	}
	switch project := c.Record.SourceProject; {
	case project == "":
		return what
	case c.Finding.Project.IsNumber():
		return what + " in project " + project
	default:
		return what + " in " + project
	}
}

// deploys reports whether it was a deploy that failed.
func (c Case) deploys() bool {
	switch c.Finding.Kind {
	case iam.RunImage, iam.CallerImage, iam.ActAsAccount, iam.AgentToken, iam.Startup, iam.Architecture, iam.BinaryAuthorization:
		return true
	case iam.ArtifactDownload, iam.ArtifactUpload, iam.UpstreamSecret, iam.Invoker, iam.RunPermission, iam.OtherPermission:
		return false
	default:
		return c.Finding.Workload != ""
	}
}

func (c Case) mended() string {
	if c.deploys() {
		return "deployed"
	}
	return "tried again"
}

// again is what to do when the cause is gone.
func (c Case) again() string {
	if c.deploys() {
		return "deploy again"
	}
	return "try again"
}

// Why is the cause, in one sentence.
func (c Case) Why() string {
	switch {
	case c.Record.Outcome == audit.OutcomeApplied && c.Obstacle.Cause == remediate.Unverified:
		return "granted as the rule allows, although " + c.Obstacle.Why
	case c.Obstacle.Cause == remediate.Member || c.Obstacle.Cause == remediate.BadResource:
		return c.Plan.Reason + "; " + c.Obstacle.Why
	default:
		return cmp.Or(c.Obstacle.Why, c.Plan.Reason)
	}
}

// decision says what was decided, and what came of it.
func (c Case) decision() string {
	switch {
	case c.Record.Outcome == audit.OutcomeRefused:
		return "nothing was granted, although " + c.Sentence
	case c.Decision.Rule() == "" && slices.Contains(limits, c.Obstacle.Cause):
		return "no rule can allow this"
	default:
		return c.Sentence
	}
}

// limits are the causes that no rule lifts, whatever it says.
var limits = []remediate.Cause{remediate.NotGrantable, remediate.Member, remediate.BadResource, remediate.GoogleOwned, remediate.Self}

package brief

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
)

func TestNext(t *testing.T) {
	const run = "Run the command below if this is wanted"
	user := denied(iam.ArtifactDownload)
	user.Access.Principal = must(iam.ParsePrincipal(person))
	onPool := denied(iam.RunPermission)
	onPool.Access.Resource = must(iam.ParseResource(pool))
	nobody := denied(iam.Invoker)
	nobody.Access.Principal = iam.Principal{}
	for _, test := range []struct {
		finding parse.Finding
		outcome string
		cause   remediate.Cause
		want    string
	}{
		{denied(iam.RunImage), audit.OutcomeApplied, "", "The change takes some minutes to work; then deploy again."},
		{denied(iam.Invoker), audit.OutcomeApplied, Recovered, "The change takes some minutes to work; then try again."},
		{denied(iam.RunImage), audit.OutcomeObserved, "", "Nothing was changed. Run the command below, or set the mode to enforce; then deploy again."},
		{denied(iam.RunImage), audit.OutcomeObserved, Paused, "Nothing was changed. Run the command below, or run pullfix rearm; then deploy again."},
		{denied(iam.RunImage), audit.OutcomeObserved, Budget, "Nothing was changed. Run the command below, or run pullfix rearm; then deploy again."},
		{denied(iam.RunImage), "", "", run + ", then deploy again."},
		{denied(iam.ArtifactDownload), "", "", run + ", then try again."},
		{denied(iam.ActAsAccount), "", remediate.NotGrantable, run + ", then deploy again."},
		{onPool, "", remediate.NotGrantable, "Apply the Terraform block below if this is wanted, then try again."},
		{user, "", remediate.Member, run + ", better for a group than for one person; then try again."},
		{denied(iam.RunImage), "", remediate.Unverified, run + ", and let pullfix's account read what it could not; then deploy again."},
		{denied(iam.RunImage), audit.OutcomeRefused, remediate.WriteDenied, "Run the command below now, and give pullfix's account the permission for the next time; then deploy again."},
		{denied(iam.RunImage), audit.OutcomeRefused, remediate.ForeignMember, run + ", or name the account in the members of the rule; then deploy again."},
		{denied(iam.RunImage), audit.OutcomeRefused, remediate.Perimeter, "Run the command below from inside the perimeter, or let pullfix's account in by an ingress rule; then deploy again."},
		{denied(iam.RunImage), audit.OutcomeRefused, remediate.ImageMissing, "Push the image, or correct its name, tag or digest; then deploy again."},
		{denied(iam.RunImage), audit.OutcomeAlreadyHeld, remediate.AlreadyHeld, "Wait some minutes, then deploy again; if it still fails, look for a perimeter, then for a deny policy."},
		{denied(iam.RunImage), audit.OutcomeRefused, remediate.Spoof, "Grant nothing, and find out who may write to the topic of the events and to the logs of the project."},
		{denied(iam.Quota), "", remediate.Spoof, "Grant nothing, and find out who may write to the topic of the events and to the logs of the project."},
		{nobody, "", remediate.Incomplete, "Find out who was refused on what, and grant roles/run.invoker by hand if this is wanted; then try again."},
		{denied(iam.RunImage), "", parse.CauseDisagrees, "Find out from the log entry which of the two is true, and grant roles/artifactregistry.reader by hand if this is wanted; then deploy again."},
		{denied(iam.Quota), "", parse.CauseDisagrees, "Wait some minutes, then deploy again, or ask for more of the quota."},
		{denied(iam.Startup), "", remediate.NotGrantable, "Read the container's own log, and mend what it says; then deploy again."},
		{denied(iam.RunImage), "", ruling.NotAudit, "Look whether the failure is real, and let the sink send audit logs only."},
	} {
		if got := about(test.finding, test.outcome, test.cause).Message(0, 1).Next; got != test.want {
			t.Errorf("%s, outcome %q, cause %q: what to do next is\n%s\nwant\n%s", test.finding.Kind, test.outcome, test.cause, got, test.want)
		}
	}
	if got, want := trip().Message(0, 1).Next, "Look at what was granted in the last hour, then run pullfix rearm."; got != want {
		t.Errorf("when the budget is used up, what to do next is %q, want %q", got, want)
	}
	if got, want := unread().Message(0, 1).Next, "Read the error in the record, and find out what else writes to the topic of the events."; got != want {
		t.Errorf("when an entry cannot be read, what to do next is %q, want %q", got, want)
	}
}

var section = regexp.MustCompile("(?m)^### `([a-z-]+)`$")

// documented returns the words of all causes that people are told.
func documented(t *testing.T) []remediate.Cause {
	t.Helper()
	page, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	all := []remediate.Cause{remediate.WouldHelp}
	for _, m := range section.FindAllStringSubmatch(string(page), -1) {
		if m[1] != audit.CauseUndo && m[1] != "rearmed" { // what people do is not told
			all = append(all, remediate.Cause(m[1]))
		}
	}
	return all
}

var sentence = regexp.MustCompile(`^([A-Z][^{}]*[a-z]\. )?[A-Z][^{}]*[a-z]\.$`)

// Whatever comes together, what to do must be said, and must fit what is there.
func TestNextIsAlwaysSaid(t *testing.T) {
	outcomes := []string{"", audit.OutcomeApplied, audit.OutcomeAlreadyHeld, audit.OutcomeObserved, audit.OutcomeRefused, audit.OutcomeFailed}
	for _, word := range iam.KindNames() {
		for _, cause := range documented(t) {
			for _, outcome := range outcomes {
				fitting(t, about(denied(must(iam.ParseKind(word))), outcome, cause))
				fitting(t, about(parse.Finding{Kind: must(iam.ParseKind(word))}, outcome, cause))
			}
		}
	}
}

func fitting(t *testing.T, c Case) {
	t.Helper()
	m := c.Message(0, 1)
	if !sentence.MatchString(m.Next) {
		t.Errorf("%s, outcome %q, cause %q: what to do next is %q, want a sentence", m.Kind, c.Record.Outcome, c.Obstacle.Cause, m.Next)
	}
	for what, there := range map[string]bool{"command below": m.Gcloud != "", "Terraform block below": m.Gcloud == "" && m.Terraform != ""} {
		if strings.Contains(m.Next, what) != there {
			t.Errorf("%s, outcome %q, cause %q: what to do next is %q, and the message has the command %q", m.Kind, c.Record.Outcome, c.Obstacle.Cause, m.Next, m.Gcloud)
		}
	}
}

// A cause that stands for itself must not be answered with what helps the kind.
func TestEveryCauseHasItsOwnAnswer(t *testing.T) {
	kindSays := about(parse.Finding{Kind: iam.Quota}, "", remediate.NotGrantable).Message(0, 1).Next
	generic := []remediate.Cause{
		remediate.NotGrantable, remediate.WouldHelp, parse.CauseDisagrees, parse.CauseMasked, parse.CauseIncomplete, // the kind is what matters
		remediate.Member, remediate.BadResource, Budget, Paused, Unread, remediate.WriteDenied, remediate.Perimeter, remediate.ForeignMember, // with a command
		Recovered,     // nothing is left to do
		"undelivered", // of a notice in the record, and of no message
	}
	for _, cause := range documented(t) {
		got := about(parse.Finding{Kind: iam.Quota}, "", cause).Message(0, 1).Next
		var listed bool
		for _, g := range generic {
			listed = listed || g == cause
		}
		if (got == kindSays) != listed {
			t.Errorf("cause %q: what to do next is %q, want an answer of its own: %v", cause, got, !listed)
		}
	}
}

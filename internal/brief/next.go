package brief

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
)

// next is what the reader has to do.
func (c Case) next(m notify.Message) string {
	run := "Run the command below"
	if m.Gcloud == "" {
		run = "Apply the Terraform block below"
	}
	switch {
	case m.Tone == notify.Mended:
		return "The change takes some minutes to work; then " + c.again() + "."
	case m.Terraform == "":
		return c.whole(c.byHand())
	case m.Tone == notify.Observed && (c.Obstacle.Cause == Budget || c.Obstacle.Cause == Paused):
		return c.whole("Nothing was changed. " + run + ", or run pullfix rearm")
	case m.Tone == notify.Observed:
		return c.whole("Nothing was changed. " + run + ", or set the mode to enforce")
	default:
		return c.whole(run + c.along())
	}
}

// whole makes a sentence of what is to be done, unless it is one; that says
// itself where to try again comes in.
func (c Case) whole(do string) string {
	switch {
	case strings.HasSuffix(do, "."):
		return strings.Replace(do, "{again}", c.again(), 1)
	case strings.Contains(do, ","):
		return do + "; then " + c.again() + "."
	default:
		return do + ", then " + c.again() + "."
	}
}

const ifWanted = " if this is wanted"

// along is what there is to say about a command.
func (c Case) along() string {
	if c.Obstacle.Cause == remediate.Member && c.Plan.Binding.Member.In(iam.Users) {
		return ifWanted + ", better for a group than for one person"
	}
	return cmp.Or(commandNotes[c.Obstacle.Cause], ifWanted)
}

var commandNotes = map[remediate.Cause]string{
	remediate.UpstreamSecret:  ", which is about the secret",
	remediate.VirtualUpstream: ", which is about the upstream",
	remediate.WriteDenied:     " now, and give pullfix's account the permission for the next time",
	remediate.Perimeter:       " from inside the perimeter, or let pullfix's account in by an ingress rule",
	remediate.ForeignMember:   ifWanted + ", or name the account in the members of the rule",
	remediate.Unverified:      ifWanted + ", and let pullfix's account read what it could not",
	Unread:                    ifWanted + ", and look at the error in the record",
}

// byHand is what to do where no command helps.
func (c Case) byHand() string {
	cause, role := c.Obstacle.Cause, c.Plan.Binding.Role
	doubted := cause == parse.CauseDisagrees || cause == parse.CauseMasked || cause == parse.CauseIncomplete
	switch {
	case c.trip():
		return "Look at what was granted in the last hour, then run pullfix rearm."
	case doubted && !role.IsZero():
		return fmt.Sprintf("%s, and grant %s by hand if this is wanted", doubts[cause], role)
	case doubted:
		return kinds[c.Finding.Kind]
	default:
		return cmp.Or(causes[cause], kinds[c.Finding.Kind], "Read the log entry, and mend what it says")
	}
}

var doubts = map[remediate.Cause]string{
	parse.CauseDisagrees:  "Find out from the log entry which of the two is true",
	parse.CauseMasked:     "Look for the whole names where the log entry comes from",
	parse.CauseIncomplete: "Find out who was refused on what",
}

// causes say what to do about a cause, whatever the kind of failure.
var causes = map[remediate.Cause]string{
	Unreadable:      "Read the error in the record, and find out what else writes to the topic of the events.",
	TooOld:          "Find out what kept the event from being finished",
	ruling.NotAudit: "Look whether the failure is real, and let the sink send audit logs only.",
	ruling.Undated:  "Grant nothing, and find out who wrote the entry: Google dates its own.",

	remediate.Unverified:        "Grant nothing before it is known who wrote the entry: let pullfix's account read the project of its log.",
	remediate.Spoof:             "Grant nothing, and find out who may write to the topic of the events and to the logs of the project.",
	remediate.GoogleOwned:       "Take another image, or look for a perimeter or a network that keeps Google's image out",
	remediate.Self:              "Give pullfix's account its roles by hand",
	remediate.BadRole:           "Find out who wrote the record that asks for this role.",
	remediate.NotRedirected:     "Move the images to Artifact Registry, or deploy from a pkg.dev repository",
	remediate.RepositoryMissing: "Correct the name, or create the repository and push to it",
	remediate.SecretMissing:     "Create the secret, or correct its name",
	remediate.ServiceMissing:    "Correct the name or the region",
	remediate.ImageMissing:      "Push the image, or correct its name, tag or digest",
	remediate.DownloadRule:      "Take a version that the rule lets through, or change the rule",
	remediate.UpstreamSecret:    "Create the secret, or change the remote repository",
	remediate.VirtualUpstream:   "Create the upstream, or change the virtual repository",
	remediate.AlreadyHeld:       "Wait some minutes, then {again}; if it still fails, look for a perimeter, then for a deny policy.",
	remediate.PolicyFull:        "Put members of the policy into a group, and grant the role to that",
	remediate.WriteRefused:      "Mend what Google Cloud's answer says",
	remediate.OrgPolicy:         "Have an administrator of organisation policies allow the member",
	remediate.MemberMissing:     "Create the account, or correct it in the deploy",
}

// kinds say what to do about a kind of failure where no command can be given.
// Each is the least fix on the page of the kind in short.
var kinds = map[iam.Kind]string{
	iam.OtherPermission:     "Grant the smallest role that holds the permission by hand if this is wanted",
	iam.ActAsAccount:        "Find out who deploys as which account, and let it act as the account if this is wanted",
	iam.RunPermission:       "Find out who was refused on what, and grant the role by hand if this is wanted",
	iam.Unauthenticated:     "Log in, or send a token with the request",
	iam.NotFound:            "Correct the project, the location, the name or the tag, or create what is missing",
	iam.VPCServiceControls:  "Have an administrator of the perimeter add an ingress or egress rule",
	iam.DenyPolicy:          "Have an administrator make an exception in the deny policy",
	iam.OrgPolicy:           "Have an administrator of organisation policies allow the member or the value",
	iam.DownloadRule:        "Take a version that the rule lets through, or change the rule",
	iam.Quota:               "Wait some minutes, then {again}, or ask for more of the quota.",
	iam.Billing:             "Link an active billing account to the project",
	iam.APIDisabled:         "Enable the API in the project",
	iam.AgentToken:          "Give the Cloud Run service agent roles/run.serviceAgent on its project again",
	iam.Startup:             "Read the container's own log, and mend what it says",
	iam.Architecture:        "Build the image for linux/amd64, and push it",
	iam.BinaryAuthorization: "Attest the image and deploy it by its digest, or change the policy",
}

package remediate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"

	"github.com/pullfix/pullfix/iam"
)

// judgeOwner holds the project in the member's address against the project that
// the entry belongs to: an entry can be forged, what Resource Manager says
// cannot. An agent that is not of that project is never granted anything; an
// account only where the rule names it.
func judgeOwner(q Question, e evidence) Answer {
	member, home := q.Grant.binding.Member, q.home()
	switch {
	case q.Project.IsZero() || e.owner.state == found && e.owner.answer.Has(home) || !q.agent() && (q.Named || home == q.Project):
		return Answer{}
	case q.agent() && e.owner.state == found:
		return Answer{Cause: Spoof, Why: fmt.Sprintf("%s belongs to project number %s, but the entry to project %s, whose number is %s",
			member.Email(), home, q.Project, e.owner.answer.Number)}
	case q.agent():
		return Answer{} // judgeUnread says that the project could not be read
	case home.IsZero():
		return Answer{Cause: ForeignMember, Why: fmt.Sprintf("which project %s belongs to is not known, and the rule allows only accounts of the "+
			"deploying project: name the account in the rule's members", member.Email())}
	default:
		return Answer{Cause: ForeignMember, Why: fmt.Sprintf("%s belongs to project %s, not to project %s that deploys, and the rule allows only "+
			"accounts of that: name the account in the rule's members", member.Email(), home, q.Project)}
	}
}

// redirected are the states in which gcr.io is served by Artifact Registry
// (https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo).
var redirected = []artifactregistrypb.ProjectSettings_RedirectionState{
	artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_ENABLED,
	artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_FINALIZED, //nolint:staticcheck // the answer for projects that were moved early
	artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_ENABLED_AND_COPYING,
	artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_PARTIAL_AND_COPYING,
}

func judgeRedirection(q Question, e evidence) Answer {
	if e.settings.state != found || slices.Contains(redirected, e.settings.answer.GetLegacyRedirectionState()) {
		return Answer{}
	}
	project := q.Image.Repository().Project()
	return Answer{Cause: NotRedirected, Why: fmt.Sprintf("%s of project %s is not served by Artifact Registry, so a grant on a repository would not help: "+
		"move it with gcloud artifacts docker upgrade migrate --projects=%s, or deploy the image from a pkg.dev repository",
		q.Image.Host(), project, project)}
}

// targets says how what a grant is on is called, and the cause where it is
// missing.
var targets = map[iam.ResourceType]struct {
	word  string
	cause Cause
}{
	iam.RepositoryType: {"repository", RepositoryMissing},
	iam.SecretType:     {"secret", SecretMissing},
	iam.ServiceType:    {"service", ServiceMissing},
	iam.JobType:        {"job", ServiceMissing},
	iam.WorkerPoolType: {"worker pool", ServiceMissing},
}

func judgeTarget(q Question, e evidence) Answer {
	of := q.Grant.binding.Resource
	if e.repository.state != missing && (e.policy.state != missing || of.Type() == iam.RepositoryType) {
		return Answer{}
	}
	t, check := targets[of.Type()], "the project, the location and the name"
	if of.Location() == "" {
		check = "the project and the name"
	}
	return Answer{Cause: t.cause, Why: fmt.Sprintf("the %s %s does not exist: check %s; a grant would not help", t.word, of, check)}
}

// judgeImage looks at standard repositories only: what a remote or virtual one
// has not fetched yet is not there either.
func judgeImage(_ Question, e evidence) Answer {
	if e.image.state != missing || e.repository.state != found || e.repository.answer.GetMode() > artifactregistrypb.Repository_STANDARD_REPOSITORY {
		return Answer{}
	}
	return Answer{Cause: ImageMissing, Why: fmt.Sprintf("the image %s does not exist in its repository: check the name, the tag or the digest; a grant would not help", e.image.of)}
}

// judgeRules looks for a rule that refuses the download whatever the member
// holds. One with a condition may speak of something else, so it only makes
// the help doubtful.
func judgeRules(q Question, e evidence) Answer {
	for _, rule := range e.rules.answer {
		about := rule.GetPackageId() == "" || rule.GetPackageId() == q.Image.Package()
		if rule.GetAction() != artifactregistrypb.Rule_DENY || rule.GetOperation() != artifactregistrypb.Rule_DOWNLOAD || !about {
			continue
		}
		if c := rule.GetCondition(); c != nil {
			return Answer{Cause: Unverified, Why: fmt.Sprintf("the rule %s denies downloads on a condition (%s), so it cannot be told whether the grant would help", rule.GetName(), c.GetExpression())}
		}
		return Answer{Cause: DownloadRule, Why: fmt.Sprintf("the rule %s denies the download and beats every grant: change the rule", rule.GetName())}
	}
	return Answer{}
}

func judgePolicy(q Question, e evidence) Answer {
	if e.policy.state != found {
		return Answer{}
	}
	b := q.Grant.binding
	switch role := heldBy(e.policy.answer, b); {
	case role != "":
		return Answer{Cause: AlreadyHeld, Why: fmt.Sprintf("%s holds %s on %s already: %s", b.Member.Email(), role, b.Resource, otherwise(b))}
	case principals(e.policy.answer) >= mostPrincipals:
		r := full(b.Resource)
		return Answer{Cause: r.Cause, Why: r.Why}
	default:
		return Answer{}
	}
}

// slowest is how long a grant takes to work at most, as a rule: "typically 2
// minutes, potentially 7 minutes or longer"
// (https://cloud.google.com/iam/docs/access-change-propagation).
const slowest = 7 * time.Minute

// otherwise says what can keep a role that is held from working, in the order
// in which to look.
func otherwise(b iam.Binding) string {
	return "a grant takes 2 minutes to work as a rule, 7 or more at times; after that, " + obstacles(b)
}

func obstacles(b iam.Binding) string {
	return fmt.Sprintf("look for a VPC Service Controls violation in the policy log of project %s, then for an IAM deny policy that names %s",
		b.Resource.Project(), b.Member.Email())
}

// Since says why a role may not work that pullfix granted that long ago.
func Since(g Grant, ago time.Duration) string {
	b := g.binding
	what := fmt.Sprintf("pullfix granted %s to %s on %s %s ago", b.Role, b.Member.Email(), b.Resource, roughly(ago))
	if ago < slowest {
		return what + ": a grant takes 2 minutes to work as a rule, 7 or more at times; wait, then deploy again"
	}
	return what + ", which is long enough to work: " + obstacles(b)
}

// roughly is a time as people say it.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// judgeUnread says what could not be read: nothing speaks against the grant,
// but nothing proves it either.
func judgeUnread(q Question, e evidence) Answer {
	var unread []string
	if q.agent() && e.owner.state != found {
		unread = append(unread, cmp.Or(e.owner.of, "the project that deploys"))
	}
	for _, r := range []struct {
		of     string
		state  state
		barred string
	}{
		{e.repository.of, e.repository.state, e.repository.barred},
		{e.settings.of, e.settings.state, e.settings.barred},
		{e.image.of, e.image.state, e.image.barred},
		{e.rules.of, e.rules.state, e.rules.barred},
		{e.policy.of, e.policy.state, e.policy.barred},
	} {
		if r.barred != "" {
			return Answer{Cause: Perimeter, Why: barred(r.of, r.barred)}
		}
		if r.state == hidden || r.state == missing && r.of == e.policy.of {
			unread = append(unread, r.of)
		}
	}
	if unread == nil {
		return Answer{}
	}
	return Answer{Cause: Unverified, Why: "pullfix could not read " + strings.Join(unread, ", ") + ", so it cannot tell whether the grant would help"}
}

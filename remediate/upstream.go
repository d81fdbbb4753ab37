package remediate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"golang.org/x/sync/errgroup"

	"github.com/pullfix/pullfix/iam"
)

// judgeUpstreams looks behind a repository that serves what others hold: a
// remote one logs in to its upstream with a secret, a virtual one reads the
// repositories that it joins. Both do so as the Artifact Registry agent of
// their own project, whatever the caller holds
// (https://cloud.google.com/artifact-registry/docs/repositories/configure-remote-auth-docker,
// https://cloud.google.com/artifact-registry/docs/repositories/virtual-overview).
func (c *Checker) judgeUpstreams(ctx context.Context, q Question, e evidence) (Answer, error) {
	if e.repository.state != found || q.Grant.binding.Role != iam.ArtifactReader {
		return Answer{}, nil
	}
	needs := behind(q.Grant.binding.Resource, e.repository.answer)
	if len(needs) == 0 {
		return Answer{}, nil
	}
	own, ok, err := c.Projects.Names(ctx, q.Grant.binding.Resource.Project())
	if err != nil {
		return Answer{}, err
	}
	if !ok {
		return Answer{Cause: Unverified, Why: fmt.Sprintf("pullfix could not read projects/%s, so it cannot tell whether its Artifact Registry agent reaches what is behind %s",
			q.Grant.binding.Resource.Project(), q.Grant.binding.Resource)}, nil
	}
	answers := make([]Answer, len(needs))
	reads, ctx := errgroup.WithContext(ctx)
	for n, need := range needs {
		need.plan.Binding.Member = iam.ArtifactRegistryAgent(own.Number)
		reads.Go(func() (err error) {
			answers[n], err = c.judgeNeed(ctx, need)
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return Answer{}, err
	}
	return gravest(answers), nil
}

// gravest prefers what is known to be wrong to what is not known.
func gravest(answers []Answer) Answer {
	var worst Answer
	for _, a := range answers {
		if a.Cause != WouldHelp && (worst.Cause == WouldHelp || worst.Cause == Unverified && a.Cause != Unverified) {
			worst = a
		}
	}
	return worst
}

// need is what the agent of a repository's project must hold for the
// repository to work.
type need struct {
	plan  Plan // without the member
	cause Cause
	what  string // the repository and what it needs, in words
}

// mostUpstreams bounds what one event makes pullfix read.
const mostUpstreams = 20

func behind(of iam.Resource, r *artifactregistrypb.Repository) []need {
	switch r.GetMode() {
	case artifactregistrypb.Repository_REMOTE_REPOSITORY:
		return behindRemote(of, r.GetRemoteRepositoryConfig())
	case artifactregistrypb.Repository_VIRTUAL_REPOSITORY:
		return behindVirtual(of, r.GetVirtualRepositoryConfig())
	default:
		return nil
	}
}

func behindRemote(of iam.Resource, config *artifactregistrypb.RemoteRepositoryConfig) []need {
	version := config.GetUpstreamCredentials().GetUsernamePasswordCredentials().GetPasswordSecretVersion()
	name, _, _ := strings.Cut(version, "/versions/")
	secret, err := iam.ParseResource(name)
	if err != nil {
		return nil // the upstream needs no password
	}
	return []need{{
		plan:  NewPlan(iam.UpstreamSecret, iam.Access{Permission: iam.AccessSecretVersion, Resource: secret}),
		cause: UpstreamSecret,
		what:  fmt.Sprintf("the remote repository %s logs in to its upstream with the secret %s", of, secret),
	}}
}

// behindVirtual leaves out upstreams of the same project: there the agent holds
// its service agent's role.
func behindVirtual(of iam.Resource, config *artifactregistrypb.VirtualRepositoryConfig) []need {
	var needs []need
	for _, u := range config.GetUpstreamPolicies() {
		upstream, err := iam.ParseResource(u.GetRepository())
		if err != nil || upstream.Project() == of.Project() || len(needs) == mostUpstreams {
			continue
		}
		needs = append(needs, need{
			plan:  NewPlan(iam.ArtifactDownload, iam.Access{Permission: iam.DownloadArtifacts, Resource: upstream}),
			cause: VirtualUpstream,
			what:  fmt.Sprintf("the virtual repository %s reads its upstream %s", of, upstream),
		})
	}
	return needs
}

// judgeNeed reads the policy of what is needed, and that of its project, from
// which a role may be inherited.
func (c *Checker) judgeNeed(ctx context.Context, n need) (Answer, error) {
	b := n.plan.Binding
	project, err := iam.ParseResource("projects/" + b.Resource.Project().String())
	if err != nil {
		return Answer{}, err
	}
	var own, inherited reading[*iampb.Policy]
	reads, ctx := errgroup.WithContext(ctx)
	reads.Go(func() error { return c.policy(ctx, b.Resource, &own) })
	reads.Go(func() error { return c.policy(ctx, project, &inherited) })
	if err := reads.Wait(); err != nil {
		return Answer{}, err
	}
	agent := b.Member.Email()
	switch {
	case holds(own.answer, b) || holds(inherited.answer, b):
		return Answer{}, nil
	case own.state == missing:
		return Answer{Cause: n.cause, Why: fmt.Sprintf("%s, which does not exist: create it, or change the repository; a grant on the repository would not help", n.what)}, nil
	case own.state == hidden || inherited.state != found:
		return Answer{Cause: Unverified, Why: fmt.Sprintf("%s as %s, and pullfix could not read whether that account may: neither %s nor %s shows it",
			n.what, agent, own.of, inherited.of)}, nil
	default:
		return Answer{Cause: n.cause, Fix: &n.plan, Why: fmt.Sprintf("%s as %s, which does not hold %s there: grant that; a grant on the repository alone would not help",
			n.what, agent, b.Role)}, nil
	}
}

// alsoRead are roles besides those that contain the role of a need through
// which an agent can have it: its own, and the basic ones
// (https://cloud.google.com/iam/docs/roles-overview#basic).
var alsoRead = map[iam.Role][]string{
	iam.ArtifactReader: {"roles/artifactregistry.serviceAgent", "roles/owner", "roles/editor", "roles/viewer"},
	iam.SecretAccessor: {"roles/owner"},
}

func holds(policy *iampb.Policy, b iam.Binding) bool {
	return heldBy(policy, b) != "" || slices.ContainsFunc(policy.GetBindings(), func(held *iampb.Binding) bool {
		return held.GetCondition() == nil && slices.Contains(alsoRead[b.Role], held.GetRole()) &&
			slices.ContainsFunc(held.GetMembers(), func(m string) bool { return same(b.Member, m) })
	})
}

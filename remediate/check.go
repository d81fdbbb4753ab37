package remediate

import (
	"context"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/iam/apiv1/iampb"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

// Checker reads live state before a grant. It changes nothing.
type Checker struct {
	Registry func(context.Context) (*artifactregistry.Client, error)
	Services Services
	Projects *Projects
	Calls    retry.Calls
}

// Question is what a check needs to know about a failure.
type Question struct {
	Grant   Grant
	Image   iam.Image   // what could not be pulled; unknown where no image is concerned
	Project iam.Project // the project that deploys, by id or number
	Named   bool        // the rule names the member itself, so that it may be of another project
}

// ownerMatters reports whether it must be known which project deploys: of a
// service agent always, else where the rule names only a class of members.
func (q Question) ownerMatters() bool {
	return !q.Project.IsZero() && (q.agent() || !q.Named && q.Project != q.home())
}

// agent reports whether the member's address carries the number of a project.
func (q Question) agent() bool {
	_, numbered := q.Grant.binding.Member.ProjectNumber()
	return numbered
}

func (q Question) home() iam.Project { return q.Grant.binding.Member.Home() }

// containerRegistry reports whether the image is addressed by a gcr.io host,
// whose name is then that of the repository.
func (q Question) containerRegistry() bool { return q.Image.Host() == q.Image.Repository().ID() }

// Answer is what a check found.
type Answer struct {
	Cause Cause
	Why   string        // one sentence; "" where the grant would help
	Seen  *iampb.Policy // of the resource, as it was read; nil where it was not
	Fix   *Plan         // what would mend it instead, where that is known
}

// Check reads side by side whatever could keep the grant from helping, and
// answers with the gravest of it. The error is a [retry.Transient] where a read
// failed in a way that may pass.
func (c *Checker) Check(ctx context.Context, q Question) (Answer, error) {
	e, err := c.gather(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	a, err := c.judge(ctx, q, e)
	if e.policy.state == found {
		a.Seen = e.policy.answer
	}
	return a, err
}

func (c *Checker) judge(ctx context.Context, q Question, e evidence) (Answer, error) {
	for _, judge := range []func(Question, evidence) Answer{
		judgeOwner, judgeRedirection, judgeTarget, judgeImage, judgeRules,
	} {
		if a := judge(q, e); a.Cause != WouldHelp {
			return c.suggest(ctx, q, a), nil
		}
	}
	if a, err := c.judgeUpstreams(ctx, q, e); err != nil || a.Cause != WouldHelp {
		return a, err
	}
	for _, judge := range []func(Question, evidence) Answer{judgePolicy, judgeUnread} {
		if a := judge(q, e); a.Cause != WouldHelp {
			return a, nil
		}
	}
	return Answer{}, nil
}

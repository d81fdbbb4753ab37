package remediate

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	"cloud.google.com/go/iam/apiv1/iampb"
	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/iam"
)

// Checker reads live state before a grant. It changes nothing.
type Checker struct {
	Registry *artifactregistry.Client
	Projects *resourcemanager.ProjectsClient
	Calls    Calls
}

// Question is what a check needs to know about a failure.
type Question struct {
	Grant   Grant
	Image   iam.Image   // what could not be pulled; unknown where no image is concerned
	Project iam.Project // the project that deploys, by id or number
}

// Cause is the word for what a check found. The zero Cause means that the
// grant would help.
type Cause string

// The causes that a check can find.
const (
	WouldHelp         Cause = ""
	Spoof             Cause = "spoof"              // the member belongs to another project than the entry
	RepositoryMissing Cause = "repository-missing" // there is nothing to grant on
	ImageMissing      Cause = "image-missing"      // the image would not be found with the role either
	DownloadRule      Cause = "download-rule"      // a rule of the repository denies the download
	AlreadyHeld       Cause = "already-held"       // the member holds the role, or one that contains it
	Unverified        Cause = "unverified"         // something that matters could not be read
)

// Answer is what a check found.
type Answer struct {
	Cause Cause
	Why   string // one sentence; "" where the grant would help
}

// Check reads side by side whatever could keep the grant from helping, and
// answers with the gravest of it. The error is a [Transient] where a read
// failed in a way that may pass.
func (c *Checker) Check(ctx context.Context, q Question) (Answer, error) {
	e, err := c.gather(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	for _, judge := range []func(Question, evidence) Answer{
		judgeOwner, judgeRepository, judgeImage, judgeRules, judgePolicy, judgeUnread,
	} {
		if a := judge(q, e); a.Cause != WouldHelp {
			return a, nil
		}
	}
	return Answer{}, nil
}

// evidence is what the live reads found.
type evidence struct {
	project    reading[*resourcemanagerpb.Project]
	repository reading[*artifactregistrypb.Repository]
	image      reading[any]
	rules      reading[[]*artifactregistrypb.Rule]
	policy     reading[*iampb.Policy]
}

// reading is the answer to one read.
type reading[T any] struct {
	of     string // what was read, in words
	state  state
	answer T
}

type state uint8

const (
	notAsked state = iota
	found
	missing
	hidden // pullfix may not read it
)

// look makes a read and sorts its answer. What may pass is an error.
func look[T any](ctx context.Context, c Calls, to *reading[T], of string, call func(context.Context) (T, error)) error {
	answer, err := read(ctx, c, "read "+of, call)
	*to = reading[T]{of: of, answer: answer, state: found}
	switch status.Code(err) {
	case codes.NotFound:
		to.state = missing
	case codes.PermissionDenied:
		to.state = hidden
	default:
		return err
	}
	return nil
}

func (c *Checker) gather(ctx context.Context, q Question) (e evidence, err error) {
	b := q.Grant.Binding()
	reads, ctx := errgroup.WithContext(ctx)
	if _, numbered := b.Member.ProjectNumber(); numbered && !q.Project.IsZero() {
		reads.Go(func() error {
			name := "projects/" + q.Project.String()
			return look(ctx, c.Calls, &e.project, name, func(ctx context.Context) (*resourcemanagerpb.Project, error) {
				return c.Projects.GetProject(ctx, &resourcemanagerpb.GetProjectRequest{Name: name}, once)
			})
		})
	}
	reads.Go(func() error {
		return look(ctx, c.Calls, &e.repository, b.Resource.String(), func(ctx context.Context) (*artifactregistrypb.Repository, error) {
			return c.Registry.GetRepository(ctx, &artifactregistrypb.GetRepositoryRequest{Name: b.Resource.String()}, once)
		})
	})
	reads.Go(func() error {
		return look(ctx, c.Calls, &e.policy, "the policy of "+b.Resource.String(), func(ctx context.Context) (*iampb.Policy, error) {
			return c.Registry.GetIamPolicy(ctx, policyRequest(b.Resource), once)
		})
	})
	reads.Go(func() error {
		return look(ctx, c.Calls, &e.rules, "the rules of "+b.Resource.String(), func(ctx context.Context) ([]*artifactregistrypb.Rule, error) {
			return c.listRules(ctx, b.Resource)
		})
	})
	if q.Image.Repository() == b.Resource {
		reads.Go(func() error {
			return look(ctx, c.Calls, &e.image, q.Image.String(), func(ctx context.Context) (any, error) {
				return c.pull(ctx, q.Image)
			})
		})
	}
	return e, reads.Wait()
}

func (c *Checker) listRules(ctx context.Context, of iam.Resource) ([]*artifactregistrypb.Rule, error) {
	var rules []*artifactregistrypb.Rule
	for rule, err := range c.Registry.ListRules(ctx, &artifactregistrypb.ListRulesRequest{Parent: of.String()}, once).All() {
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// pull asks for what a pull would ask for: the digest, else the tag.
func (c *Checker) pull(ctx context.Context, image iam.Image) (any, error) {
	within, escaped := image.Repository().String(), url.PathEscape(image.Package())
	if digest := image.Digest(); digest != "" {
		name := fmt.Sprintf("%s/dockerImages/%s@%s", within, escaped, digest)
		return c.Registry.GetDockerImage(ctx, &artifactregistrypb.GetDockerImageRequest{Name: name}, once)
	}
	name := fmt.Sprintf("%s/packages/%s/tags/%s", within, escaped, image.Tag())
	return c.Registry.GetTag(ctx, &artifactregistrypb.GetTagRequest{Name: name}, once)
}

// judgeOwner holds the number in a service agent's address against the number
// of the project that the entry belongs to: an entry can be forged, what
// Resource Manager says cannot.
func judgeOwner(q Question, e evidence) Answer {
	member := q.Grant.Binding().Member
	number, numbered := member.ProjectNumber()
	if !numbered || e.project.state != found {
		return Answer{}
	}
	actual := strings.TrimPrefix(e.project.answer.GetName(), "projects/")
	if actual == number.String() {
		return Answer{}
	}
	return Answer{Spoof, fmt.Sprintf("%s belongs to project number %s, but the entry to project %s, whose number is %s",
		member.Email(), number, q.Project, actual)}
}

func judgeRepository(_ Question, e evidence) Answer {
	if e.repository.state != missing {
		return Answer{}
	}
	return Answer{RepositoryMissing, fmt.Sprintf("the repository %s does not exist: check the project, the location and the name; a grant would not help", e.repository.of)}
}

// judgeImage looks at standard repositories only: what a remote or virtual one
// has not fetched yet is not there either.
func judgeImage(_ Question, e evidence) Answer {
	if e.image.state != missing || e.repository.state != found || e.repository.answer.GetMode() > artifactregistrypb.Repository_STANDARD_REPOSITORY {
		return Answer{}
	}
	return Answer{ImageMissing, fmt.Sprintf("the image %s does not exist in its repository: check the name, the tag or the digest; a grant would not help", e.image.of)}
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
			return Answer{Unverified, fmt.Sprintf("the rule %s denies downloads on a condition (%s), so it cannot be told whether the grant would help", rule.GetName(), c.GetExpression())}
		}
		return Answer{DownloadRule, fmt.Sprintf("the rule %s denies the download and beats every grant: change the rule", rule.GetName())}
	}
	return Answer{}
}

func judgePolicy(q Question, e evidence) Answer {
	if e.policy.state != found {
		return Answer{}
	}
	b := q.Grant.Binding()
	role := heldBy(e.policy.answer, b.Role, b.Member)
	if role == "" {
		return Answer{}
	}
	return Answer{AlreadyHeld, fmt.Sprintf("%s holds %s on the repository already: a new grant takes some minutes to work; "+
		"after that, look for a deny policy or a service perimeter", b.Member.Email(), role)}
}

// judgeUnread says what could not be read: nothing speaks against the grant,
// but nothing proves it either.
func judgeUnread(q Question, e evidence) Answer {
	var unread []string
	if _, numbered := q.Grant.Binding().Member.ProjectNumber(); numbered && e.project.state != found {
		unread = append(unread, cmp.Or(e.project.of, "the project that deploys"))
	}
	if e.repository.state == hidden {
		unread = append(unread, e.repository.of)
	}
	if e.image.state == hidden {
		unread = append(unread, e.image.of)
	}
	if e.rules.state == hidden {
		unread = append(unread, e.rules.of)
	}
	if e.policy.state != found {
		unread = append(unread, e.policy.of)
	}
	if unread == nil {
		return Answer{}
	}
	return Answer{Unverified, "pullfix could not read " + strings.Join(unread, ", ") + ", so it cannot tell whether the grant would help"}
}

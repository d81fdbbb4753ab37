package remediate

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

// reading is the answer to one read.
type reading[T any] struct {
	of     string // what was read, in words
	state  state
	answer T
	barred string // what a service perimeter answered
}

type state uint8

const (
	notAsked state = iota
	found
	missing
	hidden // pullfix may not read it
)

// look makes a read and sorts its answer. What may pass is an error.
func look[T any](ctx context.Context, c retry.Calls, to *reading[T], of string, call func(context.Context) (T, error)) error {
	answer, err := retry.Do(ctx, c, retry.Check, "read "+of, call)
	*to = reading[T]{of: of, answer: answer, state: found}
	if err == nil || retry.React(retry.Check, err) != retry.Answer {
		return err
	}
	to.state = hidden
	switch answer := said(err); {
	case status.Code(err) == codes.NotFound:
		to.state = missing
	case perimeter(strings.ToLower(answer)):
		to.barred = answer
	}
	return nil
}

// evidence is what the live reads found.
type evidence struct {
	owner      reading[Names] // the project that deploys
	policy     reading[*iampb.Policy]
	repository reading[*artifactregistrypb.Repository]
	settings   reading[*artifactregistrypb.ProjectSettings]
	image      reading[any]
	rules      reading[[]*artifactregistrypb.Rule]
}

// gather makes the reads that do not depend on one another side by side.
func (c *Checker) gather(ctx context.Context, q Question) (e evidence, err error) {
	reads, ctx := errgroup.WithContext(ctx)
	if q.ownerMatters() {
		reads.Go(func() error { return c.owner(ctx, q.Project, &e.owner) })
	}
	of := q.Grant.binding.Resource
	reads.Go(func() error { return c.policy(ctx, of, &e.policy) })
	if of.Type() == iam.RepositoryType {
		registry, err := c.Registry(ctx)
		if err != nil {
			return e, &retry.Transient{Err: err}
		}
		c.gatherRepository(ctx, reads, registry, q, &e)
	}
	return e, reads.Wait()
}

func (c *Checker) owner(ctx context.Context, project iam.Project, to *reading[Names]) error {
	names, ok, err := c.Projects.Names(ctx, project)
	*to = reading[Names]{of: "projects/" + project.String(), answer: names, state: found}
	if !ok {
		to.state = hidden
	}
	return err
}

func (c *Checker) policy(ctx context.Context, of iam.Resource, to *reading[*iampb.Policy]) error {
	policies, err := c.Services(ctx, of.Type())
	if err != nil {
		return &retry.Transient{Err: err}
	}
	return look(ctx, c.Calls, to, "the policy of "+of.String(), func(ctx context.Context) (*iampb.Policy, error) {
		return policies.GetIamPolicy(ctx, policyRequest(of), retry.Once)
	})
}

func (c *Checker) gatherRepository(ctx context.Context, reads *errgroup.Group, registry *artifactregistry.Client, q Question, e *evidence) {
	name := q.Grant.binding.Resource.String()
	reads.Go(func() error {
		return look(ctx, c.Calls, &e.repository, name, func(ctx context.Context) (*artifactregistrypb.Repository, error) {
			return registry.GetRepository(ctx, &artifactregistrypb.GetRepositoryRequest{Name: name}, retry.Once)
		})
	})
	if q.Grant.binding.Role == iam.ArtifactWriter {
		return // what is to be uploaded need not be there, and rules are about downloads
	}
	reads.Go(func() error {
		return look(ctx, c.Calls, &e.rules, "the rules of "+name, func(ctx context.Context) ([]*artifactregistrypb.Rule, error) {
			return listRules(ctx, registry, name)
		})
	})
	if q.Image.Repository().Of(q.Grant.binding.Resource.Project()) != q.Grant.binding.Resource {
		return // of another repository; only the project may be written in another way
	}
	reads.Go(func() error {
		return look(ctx, c.Calls, &e.image, q.Image.String(), func(ctx context.Context) (any, error) {
			return pull(ctx, registry, q.Image)
		})
	})
	if q.containerRegistry() {
		settings := "projects/" + q.Image.Repository().Project().String() + "/projectSettings"
		reads.Go(func() error {
			return look(ctx, c.Calls, &e.settings, settings, func(ctx context.Context) (*artifactregistrypb.ProjectSettings, error) {
				return registry.GetProjectSettings(ctx, &artifactregistrypb.GetProjectSettingsRequest{Name: settings}, retry.Once)
			})
		})
	}
}

func listRules(ctx context.Context, registry *artifactregistry.Client, of string) ([]*artifactregistrypb.Rule, error) {
	var rules []*artifactregistrypb.Rule
	for rule, err := range registry.ListRules(ctx, &artifactregistrypb.ListRulesRequest{Parent: of}, retry.Once).All() {
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// pull asks for what a pull would ask for: the digest, else the tag.
func pull(ctx context.Context, registry *artifactregistry.Client, image iam.Image) (any, error) {
	if digest := image.Digest(); digest != "" {
		name := fmt.Sprintf("%s/dockerImages/%s@%s", image.Repository(), url.PathEscape(image.Package()), digest)
		return registry.GetDockerImage(ctx, &artifactregistrypb.GetDockerImageRequest{Name: name}, retry.Once)
	}
	return registry.GetTag(ctx, &artifactregistrypb.GetTagRequest{Name: packageName(image) + "/tags/" + image.Tag()}, retry.Once)
}

// packageName is the full name of an image's package; slashes in it are escaped
// (https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages).
func packageName(image iam.Image) string {
	return fmt.Sprintf("%s/packages/%s", image.Repository(), url.PathEscape(image.Package()))
}

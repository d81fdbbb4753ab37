package remediate

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

// mostNames bounds how many names are looked at for one that was meant.
const mostNames = 5_000

// suggest adds the nearest name that exists to the answer that one does not. It
// is a courtesy: where the names can not be listed, there is no suggestion.
func (c *Checker) suggest(ctx context.Context, q Question, a Answer) Answer {
	if a.Cause != RepositoryMissing && a.Cause != ImageMissing {
		return a
	}
	near, err := retry.Attempt(ctx, c.Calls, func(ctx context.Context) (string, error) {
		registry, err := c.Registry(ctx)
		if err != nil {
			return "", err
		}
		if a.Cause == RepositoryMissing {
			return nearestRepository(ctx, registry, q.Grant.binding.Resource)
		}
		return nearestImage(ctx, registry, q.Image)
	})
	if err == nil && near != "" {
		a.Why += fmt.Sprintf("; there is %s: was that meant?", near)
	}
	return a
}

func nearestRepository(ctx context.Context, registry *artifactregistry.Client, missing iam.Resource) (string, error) {
	parent := strings.TrimSuffix(missing.String(), "/repositories/"+missing.ID())
	var ids []string
	for r, err := range registry.ListRepositories(ctx, &artifactregistrypb.ListRepositoriesRequest{Parent: parent, PageSize: 1000}, retry.Once).All() {
		if err != nil {
			return "", err
		}
		if ids = append(ids, lastSegment(r.GetName())); len(ids) == mostNames {
			break
		}
	}
	return prefixed(parent+"/repositories/", iam.Nearest(missing.ID(), ids)), nil
}

// nearestImage looks for another tag where the package is there, else for
// another package.
func nearestImage(ctx context.Context, registry *artifactregistry.Client, missing iam.Image) (string, error) {
	base := strings.TrimSuffix(missing.Host()+"/"+pathOf(missing), missing.Package())
	var packages []string
	for p, err := range registry.ListPackages(ctx, &artifactregistrypb.ListPackagesRequest{Parent: missing.Repository().String(), PageSize: 1000}, retry.Once).All() {
		if err != nil {
			return "", err
		}
		name, err := url.PathUnescape(lastSegment(p.GetName()))
		if err != nil {
			return "", fmt.Errorf("package %q: %w", p.GetName(), err)
		}
		if name == missing.Package() {
			return nearestTag(ctx, registry, missing)
		}
		if packages = append(packages, name); len(packages) == mostNames {
			break
		}
	}
	return prefixed(base, iam.Nearest(missing.Package(), packages)), nil
}

func nearestTag(ctx context.Context, registry *artifactregistry.Client, missing iam.Image) (string, error) {
	if missing.Tag() == "" {
		return "", nil // nobody mistypes one digest for another
	}
	var tags []string
	for t, err := range registry.ListTags(ctx, &artifactregistrypb.ListTagsRequest{Parent: packageName(missing), PageSize: 1000}, retry.Once).All() {
		if err != nil {
			return "", err
		}
		if tags = append(tags, lastSegment(t.GetName())); len(tags) == mostNames {
			break
		}
	}
	return prefixed(missing.Host()+"/"+pathOf(missing)+":", iam.Nearest(missing.Tag(), tags)), nil
}

// pathOf is the image without its host, tag and digest.
func pathOf(image iam.Image) string {
	path, _, _ := strings.Cut(strings.TrimPrefix(image.String(), image.Host()+"/"), "@")
	return strings.TrimSuffix(path, ":"+image.Tag())
}

func lastSegment(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func prefixed(prefix, name string) string {
	if name == "" {
		return ""
	}
	return prefix + name
}

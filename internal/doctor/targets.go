package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/api/artifactregistry/v1"
	"google.golang.org/api/run/v1"
	"google.golang.org/api/secretmanager/v1"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/rest"
	"github.com/pullfix/pullfix/rules"
)

// lookAtTargets finds the resources that the rules let pullfix change, and the
// projects that hold them. The rest of what it is asked to find it reports.
func (k *desk) lookAtTargets(ctx context.Context) []Result {
	if k.Policy == nil {
		return []Result{{Reason: "the rules are not known: name their file with --rules"}}
	}
	var found []Result
	if k.Policy.Needs().Above && k.Organization == "" {
		found = append(found, Result{Reason: "the rules name folders or organisations: name the one that has the role " + deploy.RoleFolders + " with --organization"})
	}
	for _, t := range k.Policy.Targets() {
		if r, ok := k.cover(ctx, t); !ok {
			r.On = t.String()
			found = append(found, r)
		}
	}
	for _, w := range k.Policy.Waits() {
		if !strings.Contains(w.Project, "*") {
			_, id := k.namesOf(ctx, w.Project)
			k.places = append(k.places, "projects/"+id.String())
		}
	}
	slices.SortFunc(k.covered, func(a, b iam.Resource) int { return strings.Compare(a.String(), b.String()) })
	k.covered = slices.Compact(k.covered)
	if found == nil {
		return []Result{Good("the rules let pullfix change %d", len(k.covered))}
	}
	return found
}

// cover notes what one target covers. It reports false where that cannot be
// found out.
func (k *desk) cover(ctx context.Context, t rules.Target) (Result, bool) {
	named := 0
	for _, r := range k.Resources {
		if t.Covers(r) {
			k.covered = append(k.covered, r)
			named++
		}
	}
	project, _, _ := strings.Cut(strings.TrimPrefix(t.String(), "projects/"), "/")
	if strings.Contains(project, "*") {
		return Result{Reason: "no project can be listed by that: name each resource with --resource"}, named > 0
	}
	names, permission, err := []string{t.String()}, "", error(nil)
	if !t.Exact() {
		names, permission, err = k.list(ctx, t.Type, project, location(t.String()))
	}
	if err != nil {
		return Unseen(err, permission), false
	}
	inRule, id := k.namesOf(ctx, project)
	for _, name := range names {
		r, err := iam.ParseResource(name)
		if err == nil && t.Covers(r.Of(inRule)) { // what cannot be parsed no rule can name
			k.covered = append(k.covered, r.Of(id))
		}
	}
	return Result{}, true
}

// namesOf returns a project as a rule names it, and by its id, which names of
// roles have.
func (k *desk) namesOf(ctx context.Context, name string) (inRule, id iam.Project) {
	inRule, err := iam.ParseProject(name)
	if err != nil || !inRule.IsNumber() {
		return inRule, inRule
	}
	found, err := k.project(ctx, "projects/"+name)
	if err != nil {
		return inRule, inRule
	}
	if id, err = iam.ParseProject(found.ProjectId); err != nil {
		return inRule, inRule
	}
	return inRule, id
}

// location is that of a pattern, "" where it has none.
func location(pattern string) string {
	if segments := strings.Split(pattern, "/"); len(segments) > 4 {
		return segments[3]
	}
	return ""
}

// list returns the names of the resources of a type in a project.
func (k *desk) list(ctx context.Context, of iam.ResourceType, project, location string) (names []string, permission string, err error) {
	switch of {
	case iam.RepositoryType:
		names, err = k.repositories(ctx, project, location)
		return names, "artifactregistry.repositories.list", err
	case iam.SecretType:
		names, err = k.secrets(ctx, project)
		return names, "secretmanager.secrets.list", err
	case iam.ServiceType:
		names, err = k.workloads(ctx, project, "apis/serving.knative.dev/v1/namespaces/"+project+"/services", "services")
		return names, "run.services.list", err
	case iam.JobType:
		names, err = k.workloads(ctx, project, "apis/run.googleapis.com/v1/namespaces/"+project+"/jobs", "jobs")
		return names, "run.jobs.list", err
	default:
		return nil, "", errors.New("these are not listed: name each with --resource")
	}
}

func (k *desk) repositories(ctx context.Context, project, location string) (names []string, err error) {
	locations := []string{location}
	if strings.Contains(location, "*") {
		if locations, err = k.locations(ctx, project); err != nil {
			return nil, err
		}
	}
	found := make([][]string, len(locations))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for n, l := range locations {
		all.Go(func() (err error) {
			found[n], err = k.repositoriesIn(ctx, "projects/"+project+"/locations/"+l)
			return err
		})
	}
	err = all.Wait()
	return slices.Concat(found...), err
}

func (k *desk) repositoriesIn(ctx context.Context, parent string) (names []string, err error) {
	pages := rest.Pages(ctx, k.cloud, registryService, "v1/"+parent+"/repositories?pageSize=1000",
		func(p *artifactregistry.ListRepositoriesResponse) string { return p.NextPageToken })
	for page, err := range pages {
		if err != nil {
			return nil, err
		}
		for _, r := range page.Repositories {
			names = append(names, r.Name)
		}
	}
	return names, nil
}

const (
	registryService = "artifactregistry.googleapis.com"
	secretService   = "secretmanager.googleapis.com"
)

func (k *desk) locations(ctx context.Context, project string) (ids []string, err error) {
	pages := rest.Pages(ctx, k.cloud, registryService, "v1/projects/"+project+"/locations?pageSize=1000",
		func(p *artifactregistry.ListLocationsResponse) string { return p.NextPageToken })
	for page, err := range pages {
		if err != nil {
			return nil, err
		}
		for _, l := range page.Locations {
			ids = append(ids, l.LocationId)
		}
	}
	return ids, nil
}

func (k *desk) secrets(ctx context.Context, project string) (names []string, err error) {
	pages := rest.Pages(ctx, k.cloud, secretService, "v1/projects/"+project+"/secrets?pageSize=1000",
		func(p *secretmanager.ListSecretsResponse) string { return p.NextPageToken })
	for page, err := range pages {
		if err != nil {
			return nil, err
		}
		for _, s := range page.Secrets {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// workloads lists what runs in all regions; the newer version of the service
// lists one region.
func (k *desk) workloads(ctx context.Context, project, path, collection string) (names []string, err error) {
	list, err := rest.Get[struct {
		Items []struct {
			Metadata run.ObjectMeta `json:"metadata"`
		} `json:"items"`
	}](ctx, k.cloud, runService, path)
	if err != nil {
		return nil, err
	}
	for _, item := range list.Items {
		region := item.Metadata.Labels["cloud.googleapis.com/location"]
		names = append(names, "projects/"+project+"/locations/"+region+"/"+collection+"/"+item.Metadata.Name)
	}
	return names, nil
}

const runService = "run.googleapis.com"

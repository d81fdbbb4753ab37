package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/rest"
)

// mostPolicies is how many policies are read in one project at most.
const mostPolicies = 200

// listable are the types of resources that a project lists.
var listable = []iam.ResourceType{iam.RepositoryType, iam.SecretType, iam.ServiceType, iam.JobType}

// uncovered looks for what pullfix may change although no rule covers it, such as
// what a rule covered before: in each project that is a source, or holds what
// rules name. Without the rules it is not known.
func (k *desk) uncovered() []Check {
	if k.Policy == nil {
		return nil
	}
	projects := slices.Clone(k.places)
	for _, source := range k.Sources {
		if strings.HasPrefix(source, "projects/") {
			projects = append(projects, source)
		}
	}
	for _, r := range k.covered {
		projects = append(projects, "projects/"+r.Project().String())
	}
	slices.Sort(projects)
	var known []string
	for _, g := range k.grants() {
		known = append(known, g.place)
	}
	var checks []Check
	for _, p := range slices.Compact(projects) {
		checks = append(checks, Check{Name: "uncovered", On: p, Look: func(ctx context.Context) []Result { return k.lookAtUncovered(ctx, p, known) }})
	}
	return checks
}

// lookAtUncovered leaves out the places that are known: their bindings are looked
// at anyway.
func (k *desk) lookAtUncovered(ctx context.Context, project string, known []string) []Result {
	names, found := k.resources(ctx, strings.TrimPrefix(project, "projects/"))
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(known, name) })
	if len(names) > mostPolicies {
		found = append(found, Result{Reason: fmt.Sprintf("no rule covers %d resources: only %d of them were looked at", len(names), mostPolicies)})
		names = names[:mostPolicies]
	}
	each := make([][]Result, len(names))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for n, name := range names {
		all.Go(func() error {
			each[n] = k.lookAtRest(ctx, name)
			return nil
		})
	}
	_ = all.Wait()
	if found = append(found, slices.Concat(each...)...); len(found) == 0 {
		return []Result{Good("pullfix may change none of %d that no rule covers", len(names))}
	}
	return found
}

// resources lists those of a project. What it cannot list it reports; a service
// that is not enabled has none.
func (k *desk) resources(ctx context.Context, project string) (names []string, unseen []Result) {
	id, err := iam.ParseProject(project)
	if err != nil {
		return nil, []Result{Unseen(err, "")}
	}
	for _, of := range listable {
		listed, permission, err := k.list(ctx, of, project, "*")
		if refused, ok := rest.Refused(err); ok && refused.Disabled {
			continue
		}
		if err != nil {
			unseen = append(unseen, Unseen(err, permission))
		}
		for _, name := range listed {
			if r, err := iam.ParseResource(name); err == nil {
				names = append(names, r.Of(id).String())
			}
		}
	}
	return names, unseen
}

// lookAtRest finds pullfix's own roles where no rule needs one.
func (k *desk) lookAtRest(ctx context.Context, place string) []Result {
	p, err := k.policy(ctx, place)
	switch {
	case rest.Missing(err):
		return nil
	case err != nil:
		return []Result{Unseen(err, permissionOf(place))}
	}
	member := k.member(deploy.Function)
	var found []Result
	for _, b := range p.Bindings {
		if k.own(b.Role) && slices.Contains(b.Members, member) {
			found = append(found, Bad(unbind(place, b.Role, member, b.Condition), "%s has %s on %s, which no rule covers", bare(member), b.Role, place))
		}
	}
	return found
}

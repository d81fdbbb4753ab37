package doctor

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/rest"
)

// grant is a role that a member has to have somewhere.
type grant struct{ place, role, member string }

const accessor = "roles/secretmanager.secretAccessor"

// grants returns all roles that pullfix's accounts have to have, but for the one
// on the service.
func (k *desk) grants() []grant {
	run := k.member(deploy.Function)
	home := "projects/" + k.Project.String()
	all := []grant{{home, k.custom(home, deploy.RoleRecord), run}}
	for _, role := range deploy.BuildRoles() {
		all = append(all, grant{home, role, k.member(deploy.BuildAccount)})
	}
	for _, source := range k.Sources {
		all = append(all, grant{source, k.custom(source, deploy.RoleCheck), run})
		if k.needsFolders() && !strings.HasPrefix(source, "projects/") {
			all = append(all, grant{source, k.custom(source, deploy.RoleFolders), run})
		}
	}
	for _, holder := range k.places {
		all = append(all, grant{holder, k.custom(holder, deploy.RoleCheck), run})
	}
	for _, r := range k.covered {
		holder := "projects/" + r.Project().String()
		all = append(all, grant{holder, k.custom(holder, deploy.RoleCheck), run}, grant{r.String(), k.custom(holder, grantRoles[r.Type()]), run})
	}
	for _, v := range k.versions {
		all = append(all, grant{v.secret, accessor, run})
	}
	slices.SortFunc(all, func(a, b grant) int { return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.role, b.role)) })
	return slices.Compact(all)
}

var grantRoles = map[iam.ResourceType]string{
	iam.RepositoryType: deploy.RoleGrantRepository, iam.SecretType: deploy.RoleGrantSecret,
	iam.ServiceType: deploy.RoleGrantRun, iam.JobType: deploy.RoleGrantRun, iam.WorkerPoolType: deploy.RoleGrantRun,
}

func (k *desk) needsFolders() bool { return k.Policy != nil && k.Policy.Needs().Above }

// custom is the name of a custom role as it can be bound on a place. Those of a
// project can be bound nowhere else.
func (k *desk) custom(place, id string) string {
	if k.Organization != "" {
		return "organizations/" + k.Organization + "/roles/" + id
	}
	segments := strings.Split(place, "/")
	return strings.Join(segments[:2], "/") + "/roles/" + id
}

// bindings looks at each place in which pullfix's accounts have to have roles,
// and for roles that they have there besides.
func (k *desk) bindings() []Check {
	wanted := map[string][]grant{}
	for _, g := range k.grants() {
		wanted[g.place] = append(wanted[g.place], g)
	}
	var checks []Check
	for _, place := range slices.Sorted(maps.Keys(wanted)) {
		checks = append(checks, Check{Name: "bindings", On: place, Needs: k.boundOn(place, wanted[place]), Look: func(ctx context.Context) []Result {
			return k.lookAtBindings(ctx, place, wanted[place])
		}})
	}
	return checks
}

// boundOn returns the keys of what has to be there before a role can be bound:
// the accounts, and the secret of a channel.
func (k *desk) boundOn(place string, wanted []grant) []string {
	var keys []string
	for _, g := range wanted {
		keys = append(keys, accounts+" "+bare(g.member))
	}
	for _, v := range k.versions {
		if v.secret == place {
			keys = append(keys, v.key())
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (k *desk) lookAtBindings(ctx context.Context, place string, wanted []grant) []Result {
	p, err := k.policy(ctx, place)
	switch {
	case rest.Missing(err):
		return []Result{{Reason: "there is no such resource, or you may not know of it"}}
	case err != nil:
		return []Result{Unseen(err, permissionOf(place))}
	}
	var found []Result
	for _, g := range wanted {
		if !holds(p, g.role, g.member) {
			found = append(found, Bad(bind(place, g.role, g.member), "%s lacks %s%s", bare(g.member), g.role, noCommand(place)))
		}
	}
	if found = append(found, k.tooMuch(place, p, wanted)...); len(found) == 0 {
		return []Result{Good("no more and no less than needed")}
	}
	return found
}

// tooMuch finds roles of pullfix's accounts that nobody needs. Without a policy
// it is not known which of pullfix's own roles are needed.
func (k *desk) tooMuch(place string, p *policy, wanted []grant) []Result {
	var found []Result
	for _, b := range p.Bindings {
		for _, member := range b.Members {
			switch {
			case !slices.Contains(k.members(), member):
			case slices.Contains(wanted, grant{place, b.Role, member}):
			case k.Policy == nil && k.own(b.Role):
			default:
				found = append(found, Bad(unbind(place, b.Role, member, b.Condition), "%s has %s, and does not need it%s", bare(member), b.Role, noCommand(place)))
			}
		}
	}
	return found
}

// own reports whether a role is one of pullfix's custom roles.
func (k *desk) own(role string) bool {
	id := role[strings.LastIndexByte(role, '/')+1:]
	return slices.ContainsFunc(deploy.Roles(), func(r deploy.Role) bool { return r.ID == id }) && !strings.HasPrefix(role, "roles/")
}

func noCommand(place string) string {
	if kind(place).group == nil {
		return ": gcloud has no command for this policy, use Terraform or the console"
	}
	return ""
}

// anybody are the members that mean everybody.
var anybody = []string{"allUsers", "allAuthenticatedUsers"}

// public finds what everybody may do.
func public(place string, p *policy) []Result {
	var found []Result
	for _, b := range p.Bindings {
		for _, member := range b.Members {
			if slices.Contains(anybody, member) {
				found = append(found, Bad(unbind(place, b.Role, member, b.Condition), "%s has %s", member, b.Role))
			}
		}
	}
	return found
}

// audited returns the kinds of Data Access logs of a service that a policy turns
// on (https://cloud.google.com/logging/docs/audit/configure-data-access).
func audited(p *policy, service string) map[string]bool {
	on := map[string]bool{}
	for _, c := range p.AuditConfigs {
		if c.Service != service && c.Service != "allServices" {
			continue
		}
		for _, l := range c.AuditLogConfigs {
			on[l.LogType] = true
		}
	}
	return on
}

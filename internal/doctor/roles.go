package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/iam/v1"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

const iamService = "iam.googleapis.com"

// roles looks at each custom role that has to be bound somewhere.
func (k *desk) roles() []Check {
	byID := map[string]deploy.Role{}
	for _, r := range deploy.Roles() {
		byID[r.ID] = r
	}
	names := map[string]bool{}
	for _, g := range k.grants() {
		names[g.role] = true
	}
	var checks []Check
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !k.own(name) {
			continue
		}
		checks = append(checks, Check{Name: "role", On: name, Look: func(ctx context.Context) []Result {
			return []Result{k.lookAtRole(ctx, name, byID[name[strings.LastIndexByte(name, '/')+1:]])}
		}})
	}
	return checks
}

func (k *desk) lookAtRole(ctx context.Context, name string, want deploy.Role) Result {
	parent, _, _ := strings.Cut(name, "/roles/")
	command := func(verb string, flags ...string) string {
		return gcloud(append([]string{"iam", "roles", verb, want.ID, at(parent), "--quiet"}, flags...)...)
	}
	permissions := "--permissions=" + strings.Join(want.Permissions, ",")
	got, err := rest.Get[iam.Role](ctx, k.cloud, iamService, "v1/"+name)
	switch {
	case rest.Missing(err):
		return Bad(command("create", "--title="+want.Title, "--description="+want.Description, "--stage="+want.Stage, permissions), "there is none")
	case err != nil:
		return Unseen(err, "iam.roles.get")
	case got.Deleted:
		// What it permits is looked at once it is back.
		return Bad(command("undelete")+" && "+command("update", permissions, "--stage="+want.Stage), "it is deleted")
	}
	var d differences
	if lacks := without(want.Permissions, got.IncludedPermissions); lacks != "" {
		d.when(true, "it lacks "+lacks, permissions)
	}
	if extra := without(got.IncludedPermissions, want.Permissions); extra != "" {
		d.when(true, "it permits "+extra+" too", permissions)
	}
	d.want("the stage", stage(got.Stage), want.Stage, "--stage="+want.Stage)
	return d.result(fmt.Sprintf("exactly its %d permissions", len(want.Permissions)), func(flags ...string) string { return command("update", flags...) })
}

// stage is that of a role; ALPHA is the zero value.
func stage(s string) string {
	if s == "" {
		return "ALPHA"
	}
	return s
}

// without lists the texts that others do not have.
func without(all, others []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(others, s) }), ", ")
}

package remediate

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// recipe says how a person makes a binding on one type of resource. The
// Terraform names are those of the google provider's documentation.
type recipe struct {
	regional string // Terraform type where the resource has a location, if that is another
	gcloud   string // command words before the resource
	located  string // flag that carries the location
	byName   bool   // gcloud takes the project in a flag rather than in the name
	asks     bool   // gcloud asks for a condition where the policy holds one, unless it is told that there is to be none
	resource string // Terraform type
	argument string // Terraform argument that names the resource
}

var recipes = map[iam.ResourceType]recipe{
	iam.RepositoryType: {
		gcloud: "artifacts repositories", located: "--location", byName: true,
		resource: "google_artifact_registry_repository_iam_member", argument: "repository",
	},
	iam.SecretType: {
		gcloud: "secrets", located: "--location", byName: true, asks: true,
		resource: "google_secret_manager_secret_iam_member", argument: "secret_id",
		regional: "google_secret_manager_regional_secret_iam_member",
	},
	iam.ServiceType: {
		gcloud: "run services", located: "--region", byName: true, asks: true,
		resource: "google_cloud_run_v2_service_iam_member", argument: "name",
	},
	iam.JobType: {
		// gcloud has no --condition for jobs.
		gcloud: "run jobs", located: "--region", byName: true,
		resource: "google_cloud_run_v2_job_iam_member", argument: "name",
	},
	iam.WorkerPoolType: {
		// gcloud has no command for policies of worker pools.
		resource: "google_cloud_run_v2_worker_pool_iam_member", argument: "name",
	},
	iam.ServiceAccountType: {
		gcloud: "iam service-accounts", byName: true, asks: true,
		resource: "google_service_account_iam_member", argument: "service_account_id",
	},
	iam.ProjectType: {
		gcloud: "projects", asks: true,
		resource: "google_project_iam_member",
	},
}

// commands returns "" for a binding of which a part is unknown. Nothing needs
// quoting: a value of iam holds no character that a shell or HCL would read.
func commands(b iam.Binding) (gcloud, terraform string) {
	r, ok := recipes[b.Resource.Type()]
	if !ok || b.Role.IsZero() || b.Member.IsZero() {
		return "", ""
	}
	return r.command(b, b.Member.String()), r.block(b)
}

// Outline returns the gcloud command for a plan whose member is not known, with
// the word MEMBER in its place, or "" where something else is not known either.
func (p Plan) Outline() string {
	r, ok := recipes[p.Binding.Resource.Type()]
	if !ok || p.Binding.Role.IsZero() {
		return ""
	}
	return r.command(p.Binding, "MEMBER")
}

func (r recipe) command(b iam.Binding, member string) string {
	if r.gcloud == "" {
		return ""
	}
	var s strings.Builder
	fmt.Fprintf(&s, "gcloud %s add-iam-policy-binding %s", r.gcloud, b.Resource.ID())
	if r.byName {
		fmt.Fprintf(&s, " \\\n  --project=%s", b.Resource.Project())
	}
	if location := b.Resource.Location(); location != "" {
		fmt.Fprintf(&s, " \\\n  %s=%s", r.located, location)
	}
	fmt.Fprintf(&s, " \\\n  --member=%s \\\n  --role=%s", member, b.Role)
	if r.asks {
		s.WriteString(" \\\n  --condition=None")
	}
	return s.String()
}

func (r recipe) block(b iam.Binding) string {
	var s strings.Builder
	kind := r.resource
	if b.Resource.Location() != "" {
		kind = cmp.Or(r.regional, kind)
	}
	fmt.Fprintf(&s, "resource %q %q {\n", kind, label(b))
	line := func(key, value string) { fmt.Fprintf(&s, "  %-*s = %q\n", width(r), key, value) }
	switch {
	case b.Resource.Type() == iam.ServiceAccountType:
		line(r.argument, b.Resource.String())
	default:
		line("project", b.Resource.Project().String())
		if b.Resource.Location() != "" {
			line("location", b.Resource.Location())
		}
		if r.argument != "" {
			line(r.argument, b.Resource.ID())
		}
	}
	line("role", b.Role.String())
	line("member", b.Member.String())
	s.WriteString("}")
	return s.String()
}

func width(r recipe) int { return max(len(r.argument), len("location")) }

// label makes a Terraform name out of the member and the resource.
func label(b iam.Binding) string {
	name, _, _ := strings.Cut(b.Member.Email(), "@")
	words := strings.FieldsFunc(b.Resource.ID()+"_"+name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	s := strings.Join(words, "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "r_" + s
	}
	return s
}

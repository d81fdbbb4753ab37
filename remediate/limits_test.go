package remediate

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

const (
	builder   = "serviceAccount:build@app-one.iam.gserviceaccount.com"
	apiSecret = "projects/shared/secrets/key"
	service   = "projects/shared/locations/us-central1/services/web"
	ownSelf   = "serviceAccount:pullfix@ops.iam.gserviceaccount.com"
	registry9 = "serviceAccount:service-900000000001@gcp-sa-artifactregistry.iam.gserviceaccount.com"
)

// attempts are bindings for which a plan could be asked to be written. A cause
// says which limit keeps it from that.
var attempts = []struct {
	name           string
	kind           iam.Kind
	role           iam.Role // zero is the plan's own
	member, target string
	want           Cause
}{
	{name: "reader for an agent", kind: iam.RunImage, member: agent111, target: repository},
	{name: "reader for an account", kind: iam.ArtifactDownload, member: builder, target: repository},
	{name: "writer for an account", kind: iam.ArtifactUpload, member: builder, target: repository},
	{name: "reader for a deployer's account", kind: iam.CallerImage, member: builder, target: repository},
	{name: "a secret for an identity", kind: iam.SecretAccess, member: builder, target: apiSecret},
	{name: "a secret for the registry's agent", kind: iam.UpstreamSecret, member: registry9, target: apiSecret},
	{name: "invoker on a service", kind: iam.Invoker, member: builder, target: service},
	{name: "invoker on a job", kind: iam.Invoker, member: builder, target: "projects/shared/locations/us-central1/jobs/web"},
	{name: "invoker on a worker pool", kind: iam.Invoker, member: builder, target: "projects/shared/locations/us-central1/workerPools/web"},

	{name: "act-as", kind: iam.ActAsAccount, member: builder, target: "projects/shared/serviceAccounts/web@shared.iam.gserviceaccount.com", want: NotGrantable},
	{name: "run-permission", kind: iam.RunPermission, member: builder, target: service, want: NotGrantable},
	{name: "nothing to grant", kind: iam.Quota, member: builder, target: repository, want: NotGrantable},

	{name: "owner", kind: iam.RunImage, role: role("roles/owner"), member: agent111, target: repository, want: BadRole},
	{name: "admin of the service", kind: iam.ArtifactDownload, role: role("roles/artifactregistry.admin"), member: builder, target: repository, want: BadRole},
	{name: "writer where reader mends", kind: iam.RunImage, role: iam.ArtifactWriter, member: agent111, target: repository, want: BadRole},
	{name: "a custom role", kind: iam.ArtifactDownload, role: role("projects/shared/roles/reader"), member: builder, target: repository, want: BadRole},
	{name: "run.admin", kind: iam.Invoker, role: iam.RunAdmin, member: builder, target: service, want: BadRole},

	{name: "a user", kind: iam.ArtifactDownload, member: "user:ann@example.com", target: repository, want: Member},
	{name: "a group", kind: iam.ArtifactDownload, member: "group:dev@example.com", target: repository, want: Member},
	{name: "a domain", kind: iam.ArtifactDownload, member: "domain:example.com", target: repository, want: Member},
	{name: "a federated identity", kind: iam.CallerImage, member: "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/x", target: repository, want: Member},
	{name: "a set of federated identities", kind: iam.CallerImage, member: "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/*", target: repository, want: Member},
	{name: "an account for which only agents pull", kind: iam.RunImage, member: builder, target: repository, want: Member},
	{name: "an account that names itself like an agent", kind: iam.RunImage, member: "serviceAccount:service-111111111111@attacker.iam.gserviceaccount.com", target: repository, want: Member},
	{name: "another agent for an upstream secret", kind: iam.UpstreamSecret, member: agent111, target: apiSecret, want: Member},
	{name: "nobody", kind: iam.ArtifactDownload, target: repository, want: Incomplete},
	{name: "pullfix itself", kind: iam.ArtifactDownload, member: ownSelf, target: repository, want: Self},

	{name: "a project", kind: iam.ArtifactDownload, member: builder, target: "projects/shared", want: BadResource},
	{name: "the project of the secret", kind: iam.SecretAccess, member: builder, target: "projects/shared", want: BadResource},
	{name: "the project of the service", kind: iam.Invoker, member: builder, target: "projects/shared", want: BadResource},
	{name: "a secret for the reader of repositories", kind: iam.ArtifactDownload, member: builder, target: apiSecret, want: BadResource},
	{name: "a function", kind: iam.Invoker, member: builder, target: "projects/shared/locations/us-central1/functions/web", want: BadResource},
	{name: "a service account", kind: iam.SecretAccess, member: builder, target: "projects/shared/serviceAccounts/web@shared.iam.gserviceaccount.com", want: BadResource},
	{name: "a regional secret", kind: iam.SecretAccess, member: builder, target: "projects/shared/locations/us-central1/secrets/key", want: BadResource},
	{name: "nothing", kind: iam.ArtifactDownload, member: builder, want: Incomplete},
	{name: "a project of Google's", kind: iam.ArtifactDownload, member: builder, target: "projects/serverless-runtimes/locations/us-central1/repositories/utilities", want: GoogleOwned},
}

func role(s string) iam.Role { return must(iam.ParseRole(s)) }

func TestWhatCanBeWritten(t *testing.T) {
	self := must(iam.ParsePrincipal(ownSelf))
	for _, test := range attempts {
		t.Run(test.name, func(t *testing.T) {
			plan := NewPlan(test.kind, iam.Access{Principal: principal(test.member), Resource: resource(test.target)})
			if !test.role.IsZero() {
				plan.Binding.Role = test.role
			}
			grant, err := plan.Grant(self)
			var r *RefusedError
			if errors.As(err, &r); (r == nil) != (test.want == "") || r != nil && r.Cause != test.want {
				t.Fatalf("got %v, want cause %q", err, test.want)
			}
			if err != nil {
				if grant != (Grant{}) || r.Why == "" {
					t.Errorf("a refused plan yields %v, and the reason %q", grant.Binding(), r.Why)
				}
				return
			}
			if grant.Binding() != plan.Binding {
				t.Errorf("got %s, want %s", grant.Binding(), plan.Binding)
			}
			if _, err := NewRemoval(grant.Binding()); err != nil {
				t.Errorf("what was granted can not be taken back: %v", err)
			}
		})
	}
}

func principal(s string) iam.Principal {
	if s == "" {
		return iam.Principal{}
	}
	return must(iam.ParsePrincipal(s))
}

func resource(s string) iam.Resource {
	if s == "" {
		return iam.Resource{}
	}
	return must(iam.ParseResource(s))
}

// TestNothingElseCanBeWritten puts any kind, role, member and resource together.
func TestNothingElseCanBeWritten(t *testing.T) {
	var members, targets []string
	roles := []iam.Role{{}, iam.ArtifactReader, iam.ArtifactWriter, iam.SecretAccessor, iam.RunInvoker, iam.RunDeveloper, iam.RunAdmin, iam.ServiceAccountUser}
	for _, a := range attempts {
		members, targets, roles = append(members, a.member), append(targets, a.target), append(roles, a.role)
	}
	self := must(iam.ParsePrincipal(ownSelf))
	rapid.Check(t, func(t *rapid.T) {
		b := iam.Binding{
			Role:     rapid.SampledFrom(roles).Draw(t, "role"),
			Member:   principal(rapid.SampledFrom(members).Draw(t, "member")),
			Resource: resource(rapid.SampledFrom(targets).Draw(t, "resource")),
		}
		plan := Plan{Kind: iam.Kind(rapid.IntRange(0, 30).Draw(t, "kind")), Binding: b}
		grant, err := plan.Grant(self)
		removal, errAway := NewRemoval(b)
		for _, written := range []struct {
			b   iam.Binding
			err error
		}{{grant.Binding(), err}, {removal.Binding(), errAway}} {
			if written.err == nil {
				holdLimits(t, written.b)
			}
		}
		if err == nil && b.Member == self {
			t.Fatalf("pullfix may grant to itself: %s", b)
		}
	})
}

// holdLimits says the limits once more, in other words.
func holdLimits(t *rapid.T, b iam.Binding) {
	kind := b.Resource.Type()
	switch b.Role.String() {
	case "roles/artifactregistry.reader", "roles/artifactregistry.writer":
		if kind != iam.RepositoryType {
			t.Fatalf("not on a repository: %s", b)
		}
	case "roles/secretmanager.secretAccessor":
		if kind != iam.SecretType {
			t.Fatalf("not on a secret: %s", b)
		}
	case "roles/run.invoker":
		if kind != iam.ServiceType && kind != iam.JobType && kind != iam.WorkerPoolType {
			t.Fatalf("not on a service, job or worker pool: %s", b)
		}
	default:
		t.Fatalf("another role: %s", b)
	}
	if !b.Member.IsServiceAccount() {
		t.Fatalf("not a service account: %s", b)
	}
	if b.Resource.Project().GoogleOwned() {
		t.Fatalf("a project of Google's: %s", b)
	}
}

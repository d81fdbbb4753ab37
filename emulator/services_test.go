package emulator_test

import (
	"context"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	"cloud.google.com/go/iam"
	admin "cloud.google.com/go/iam/admin/apiv1"
	"cloud.google.com/go/iam/admin/apiv1/adminpb"
	"cloud.google.com/go/iam/apiv1/iampb"
	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"
	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
)

const (
	ones = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	twos = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func contextWithTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// names reads an iterator to its end.
func names[T interface{ GetName() string }](t *testing.T, next func() (T, error)) []string {
	t.Helper()
	var all []string
	for {
		item, err := next()
		if errors.Is(err, iterator.Done) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, item.GetName())
	}
}

func TestRepositories(t *testing.T) {
	c := registry(t, start(t, seed))
	get := func(id string) *artifactregistrypb.Repository {
		t.Helper()
		r, err := c.GetRepository(t.Context(), &artifactregistrypb.GetRepositoryRequest{Name: "projects/shared-images/locations/" + id})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := get("us-central1/repositories/apps"); r.GetRegistryUri() != "us-central1-docker.pkg.dev/shared-images/apps" ||
		r.GetFormat() != artifactregistrypb.Repository_DOCKER || r.GetMode() != artifactregistrypb.Repository_STANDARD_REPOSITORY {
		t.Errorf("got %v", r)
	}
	if r := get("us/repositories/gcr.io"); r.GetRegistryUri() != "us-docker.pkg.dev/shared-images/gcr.io" {
		t.Errorf("got %v", r)
	}
	if r := get("us-central1/repositories/hub"); r.GetRemoteRepositoryConfig().GetUpstreamCredentials().GetUsernamePasswordCredentials().GetPasswordSecretVersion() != "projects/app-one/secrets/hub/versions/latest" {
		t.Errorf("got %v", r)
	}
	if r := get("us-central1/repositories/all"); r.GetRegistryUri() != "us-central1-npm.pkg.dev/shared-images/all" ||
		r.GetVirtualRepositoryConfig().GetUpstreamPolicies()[0].GetRepository() != "projects/shared-images/locations/us-central1/repositories/npm" {
		t.Errorf("got %v", r)
	}
	_, err := c.GetRepository(t.Context(), &artifactregistrypb.GetRepositoryRequest{Name: apps + "x"})
	wantError(t, err, codes.NotFound, "Requested entity was not found.")

	list := c.ListRepositories(t.Context(), &artifactregistrypb.ListRepositoriesRequest{Parent: "projects/shared-images/locations/us", PageSize: 1})
	diff(t, names(t, list.Next), []string{"projects/shared-images/locations/us/repositories/gcr.io"})
}

func TestImages(t *testing.T) {
	c := registry(t, start(t, seed))
	image, err := c.GetDockerImage(t.Context(), &artifactregistrypb.GetDockerImageRequest{Name: apps + "/dockerImages/team%2Fapi@" + ones})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, image.GetTags(), []string{"v1", "v2"})
	if want := "us-central1-docker.pkg.dev/shared-images/apps/team/api@" + ones; image.GetUri() != want {
		t.Errorf("uri %q, want %q", image.GetUri(), want)
	}
	for _, name := range []string{"team/api@" + ones, "web@" + ones, "web:v1"} {
		_, err := c.GetDockerImage(t.Context(), &artifactregistrypb.GetDockerImageRequest{Name: apps + "/dockerImages/" + name})
		wantError(t, err, codes.NotFound, "")
	}
	tag, err := c.GetTag(t.Context(), &artifactregistrypb.GetTagRequest{Name: apps + "/packages/team%2Fapi/tags/v2"})
	if err != nil {
		t.Fatal(err)
	}
	if want := apps + "/packages/team%2Fapi/versions/" + ones; tag.GetVersion() != want {
		t.Errorf("version %q, want %q", tag.GetVersion(), want)
	}
	version, err := c.GetVersion(t.Context(), &artifactregistrypb.GetVersionRequest{Name: tag.GetVersion()})
	if err != nil {
		t.Fatal(err)
	}
	if len(version.GetRelatedTags()) != 2 {
		t.Errorf("got %v", version)
	}
	for _, name := range []string{"web/tags/v2", "api/tags/v1"} {
		_, err := c.GetTag(t.Context(), &artifactregistrypb.GetTagRequest{Name: apps + "/packages/" + name})
		wantError(t, err, codes.NotFound, "")
	}
}

func TestImagesAreListed(t *testing.T) {
	c := registry(t, start(t, seed))
	pkg := apps + "/packages/team%2Fapi"
	all := names(t, c.ListDockerImages(t.Context(), &artifactregistrypb.ListDockerImagesRequest{Parent: apps, PageSize: 2}).Next)
	if len(all) != 3 {
		t.Fatalf("got %q, want three images over two pages", all)
	}
	// The digest of an image without one is the SHA-256 of its name.
	diff(t, all[2], apps+"/dockerImages/web@sha256:81bc90d88083aa5094af59f70f3cec482693258f357a1a478c08c5adcfbf70fe")
	diff(t, names(t, c.ListPackages(t.Context(), &artifactregistrypb.ListPackagesRequest{Parent: apps}).Next), []string{pkg, apps + "/packages/web"})
	diff(t, names(t, c.ListVersions(t.Context(), &artifactregistrypb.ListVersionsRequest{Parent: pkg}).Next), []string{pkg + "/versions/" + ones, pkg + "/versions/" + twos})
	diff(t, names(t, c.ListTags(t.Context(), &artifactregistrypb.ListTagsRequest{Parent: pkg}).Next), []string{pkg + "/tags/v1", pkg + "/tags/v2"})
	none := c.ListTags(t.Context(), &artifactregistrypb.ListTagsRequest{Parent: pkg, Filter: `version="` + pkg + "/versions/" + twos + `"`})
	diff(t, names(t, none.Next), []string(nil))
}

func TestRulesAndSettings(t *testing.T) {
	c := registry(t, start(t, seed))
	rule, err := c.ListRules(t.Context(), &artifactregistrypb.ListRulesRequest{Parent: apps}).Next()
	if err != nil {
		t.Fatal(err)
	}
	diff(t, rule, &artifactregistrypb.Rule{
		Name: apps + "/rules/rule-1", PackageId: "web",
		Action: artifactregistrypb.Rule_DENY, Operation: artifactregistrypb.Rule_DOWNLOAD,
	})
	for project, want := range map[string]artifactregistrypb.ProjectSettings_RedirectionState{
		"shared-images": artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_ENABLED,
		"app-one":       artifactregistrypb.ProjectSettings_REDIRECTION_FROM_GCR_IO_DISABLED,
	} {
		got, err := c.GetProjectSettings(t.Context(), &artifactregistrypb.GetProjectSettingsRequest{Name: "projects/" + project + "/projectSettings"})
		if err != nil || got.GetLegacyRedirectionState() != want {
			t.Errorf("%s: got %v, %v, want %v", project, got, err, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	c := client(t, start(t, seed), secretmanager.NewClient)
	for _, version := range []string{"latest", "1"} {
		got, err := c.AccessSecretVersion(t.Context(), &secretmanagerpb.AccessSecretVersionRequest{Name: "projects/app-one/secrets/hub/versions/" + version})
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(crc32.Checksum([]byte("hunter2"), crc32.MakeTable(crc32.Castagnoli)))
		diff(t, got, &secretmanagerpb.AccessSecretVersionResponse{
			Name:    "projects/app-one/secrets/hub/versions/1",
			Payload: &secretmanagerpb.SecretPayload{Data: []byte("hunter2"), DataCrc32C: &sum},
		})
	}
	for name, want := range map[string]string{
		"hub/versions/2":       "Secret Version [projects/app-one/secrets/hub/versions/2] not found.",
		"bare/versions/latest": "Secret [projects/app-one/secrets/bare] not found or has no versions.",
		"none/versions/latest": "Secret [projects/app-one/secrets/none] not found.",
	} {
		_, err := c.AccessSecretVersion(t.Context(), &secretmanagerpb.AccessSecretVersionRequest{Name: "projects/app-one/secrets/" + name})
		wantError(t, err, codes.NotFound, want)
	}
	diff(t, names(t, c.ListSecrets(t.Context(), &secretmanagerpb.ListSecretsRequest{Parent: "projects/111111111111"}).Next),
		[]string{"projects/app-one/secrets/bare", "projects/app-one/secrets/hub"})
	if v, err := c.GetSecretVersion(t.Context(), &secretmanagerpb.GetSecretVersionRequest{Name: "projects/app-one/secrets/hub/versions/latest"}); err != nil || v.GetState() != secretmanagerpb.SecretVersion_ENABLED {
		t.Errorf("got %v, %v", v, err)
	}
	checkIAM(t, c.IAM("projects/app-one/secrets/hub"), "roles/secretmanager.secretAccessor")
}

// checkIAM grants a role through the handle of the client library.
func checkIAM(t *testing.T, h *iam.Handle, role iam.RoleName) {
	t.Helper()
	p, err := h.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Add(agent, role)
	if err := h.SetPolicy(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if p, err = h.Policy(t.Context()); err != nil || !p.HasRole(agent, role) {
		t.Errorf("got %v, %v, want %s to have %s", p, err, agent, role)
	}
	if got, err := h.TestPermissions(t.Context(), []string{"a.b.c"}); err != nil || len(got) != 1 {
		t.Errorf("permissions %q, %v", got, err)
	}
}

func TestTestIamPermissionsOfNothing(t *testing.T) {
	c := client(t, start(t, seed), secretmanager.NewClient)
	got, err := c.IAM("projects/app-one/secrets/none").TestPermissions(t.Context(), []string{"a.b.c"})
	if err != nil || len(got) != 0 {
		t.Errorf("permissions %q, %v, want none", got, err)
	}
}

func TestCloudRun(t *testing.T) {
	l := start(t, seed)
	services, jobs, pools := client(t, l, run.NewServicesClient), client(t, l, run.NewJobsClient), client(t, l, run.NewWorkerPoolsClient)
	const in = "projects/111111111111/locations/us-central1/"
	service, err := services.GetService(t.Context(), &runpb.GetServiceRequest{Name: in + "services/web"})
	if err != nil || service.GetName() != "projects/app-one/locations/us-central1/services/web" {
		t.Errorf("got %v, %v", service, err)
	}
	if job, err := jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: in + "jobs/nightly"}); err != nil || job.GetTerminalCondition().GetType() != "Ready" {
		t.Errorf("got %v, %v", job, err)
	}
	if pool, err := pools.GetWorkerPool(t.Context(), &runpb.GetWorkerPoolRequest{Name: in + "workerPools/queue"}); err != nil || pool.GetGeneration() != 1 {
		t.Errorf("got %v, %v", pool, err)
	}
	grant := &iampb.Policy{Bindings: []*iampb.Binding{binding("roles/run.invoker", agent)}}
	for resource, set := range map[string]func(context.Context, *iampb.SetIamPolicyRequest) (*iampb.Policy, error){
		in + "services/web": func(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
			return services.SetIamPolicy(ctx, r)
		},
		in + "jobs/nightly": func(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
			return jobs.SetIamPolicy(ctx, r)
		},
		in + "workerPools/queue": func(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
			return pools.SetIamPolicy(ctx, r)
		},
	} {
		if got, err := set(t.Context(), &iampb.SetIamPolicyRequest{Resource: resource, Policy: grant}); err != nil || len(got.GetBindings()) != 1 {
			t.Errorf("%s: got %v, %v", resource, got, err)
		}
	}
	_, err = services.GetService(t.Context(), &runpb.GetServiceRequest{Name: in + "services/none"})
	wantError(t, err, codes.NotFound, "Resource 'none' of kind 'SERVICE' in region 'us-central1' in project 'app-one' does not exist.")
	_, err = services.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: in + "jobs/nightly"})
	wantError(t, err, codes.InvalidArgument, "want projects/P/locations/L/services/S")
}

func TestServiceAccounts(t *testing.T) {
	l := start(t, seed)
	c := client(t, l, admin.NewIamClient)
	const name = "projects/app-one/serviceAccounts/run@app-one.iam.gserviceaccount.com"
	for _, project := range []string{"-", "app-one", "111111111111"} {
		got, err := c.GetServiceAccount(t.Context(), &adminpb.GetServiceAccountRequest{Name: "projects/" + project + "/serviceAccounts/run@app-one.iam.gserviceaccount.com"})
		if err != nil || got.GetName() != name || got.GetProjectId() != "app-one" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	_, err := c.GetServiceAccount(t.Context(), &adminpb.GetServiceAccountRequest{Name: "projects/-/serviceAccounts/service-9@serverless-robot-prod.iam.gserviceaccount.com"})
	wantError(t, err, codes.NotFound, "Unknown service account")

	p, err := c.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: "projects/-/serviceAccounts/run@app-one.iam.gserviceaccount.com"})
	if err != nil {
		t.Fatal(err)
	}
	p.Add(agent, "roles/iam.serviceAccountUser")
	if _, err := c.SetIamPolicy(t.Context(), &admin.SetIamPolicyRequest{Resource: name, Policy: p}); err != nil {
		t.Fatal(err)
	}
	diff(t, l.Policies()[name].GetBindings(), []*iampb.Binding{binding("roles/iam.serviceAccountUser", "user:a@example.com", agent)})
}

func TestResourceManager(t *testing.T) {
	l := start(t, seed)
	projects := client(t, l, resourcemanager.NewProjectsClient)
	for _, name := range []string{"projects/app-one", "projects/111111111111"} {
		got, err := projects.GetProject(t.Context(), &resourcemanagerpb.GetProjectRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetName() != "projects/111111111111" || got.GetProjectId() != "app-one" || got.GetParent() != "folders/222" {
			t.Errorf("got %v", got)
		}
	}
	_, err := projects.GetProject(t.Context(), &resourcemanagerpb.GetProjectRequest{Name: "projects/none"})
	wantError(t, err, codes.PermissionDenied, "(or it may not exist)")
	if _, err := projects.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: "projects/app-one"}); err != nil {
		t.Error(err)
	}
	folder, err := client(t, l, resourcemanager.NewFoldersClient).GetFolder(t.Context(), &resourcemanagerpb.GetFolderRequest{Name: "folders/222"})
	if err != nil || folder.GetParent() != "organizations/333" {
		t.Errorf("got %v, %v", folder, err)
	}
	organizations := client(t, l, resourcemanager.NewOrganizationsClient)
	if _, err := organizations.GetOrganization(t.Context(), &resourcemanagerpb.GetOrganizationRequest{Name: "organizations/333"}); err != nil {
		t.Error(err)
	}
	_, err = organizations.GetOrganization(t.Context(), &resourcemanagerpb.GetOrganizationRequest{Name: "organizations/4"})
	wantError(t, err, codes.PermissionDenied, "resourcemanager.organizations.get")
	_, err = projects.GetProject(t.Context(), &resourcemanagerpb.GetProjectRequest{Name: "folders/222"})
	wantError(t, err, codes.PermissionDenied, "")
}

package emulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/iam"
	admin "cloud.google.com/go/iam/admin/apiv1"
	"cloud.google.com/go/iam/apiv1/iampb"
	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	run "cloud.google.com/go/run/apiv2"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"github.com/googleapis/gax-go/v2"
	"github.com/googleapis/gax-go/v2/callctx"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// setter is how a client of any service writes a policy.
type setter func(context.Context, *iampb.SetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)

func TestEveryServiceHasItsNamesInTheAuditLog(t *testing.T) {
	accounts := func(l *local) setter {
		c := client(t, l, admin.NewIamClient)
		return func(ctx context.Context, req *iampb.SetIamPolicyRequest, _ ...gax.CallOption) (*iampb.Policy, error) {
			p, err := c.SetIamPolicy(ctx, &admin.SetIamPolicyRequest{Resource: req.GetResource(), Policy: &iam.Policy{InternalProto: req.GetPolicy()}})
			if err != nil {
				return nil, err
			}
			return p.InternalProto, nil
		}
	}
	pubsub := func(l *local) setter {
		rest(t, l, "PUT", "/v1/projects/app-one/topics/events", "")
		rest(t, l, "PUT", "/v1/projects/app-one/subscriptions/events", `{"topic":"projects/app-one/topics/events"}`)
		conn, err := grpc.NewClient(l.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return func(ctx context.Context, req *iampb.SetIamPolicyRequest, _ ...gax.CallOption) (*iampb.Policy, error) {
			return iampb.NewIAMPolicyClient(conn).SetIamPolicy(metadata.NewOutgoingContext(ctx, callctx.HeadersFromContext(ctx)), req)
		}
	}
	const deployer = "run@app-one.iam.gserviceaccount.com"
	type labels = map[string]any
	for _, test := range []struct {
		client          func(*local) setter
		resource        string // as the caller names it
		named           string // as the log does
		service, method string
		permission, typ string
		labels          labels
	}{
		{
			func(l *local) setter { return client(t, l, artifactregistry.NewClient).SetIamPolicy }, apps, apps,
			"artifactregistry.googleapis.com", "google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy",
			"artifactregistry.repositories.setIamPolicy", "audited_resource",
			labels{"project_id": "shared-images", "service": "artifactregistry.googleapis.com", "method": "google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy"},
		},
		{
			func(l *local) setter { return client(t, l, secretmanager.NewClient).SetIamPolicy }, "projects/111111111111/secrets/hub", "projects/app-one/secrets/hub",
			"secretmanager.googleapis.com", "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy",
			"secretmanager.secrets.setIamPolicy", "audited_resource",
			labels{"project_id": "app-one", "service": "secretmanager.googleapis.com", "method": "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy"},
		},
		{
			func(l *local) setter { return client(t, l, run.NewServicesClient).SetIamPolicy }, "projects/app-one/locations/us-central1/services/web", "projects/app-one/locations/us-central1/services/web",
			"run.googleapis.com", "google.cloud.run.v2.Services.SetIamPolicy", "run.services.setIamPolicy", "cloud_run_revision",
			labels{"project_id": "app-one", "location": "us-central1"},
		},
		{
			func(l *local) setter { return client(t, l, run.NewJobsClient).SetIamPolicy }, "projects/app-one/locations/us-central1/jobs/nightly", "projects/app-one/locations/us-central1/jobs/nightly",
			"run.googleapis.com", "google.cloud.run.v2.Jobs.SetIamPolicy", "run.jobs.setIamPolicy", "cloud_run_job",
			labels{"project_id": "app-one", "location": "us-central1"},
		},
		{
			func(l *local) setter { return client(t, l, run.NewWorkerPoolsClient).SetIamPolicy }, "projects/app-one/locations/us-central1/workerPools/queue", "projects/app-one/locations/us-central1/workerPools/queue",
			"run.googleapis.com", "google.cloud.run.v2.WorkerPools.SetIamPolicy", "run.workerpools.setIamPolicy", "cloud_run_worker_pool",
			labels{"project_id": "app-one", "location": "us-central1"},
		},
		{
			pubsub, "projects/111111111111/topics/events", "projects/app-one/topics/events",
			"pubsub.googleapis.com", "google.iam.v1.IAMPolicy.SetIamPolicy", "pubsub.topics.setIamPolicy", "pubsub_topic",
			labels{"project_id": "app-one", "topic_id": "events"},
		},
		{
			pubsub, "projects/app-one/subscriptions/events", "projects/app-one/subscriptions/events",
			"pubsub.googleapis.com", "google.iam.v1.IAMPolicy.SetIamPolicy", "pubsub.subscriptions.setIamPolicy", "pubsub_subscription",
			labels{"project_id": "app-one", "subscription_id": "events"},
		},
		{
			accounts, "projects/-/serviceAccounts/" + deployer, "projects/app-one/serviceAccounts/" + deployer,
			"iam.googleapis.com", "google.iam.admin.v1.SetIAMPolicy", "iam.serviceAccounts.setIamPolicy", "service_account",
			labels{"project_id": "app-one", "email_id": deployer},
		},
		{
			func(l *local) setter { return client(t, l, resourcemanager.NewProjectsClient).SetIamPolicy }, "projects/111111111111", "projects/app-one",
			"cloudresourcemanager.googleapis.com", "SetIamPolicy", "resourcemanager.projects.setIamPolicy", "project",
			labels{"project_id": "app-one"},
		},
		{
			func(l *local) setter { return client(t, l, resourcemanager.NewFoldersClient).SetIamPolicy }, "folders/222", "folders/222",
			"cloudresourcemanager.googleapis.com", "SetIamPolicy", "resourcemanager.folders.setIamPolicy", "folder",
			labels{"folder_id": "222"},
		},
		{
			func(l *local) setter { return client(t, l, resourcemanager.NewOrganizationsClient).SetIamPolicy }, "organizations/333", "organizations/333",
			"cloudresourcemanager.googleapis.com", "SetIamPolicy", "resourcemanager.organizations.setIamPolicy", "organization",
			labels{"organization_id": "333"},
		},
	} {
		t.Run(test.permission, func(t *testing.T) {
			l := start(t, seed)
			req := &iampb.SetIamPolicyRequest{Resource: test.resource, Policy: &iampb.Policy{Bindings: []*iampb.Binding{binding(reader, agent)}}}
			if _, err := test.client(l)(because(t, "to see it"), req); err != nil {
				t.Fatal(err)
			}
			owner := strings.Join(strings.Split(test.named, "/")[:2], "/")
			got := onlyEntry(t, l, owner)
			payload := got["protoPayload"]
			diff(t, map[string]any{
				"log": got["logName"], "service": at(payload, "serviceName"), "method": at(payload, "methodName"), "resource": at(payload, "resourceName"),
				"permission": at(payload, "authorizationInfo", 0, "permission"), "on": at(payload, "authorizationInfo", 0, "resource"),
				"reason": at(payload, "requestMetadata", "requestAttributes", "reason"), "type": at(got, "resource", "type"), "labels": at(got, "resource", "labels"),
			}, map[string]any{
				"log": owner + "/logs/cloudaudit.googleapis.com%2Factivity", "service": test.service, "method": test.method, "resource": test.named,
				"permission": test.permission, "on": test.named, "reason": "to see it", "type": test.typ, "labels": test.labels,
			})
		})
	}
}

// TestChangesOverREST are in the audit log under the version that was called.
func TestChangesOverREST(t *testing.T) {
	const web = "projects/app-one/locations/us-central1/services/web"
	for path, method := range map[string]string{
		"/v1/" + web + ":setIamPolicy": "google.cloud.run.v1.Services.SetIamPolicy",
		"/v2/" + web + ":setIamPolicy": "google.cloud.run.v2.Services.SetIamPolicy",
	} {
		l := start(t, seed)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.addr+path, strings.NewReader(`{"policy":{"bindings":[{"role":"roles/run.invoker","members":["user:a@example.com"]}]}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Goog-Request-Reason", "by hand")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %s, %v", path, res.Status, err)
		}
		payload := onlyEntry(t, l, "projects/app-one")["protoPayload"]
		if got := at(payload, "methodName"); got != method {
			t.Errorf("%s: got method %v, want %s", path, got, method)
		}
		if got := at(payload, "requestMetadata", "requestAttributes", "reason"); got != "by hand" {
			t.Errorf("%s: got reason %v, want that of the header", path, got)
		}
		if got := at(payload, "authenticationInfo", "principalEmail"); got != "pullfix@pullfix-local.iam.gserviceaccount.com" {
			t.Errorf("%s: got caller %v, want the one that is meant without a seed's", path, got)
		}
	}
}

package emulator_test

import (
	"context"
	"net"
	"strings"
	"testing"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

const (
	apps   = "projects/shared-images/locations/us-central1/repositories/apps"
	empty  = "projects/shared-images/locations/us-central1/repositories/empty"
	reader = "roles/artifactregistry.reader"
	writer = "roles/artifactregistry.writer"
	agent  = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	nobody = "serviceAccount:service-9@serverless-robot-prod.iam.gserviceaccount.com"
)

const seed = `
projects:
  - {id: app-one, number: 111111111111, parent: folders/222}
folders:
  - {name: folders/222, parent: organizations/333}
repositories:
  - name: projects/shared-images/locations/us-central1/repositories/apps
    images:
      - web:v1
      - team/api:v1@sha256:1111111111111111111111111111111111111111111111111111111111111111
      - team/api:v2@sha256:1111111111111111111111111111111111111111111111111111111111111111
      - team/api@sha256:2222222222222222222222222222222222222222222222222222222222222222
    rules: [{action: DENY, operation: DOWNLOAD, package: web}, {action: ALLOW}]
    policy:
      bindings:
        - {role: roles/artifactregistry.reader, members: ["group:dev@example.com"]}
  - name: projects/shared-images/locations/us-central1/repositories/empty
  - name: projects/shared-images/locations/us-central1/repositories/conditional
    policy:
      bindings:
        - {role: roles/artifactregistry.reader, members: ["group:dev@example.com"]}
        - {role: roles/artifactregistry.reader, members: ["user:a@example.com"], condition: {title: t, expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}}
  - name: projects/shared-images/locations/us/repositories/gcr.io
  - {name: projects/shared-images/locations/us-central1/repositories/hub, mode: remote, upstreamSecret: projects/app-one/secrets/hub/versions/latest}
  - {name: projects/shared-images/locations/us-central1/repositories/all, format: npm, mode: virtual, upstreams: [projects/shared-images/locations/us-central1/repositories/npm]}
secrets:
  - {name: projects/app-one/secrets/hub, value: hunter2}
  - {name: projects/app-one/secrets/bare}
services:
  - {name: projects/app-one/locations/us-central1/services/web}
jobs:
  - {name: projects/app-one/locations/us-central1/jobs/nightly}
workerPools:
  - {name: projects/app-one/locations/us-central1/workerPools/queue}
serviceAccounts:
  - name: projects/app-one/serviceAccounts/run@app-one.iam.gserviceaccount.com
    policy: {bindings: [{role: roles/iam.serviceAccountUser, members: ["user:a@example.com"]}]}
missingMembers: ["serviceAccount:service-9@serverless-robot-prod.iam.gserviceaccount.com"]
`

// local is a cloud on a loopback port.
type local struct {
	*emulator.Cloud
	addr    string
	options []option.ClientOption
}

func start(t *testing.T, seed string) *local {
	t.Helper()
	cloud, address := emulatortest.Start(t, seed)
	return &local{cloud, address, emulatortest.Options(address)}
}

// client calls the constructor of an official client and closes it in the end.
func client[C interface{ Close() error }](t *testing.T, l *local, construct func(context.Context, ...option.ClientOption) (C, error)) C {
	t.Helper()
	c, err := construct(t.Context(), l.options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close client: %v", err)
		}
	})
	return c
}

func registry(t *testing.T, l *local) *artifactregistry.Client {
	t.Helper()
	return client(t, l, artifactregistry.NewClient)
}

func policyOf(t *testing.T, c *artifactregistry.Client, resource string, version int32) *iampb.Policy {
	t.Helper()
	p, err := c.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{
		Resource: resource,
		Options:  &iampb.GetPolicyOptions{RequestedPolicyVersion: version},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func setPolicy(t *testing.T, c *artifactregistry.Client, resource string, p *iampb.Policy) (*iampb.Policy, error) {
	t.Helper()
	return c.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: resource, Policy: p})
}

func binding(role string, members ...string) *iampb.Binding {
	return &iampb.Binding{Role: role, Members: members}
}

// wantError checks code and text of an RPC error.
func wantError(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()
	if status.Code(err) != code || err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %v with %q", err, code, text)
	}
}

func diff(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestAnEmptyCloud(t *testing.T) {
	cloud := emulator.New(nil)
	if len(cloud.Policies())+len(cloud.Calls())+len(cloud.Entries()) != 0 {
		t.Error("a cloud without a seed holds something")
	}
	if err := cloud.Close(); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := cloud.Serve(l); err != nil {
		t.Errorf("Serve after Close: %v", err)
	}
}

func TestCopiesAreDeep(t *testing.T) {
	l := start(t, seed)
	l.Policies()[apps].Bindings[0].Members[0] = "user:eve@example.com"
	diff(t, l.Policies()[apps].GetBindings(), []*iampb.Binding{binding(reader, "group:dev@example.com")})
}

func TestCallsAreCounted(t *testing.T) {
	l := start(t, seed)
	c := registry(t, l)
	for range 2 {
		policyOf(t, c, apps, 3)
	}
	if _, err := c.GetRepository(t.Context(), &artifactregistrypb.GetRepositoryRequest{Name: "projects/p/locations/l/repositories/r"}); err == nil {
		t.Error("a repository that does not exist was found")
	}
	diff(t, l.Calls(), map[string]int{"GetIamPolicy": 2, "GetRepository": 1})
}

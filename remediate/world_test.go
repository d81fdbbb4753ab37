package remediate

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const (
	repository = "projects/shared/locations/us-central1/repositories/apps"
	agent111   = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	reader     = "roles/artifactregistry.reader"
)

const world = `
projects:
  - {id: app-one, number: 111111111111}
  - {id: shared, number: 900000000001}
repositories:
  - name: projects/shared/locations/us-central1/repositories/apps
    format: docker
    mode: standard
    images: ["web:v1", "team/api@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"]
    policy:
      bindings:
        - {role: roles/artifactregistry.reader, members: ["group:dev@example.com"]}
        - role: roles/artifactregistry.reader
          members: ["user:guest@example.com"]
          condition: {title: until, expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}
        - {role: roles/artifactregistry.writer, members: ["serviceAccount:build@shared.iam.gserviceaccount.com"]}
  - name: projects/shared/locations/us-central1/repositories/mirror
    format: docker
    mode: remote
`

// everyType has something of each type whose policy can be written.
const everyType = world + `
secrets:
  - {name: projects/shared/secrets/key, value: x}
services:
  - {name: projects/shared/locations/us-central1/services/web}
jobs:
  - {name: projects/shared/locations/us-central1/jobs/web}
workerPools:
  - {name: projects/shared/locations/us-central1/workerPools/web}
`

var quick = retry.Calls{Timeout: 2 * time.Second, Attempts: 4, Backoff: gax.Backoff{Initial: time.Millisecond, Max: 4 * time.Millisecond}}

// planned is the plan for a denial of the agent of app-one on the repository.
func planned() Plan {
	return NewPlan(iam.RunImage, iam.Access{
		Principal:  must(iam.ParsePrincipal(agent111)),
		Permission: iam.DownloadArtifacts,
		Resource:   must(iam.ParseResource(repository)),
	})
}

func start(t testing.TB, seed string) (*emulator.Cloud, *Checker, *Granter) {
	t.Helper()
	cloud, address := emulatortest.Start(t, seed)
	clients := NewClients(emulatortest.Options(address)...)
	t.Cleanup(func() {
		if err := clients.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	checker := &Checker{
		Registry: clients.Registry, Services: clients.Policies, Calls: quick,
		Projects: &Projects{Client: clients.Projects, Calls: quick},
	}
	return cloud, checker, &Granter{Services: clients.Policies, Calls: quick}
}

// fixed is a service that holds all policies.
func fixed(p Policies) Services {
	return func(context.Context, iam.ResourceType) (Policies, error) { return p, nil }
}

// withRule gives the repository a rule.
func withRule(rule string) string {
	return strings.Replace(world, "    policy:\n", "    rules: ["+rule+"]\n    policy:\n", 1)
}

// withFaults appends faults to a seed.
func withFaults(seed string, faults ...string) string {
	return seed + "faults:\n  - " + strings.Join(faults, "\n  - ") + "\n"
}

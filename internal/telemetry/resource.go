package telemetry

import (
	"cmp"
	"context"
	"crypto/rand"
	"path"
	"time"

	"cloud.google.com/go/compute/metadata"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// metadataTime is what the metadata server may take at start-up.
const metadataTime = 2 * time.Second

// resource says what it is that measures. What the variables of OpenTelemetry
// say about it stands. The error is of what is left out.
func (e environment) resource(ctx context.Context) (*resource.Resource, error) {
	service := e.get("K_SERVICE")
	attributes := []attribute.KeyValue{
		semconv.ServiceName(cmp.Or(service, "pullfix")),
		semconv.ServiceInstanceID(rand.Text()), // two instances must not report the same series
	}
	if service != "" {
		attributes = append(attributes, semconv.CloudProviderGCP, semconv.CloudPlatformGCPCloudRun,
			semconv.FaaSName(service), semconv.FaaSVersion(e.get("K_REVISION")))
		attributes = append(attributes, fromMetadata(ctx)...)
	} else if project := cmp.Or(e.get("GOOGLE_CLOUD_PROJECT"), e.get("PULLFIX_PROJECT")); project != "" {
		attributes = append(attributes, projectKey.String(project))
	}
	return resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attributes...), resource.WithFromEnv())
}

// projectKey is by what Google's own endpoint finds the project
// (https://cloud.google.com/stackdriver/docs/reference/telemetry/overview).
const projectKey = attribute.Key("gcp.project_id")

// fromMetadata asks where on Cloud Run this is. What is not answered is left out.
func fromMetadata(ctx context.Context) (found []attribute.KeyValue) {
	ctx, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	if project, err := metadata.ProjectIDWithContext(ctx); err == nil {
		found = append(found, semconv.CloudAccountID(project), projectKey.String(project))
	}
	if region, err := metadata.GetWithContext(ctx, "instance/region"); err == nil {
		found = append(found, semconv.CloudRegion(path.Base(region))) // projects/NUMBER/regions/REGION
	}
	if id, err := metadata.InstanceIDWithContext(ctx); err == nil {
		found = append(found, semconv.FaaSInstance(id))
	}
	return found
}

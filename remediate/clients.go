package remediate

import (
	"context"
	"errors"
	"fmt"
	"io"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	run "cloud.google.com/go/run/apiv2"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"google.golang.org/api/option"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/lazy"
)

// Clients are the connections to the services that hold policies. Each is made
// when it is first used and outlives the event that happens to use it first; a
// failure to make one is met again with the next event.
type Clients struct {
	options []option.ClientOption

	registry lazy.Value[*artifactregistry.Client]
	projects lazy.Value[*resourcemanager.ProjectsClient]
	folders  lazy.Value[*resourcemanager.FoldersClient]
	secrets  lazy.Value[*secretmanager.Client]
	services lazy.Value[*run.ServicesClient]
	jobs     lazy.Value[*run.JobsClient]
	pools    lazy.Value[*run.WorkerPoolsClient]
}

// NewClients returns connections that are made with the options.
func NewClients(options ...option.ClientOption) *Clients { return &Clients{options: options} }

// dial makes a client on first use.
func dial[T any](ctx context.Context, c *Clients, client *lazy.Value[T], connect func(context.Context, ...option.ClientOption) (T, error)) (T, error) {
	return client.Get(func() (T, error) { return connect(context.WithoutCancel(ctx), c.options...) })
}

// Registry returns the client of Artifact Registry.
func (c *Clients) Registry(ctx context.Context) (*artifactregistry.Client, error) {
	return dial(ctx, c, &c.registry, artifactregistry.NewClient)
}

// Projects returns the client of Resource Manager.
func (c *Clients) Projects(ctx context.Context) (*resourcemanager.ProjectsClient, error) {
	return dial(ctx, c, &c.projects, resourcemanager.NewProjectsClient)
}

// Folders returns the client of Resource Manager for folders.
func (c *Clients) Folders(ctx context.Context) (*resourcemanager.FoldersClient, error) {
	return dial(ctx, c, &c.folders, resourcemanager.NewFoldersClient)
}

// Policies returns the service that holds the policies of a type of resource.
func (c *Clients) Policies(ctx context.Context, of iam.ResourceType) (Policies, error) {
	switch of {
	case iam.RepositoryType:
		return c.Registry(ctx)
	case iam.SecretType:
		return dial(ctx, c, &c.secrets, secretmanager.NewClient)
	case iam.ServiceType:
		return dial(ctx, c, &c.services, run.NewServicesClient)
	case iam.JobType:
		return dial(ctx, c, &c.jobs, run.NewJobsClient)
	case iam.WorkerPoolType:
		return dial(ctx, c, &c.pools, run.NewWorkerPoolsClient)
	case iam.ProjectType:
		return c.Projects(ctx)
	default:
		return nil, fmt.Errorf("policies of type %d: no service holds them", of)
	}
}

// Close ends the connections that were made.
func (c *Clients) Close() error {
	return errors.Join(end(&c.registry), end(&c.projects), end(&c.folders), end(&c.secrets), end(&c.services), end(&c.jobs), end(&c.pools))
}

func end[T io.Closer](client *lazy.Value[T]) error {
	made, ok := client.Made()
	if !ok {
		return nil
	}
	return made.Close()
}

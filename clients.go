package pullfix

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"time"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/compute/metadata"
	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/remediate"
)

// clients are the connections of a function. Each is made when it is first
// used, so that an event that needs none starts no connection, and a failure
// to make one is tried again with the next event.
type clients struct {
	settings settings.Settings
	calls    remediate.Calls
	registry lazy[*artifactregistry.Client]
	projects lazy[*resourcemanager.ProjectsClient]
	recorder lazy[recorder]
	channel  lazy[*notify.Slack]
	account  lazy[iam.Principal]
	project  lazy[string]
}

// recorder writes the compliance record.
type recorder interface {
	Write(context.Context, audit.Record) error
	Close() error
}

// lazy is a value that is made on first use. Only success is kept.
type lazy[T any] struct {
	mu   sync.Mutex
	made bool
	v    T
}

func (l *lazy[T]) get(build func() (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made {
		return l.v, nil
	}
	v, err := build()
	if err == nil {
		l.v, l.made = v, true
	}
	return v, err
}

// forget makes the next get build the value anew.
func (l *lazy[T]) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made = false
}

func (c *clients) options() []option.ClientOption {
	if c.settings.Endpoint == "" {
		return nil
	}
	return []option.ClientOption{
		option.WithEndpoint(c.settings.Endpoint),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// artifactRegistry outlives the event that happens to be the first to use it.
func (c *clients) artifactRegistry(ctx context.Context) (*artifactregistry.Client, error) {
	return c.registry.get(func() (*artifactregistry.Client, error) {
		return artifactregistry.NewClient(context.WithoutCancel(ctx), c.options()...)
	})
}

func (c *clients) checker(ctx context.Context) (*remediate.Checker, error) {
	registry, err := c.artifactRegistry(ctx)
	if err != nil {
		return nil, err
	}
	projects, err := c.projects.get(func() (*resourcemanager.ProjectsClient, error) {
		return resourcemanager.NewProjectsClient(context.WithoutCancel(ctx), c.options()...)
	})
	if err != nil {
		return nil, err
	}
	return &remediate.Checker{Registry: registry, Projects: projects, Calls: c.calls}, nil
}

func (c *clients) granter(ctx context.Context) (*remediate.Granter, error) {
	registry, err := c.artifactRegistry(ctx)
	if err != nil {
		return nil, err
	}
	return &remediate.Granter{Policies: registry, Calls: c.calls}, nil
}

func (c *clients) record(ctx context.Context, r audit.Record) error {
	to, err := c.recorder.get(func() (recorder, error) {
		if c.settings.AuditFile != "" {
			return audit.OpenFile(c.settings.AuditFile)
		}
		project, err := c.recordProject(ctx)
		if err != nil {
			return nil, err
		}
		return audit.OpenCloud(context.WithoutCancel(ctx), project, c.options()...)
	})
	if err != nil {
		return err
	}
	return to.Write(ctx, r)
}

func (c *clients) recordProject(ctx context.Context) (string, error) {
	if p := c.settings.Project.String(); p != "" {
		return p, nil
	}
	return c.project.get(func() (string, error) {
		id, err := metadata.ProjectIDWithContext(ctx)
		if err != nil {
			return "", fmt.Errorf("project of the record: metadata server: %w", err)
		}
		return id, nil
	})
}

// self returns pullfix's own account; unknown where it has none.
func (c *clients) self(ctx context.Context) (iam.Principal, error) {
	if !c.settings.Deployed {
		return iam.Principal{}, nil
	}
	return c.account.get(func() (iam.Principal, error) {
		email, err := metadata.EmailWithContext(ctx, "default")
		if err != nil {
			return iam.Principal{}, fmt.Errorf("own account: metadata server: %w", err)
		}
		return iam.ParseEmail(email)
	})
}

func (c *clients) send(ctx context.Context, m notify.Message) error {
	channel, err := c.channel.get(func() (*notify.Slack, error) {
		webhook, version := c.settings.Slack.Value()
		if version != "" {
			var err error
			if webhook, err = c.secret(ctx, version); err != nil {
				return nil, fmt.Errorf("slack webhook: %w", err)
			}
		}
		return notify.NewSlack(strings.TrimSpace(webhook))
	})
	if err != nil {
		return err
	}
	if err = channel.Send(ctx, m); err != nil {
		c.channel.forget() // the webhook may have been replaced
	}
	return err
}

const secretTimeout = 10 * time.Second

// secret reads a secret version and holds its checksum against its bytes.
func (c *clients) secret(ctx context.Context, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	client, err := secretmanager.NewClient(ctx, c.options()...)
	if err != nil {
		return "", err
	}
	got, err := client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: version})
	if err = errors.Join(err, client.Close()); err != nil {
		return "", fmt.Errorf("read %s: %w", version, err)
	}
	payload := got.GetPayload()
	sum := int64(crc32.Checksum(payload.GetData(), crc32.MakeTable(crc32.Castagnoli)))
	if payload.DataCrc32C != nil && payload.GetDataCrc32C() != sum {
		return "", fmt.Errorf("read %s: the checksum does not match its bytes", version)
	}
	return string(payload.GetData()), nil
}

// close releases the connections.
func (c *clients) close() error {
	var errs []error
	if c.registry.made {
		errs = append(errs, c.registry.v.Close())
	}
	if c.projects.made {
		errs = append(errs, c.projects.v.Close())
	}
	if c.recorder.made {
		errs = append(errs, c.recorder.v.Close())
	}
	return errors.Join(errs...)
}

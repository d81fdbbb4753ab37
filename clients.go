package pullfix

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"cloud.google.com/go/compute/metadata"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/lazy"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/remediate"
)

// clients are the connections of a function. Each is made when it is first
// used, so that an event that needs none starts no connection, and a failure
// to make one is tried again with the next event.
type clients struct {
	settings settings.Settings
	google   *remediate.Clients
	checker  *remediate.Checker
	granter  *remediate.Granter
	projects *remediate.Projects
	ancestry *remediate.Ancestry
	recorder lazy.Value[recorder]
	store    lazy.Value[*ledger.Ledger]
	closing  func() error // of the ledger's connection
	channel  lazy.Value[*notify.Slack]
	account  lazy.Value[iam.Principal]
	project  lazy.Value[string]
}

func newClients(s settings.Settings, calls retry.Calls) *clients {
	google := remediate.NewClients(s.Options()...)
	projects := &remediate.Projects{Client: google.Projects, Calls: calls}
	return &clients{
		settings: s, google: google, projects: projects,
		ancestry: &remediate.Ancestry{Projects: projects, Folders: google.Folders, Calls: calls},
		checker:  &remediate.Checker{Registry: google.Registry, Services: google.Policies, Projects: projects, Calls: calls},
		granter:  &remediate.Granter{Services: google.Policies, Calls: calls},
	}
}

// recorder writes the compliance record.
type recorder interface {
	Write(context.Context, audit.Record) error
	Close() error
}

func (c *clients) record(ctx context.Context, r audit.Record) error {
	to, err := c.recorder.Get(func() (recorder, error) {
		if c.settings.AuditFile != "" {
			return audit.OpenFile(ctx, c.settings.AuditFile)
		}
		project, err := c.ownProject(ctx)
		if err != nil {
			return nil, err
		}
		return audit.OpenCloud(context.WithoutCancel(ctx), project, c.settings.Options()...)
	})
	if err != nil {
		return err
	}
	return to.Write(ctx, r)
}

// ledger returns what all instances share.
func (c *clients) ledger(ctx context.Context) (*ledger.Ledger, error) {
	return c.store.Get(func() (*ledger.Ledger, error) {
		if !c.settings.Firestore {
			return ledger.New(ledger.NewMemory()), nil
		}
		project, err := c.ownProject(ctx)
		if err != nil {
			return nil, err
		}
		store, err := ledger.OpenFirestore(context.WithoutCancel(ctx), project, c.settings.Options()...)
		if err != nil {
			return nil, err
		}
		c.closing = store.Close
		return ledger.New(store), nil
	})
}

// ownProject is the project that holds the record and the ledger.
func (c *clients) ownProject(ctx context.Context) (string, error) {
	if p := c.settings.Project.String(); p != "" {
		return p, nil
	}
	return c.project.Get(func() (string, error) {
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
	return c.account.Get(func() (iam.Principal, error) {
		email, err := metadata.EmailWithContext(ctx, "default")
		if err != nil {
			return iam.Principal{}, fmt.Errorf("own account: metadata server: %w", err)
		}
		return iam.ParseEmail(email)
	})
}

func (c *clients) send(ctx context.Context, m notify.Message) error {
	channel, err := c.channel.Get(func() (*notify.Slack, error) {
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
		c.channel.Forget() // the webhook may have been replaced
	}
	return err
}

// secret reads a secret version and holds its checksum against its bytes.
func (c *clients) secret(ctx context.Context, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, retry.Default.Timeout)
	defer cancel()
	client, err := secretmanager.NewClient(ctx, c.settings.Options()...)
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
	err := c.google.Close()
	if to, ok := c.recorder.Made(); ok {
		err = errors.Join(err, to.Close())
	}
	if _, ok := c.store.Made(); ok && c.closing != nil {
		err = errors.Join(err, c.closing())
	}
	return err
}

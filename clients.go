package pullfix

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/compute/metadata"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/lazy"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/ledger"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/remediate"
)

// clients are the connections of a function. Each is made when it is first
// used, so that an event that needs none starts no connection, and a failure
// to make one is tried again with the next event.
type clients struct {
	settings  settings.Settings
	telemetry *telemetry.Telemetry
	google    *remediate.Clients
	checker   *remediate.Checker
	granter   *remediate.Granter
	projects  *remediate.Projects
	ancestry  *remediate.Ancestry
	recorder  lazy.Value[recorder]
	store     lazy.Value[*ledger.Ledger]
	closing   func() error // of the ledger's connection
	tries     notify.Tries
	account   lazy.Value[iam.Principal]
	project   lazy.Value[string]
	host      host
}

func newClients(s settings.Settings, calls retry.Calls) *clients {
	google := remediate.NewClients(s.Options()...)
	projects := &remediate.Projects{Client: google.Projects, Calls: calls}
	return &clients{
		settings: s, google: google, projects: projects,
		ancestry: &remediate.Ancestry{Projects: projects, Folders: google.Folders, Calls: calls},
		checker:  &remediate.Checker{Registry: google.Registry, Services: google.Policies, Projects: projects, Calls: calls},
		granter:  &remediate.Granter{Services: google.Policies, Calls: calls},
		tries:    notify.DefaultTries,
	}
}

// recorder writes the compliance record.
type recorder interface {
	Write(context.Context, audit.Record) error
	Close() error
}

func (c *clients) record(ctx context.Context, r audit.Record) (err error) {
	ctx, step := c.telemetry.Step(ctx, telemetry.Record)
	defer step.End(ctx, &err)
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
			return c.watched(ledger.NewMemory()), nil
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
		return c.watched(store), nil
	})
}

func (c *clients) watched(store ledger.Store) *ledger.Ledger {
	return ledger.NewWatched(store, ledger.Watch{Again: c.telemetry.Retry, Left: c.telemetry.Budget})
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

// home is the project in whose log the record is; unknown where it is in none.
func (c *clients) home(ctx context.Context) (p iam.Project) {
	if c.settings.AuditFile != "" {
		return p
	}
	if id, err := c.ownProject(ctx); err == nil {
		p, _ = iam.ParseProject(id)
	}
	return p
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

// deliver sends a message to a channel, again where that may help.
func (c *clients) deliver(ctx context.Context, channel string, m notify.Message, thread string) (first string, err error) {
	ctx, step := c.telemetry.Step(ctx, telemetry.Deliver)
	defer step.End(ctx, &err)
	first, err = notify.Deliver(ctx, c.settings.Senders[channel], c.tries, m, thread)
	step.To(channel)
	c.telemetry.Alert(ctx, channel, alert(err))
	return first, err
}

// alert is how a delivery with this error ended.
func alert(err error) telemetry.Alert {
	var refused *notify.RefusedError
	switch {
	case err == nil:
		return telemetry.Sent
	case errors.Is(err, notify.ErrUnsure):
		return telemetry.Unsure
	case errors.As(err, &refused):
		return telemetry.Refused
	default:
		return telemetry.Failed
	}
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

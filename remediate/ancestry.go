package remediate

import (
	"context"
	"fmt"
	"sync"
	"time"

	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

// Ancestry knows which folders and organisation hold a project. A project can be
// moved, so what was read is forgotten after a while.
type Ancestry struct {
	Projects *Projects
	Folders  func(context.Context) (*resourcemanager.FoldersClient, error)
	Calls    retry.Calls

	mu    sync.Mutex
	known map[string]held // by project or folder
}

// held says what holds something directly.
type held struct {
	by    iam.Parent // unknown where nothing does
	until time.Time
}

const (
	// ancestryMemory is how long a move may go unseen.
	ancestryMemory = 10 * time.Minute
	// mostFolders is more than folders can be nested
	// (https://cloud.google.com/resource-manager/docs/limits).
	mostFolders = 32
)

// Above returns what holds a project, from its folder up to the organisation;
// nothing, where nothing holds it. ok is false where some of it may not be read.
// The error is a [retry.Transient] where a read failed in a way that may pass.
func (a *Ancestry) Above(ctx context.Context, project iam.Project, now time.Time) (parents []iam.Parent, ok bool, err error) {
	name := "projects/" + project.String()
	for range mostFolders {
		by, ok, err := a.holder(ctx, name, now)
		if err != nil || !ok || by.IsZero() {
			return parents, ok, err
		}
		if parents = append(parents, by); by.IsOrganization() {
			return parents, true, nil
		}
		name = by.String()
	}
	return nil, false, fmt.Errorf("read what holds projects/%s: more than %d folders", project, mostFolders)
}

func (a *Ancestry) holder(ctx context.Context, name string, now time.Time) (by iam.Parent, ok bool, err error) {
	if by, ok := a.recall(name, now); ok {
		return by, true, nil
	}
	var got reading[string]
	if err := look(ctx, a.Calls, &got, name, func(ctx context.Context) (string, error) { return a.read(ctx, name) }); err != nil || got.state != found {
		return by, false, err
	}
	if err := by.UnmarshalText([]byte(got.answer)); err != nil {
		return by, false, fmt.Errorf("read %s: %w", name, err)
	}
	a.remember(name, held{by, now.Add(ancestryMemory)}, now)
	return by, true, nil
}

func (a *Ancestry) read(ctx context.Context, name string) (parent string, err error) {
	if _, err := iam.ParseParent(name); err != nil {
		client, err := a.Projects.Client(ctx)
		if err != nil {
			return "", err
		}
		p, err := client.GetProject(ctx, &resourcemanagerpb.GetProjectRequest{Name: name}, retry.Once)
		return p.GetParent(), err
	}
	client, err := a.Folders(ctx)
	if err != nil {
		return "", err
	}
	f, err := client.GetFolder(ctx, &resourcemanagerpb.GetFolderRequest{Name: name}, retry.Once)
	return f.GetParent(), err
}

func (a *Ancestry) recall(name string, now time.Time) (iam.Parent, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h, ok := a.known[name]
	return h.by, ok && now.Before(h.until)
}

// remember keeps no more than forged entries may make it keep.
func (a *Ancestry) remember(name string, h held, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= mostProjects {
		for old, h := range a.known {
			if !now.Before(h.until) {
				delete(a.known, old)
			}
		}
	}
	if a.known == nil || len(a.known) >= mostProjects {
		a.known = map[string]held{}
	}
	a.known[name] = h
}

package remediate

import (
	"context"
	"fmt"
	"strings"
	"sync"

	resourcemanager "cloud.google.com/go/resourcemanager/apiv3"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

// Names are the two names of one project.
type Names struct{ ID, Number iam.Project }

// Has reports whether p is one of the names.
func (n Names) Has(p iam.Project) bool { return !p.IsZero() && (p == n.ID || p == n.Number) }

// Projects knows projects by both their names. A name never comes to mean
// another project (https://cloud.google.com/resource-manager/docs/creating-managing-projects),
// so that what was read once stays true.
type Projects struct {
	Client func(context.Context) (*resourcemanager.ProjectsClient, error)
	Calls  retry.Calls

	mu    sync.Mutex
	known map[iam.Project]Names
}

// mostProjects bounds what forged entries can make a process remember.
const mostProjects = 20_000

// Names returns both names of a project that is named by one of them. ok is
// false where the project does not exist or may not be read, which Resource
// Manager does not tell apart. The error is a [retry.Transient] where a read
// failed in a way that may pass.
func (p *Projects) Names(ctx context.Context, project iam.Project) (names Names, ok bool, err error) {
	if names, ok = p.recall(project); ok {
		return names, true, nil
	}
	var got reading[*resourcemanagerpb.Project]
	if got, err = p.read(ctx, project); err != nil || got.state != found {
		return Names{}, false, err
	}
	if names.ID, err = iam.ParseProject(got.answer.GetProjectId()); err == nil {
		names.Number, err = iam.ParseProject(strings.TrimPrefix(got.answer.GetName(), "projects/"))
	}
	if err != nil {
		return Names{}, false, fmt.Errorf("read %s: %w", got.of, err)
	}
	p.remember(names)
	return names, true, nil
}

func (p *Projects) read(ctx context.Context, project iam.Project) (got reading[*resourcemanagerpb.Project], err error) {
	client, err := p.Client(ctx)
	if err != nil {
		return got, &retry.Transient{Err: err}
	}
	name := "projects/" + project.String()
	err = look(ctx, p.Calls, &got, name, func(ctx context.Context) (*resourcemanagerpb.Project, error) {
		return client.GetProject(ctx, &resourcemanagerpb.GetProjectRequest{Name: name}, retry.Once)
	})
	return got, err
}

func (p *Projects) recall(project iam.Project) (Names, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	names, ok := p.known[project]
	return names, ok
}

func (p *Projects) remember(names Names) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= mostProjects {
		p.known = map[iam.Project]Names{}
	}
	p.known[names.ID], p.known[names.Number] = names, names
}

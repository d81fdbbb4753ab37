package pullfix

import (
	"context"
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
)

// identify finds the names that rules speak of: the ids of projects that the
// entry has by number, and the project of a caller, where the entry is about
// no deploy. Where nothing can be granted anyway, an entry does not wait for
// what cannot be read now.
func (f *function) identify(ctx context.Context, i *incident) error {
	err := f.identified(ctx, i)
	if err != nil && i.obstacle.Cause != remediate.WouldHelp {
		return nil
	}
	return err
}

func (f *function) identified(ctx context.Context, i *incident) error {
	to, err := f.names(ctx, i, i.finding.Access.Resource.Project())
	if err != nil {
		return err
	}
	if i.finding.Project.IsZero() {
		i.finding.Project = i.finding.Access.Principal.Home()
	}
	if i.from, err = f.names(ctx, i, i.finding.Project); err != nil {
		return err
	}
	if !i.finding.Number.IsZero() {
		i.from.Number = i.finding.Number
	}
	if !i.from.ID.IsZero() {
		i.finding.Project = i.from.ID
	}
	i.finding.Access.Resource = i.finding.Access.Resource.Of(to.ID)
	i.names()
	return f.whereLogged(ctx, i, to)
}

// names returns what a project is called. One that is named by its id is not
// looked up: rules are about ids.
func (f *function) names(ctx context.Context, i *incident, project iam.Project) (remediate.Names, error) {
	if !project.IsNumber() {
		return remediate.Names{ID: project}, nil
	}
	names, ok, err := f.projects.Names(ctx, project)
	if err != nil || !ok {
		i.nameless = append(i.nameless, "projects/"+project.String())
		return remediate.Names{Number: project}, err
	}
	return names, nil
}

// whereLogged doubts an entry of Data Access that is not in the log of the
// project whose data was accessed, where Google writes it
// (https://cloud.google.com/logging/docs/audit#data-access): whoever may write
// logs in another project could have made it up.
func (f *function) whereLogged(ctx context.Context, i *incident, accessed remediate.Names) error {
	parent, ofData := strings.CutSuffix(i.record.Log, "/logs/cloudaudit.googleapis.com%2Fdata_access")
	if !ofData || i.record.Resource == "" || i.finding.Doubt != "" {
		return nil
	}
	project := projectOf(parent)
	if project.IsZero() || accessed.Has(project) {
		i.elsewhere(project.IsZero(), parent)
		return nil
	}
	names, known, err := f.projects.Names(ctx, project)
	switch {
	case err != nil:
		return err
	case known || accessed.ID.IsZero() == project.IsNumber(): // both are known by names of one kind
		i.elsewhere(!names.Has(accessed.ID) && !names.Has(accessed.Number), parent)
	default:
		i.unplaced = parent
	}
	return nil
}

// projectOf is the project in a name such as "projects/P", else unknown.
func projectOf(parent string) (p iam.Project) {
	if id, ok := strings.CutPrefix(parent, "projects/"); ok {
		if known, err := iam.ParseProject(id); err == nil {
			p = known
		}
	}
	return p
}

// elsewhere notes that the entry is in a log where Google does not write it.
func (i *incident) elsewhere(so bool, parent string) {
	if so {
		i.finding.Cause = parse.CauseSpoof
		i.finding.Doubt = fmt.Sprintf("the entry is in the log of %s, and Google logs an access to %s in the project that holds it: the entry may be forged", parent, i.record.Resource)
	}
}

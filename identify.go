package pullfix

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

// identify finds the names that rules speak of: the ids of projects that the
// entry has by number, and the project of a caller, where the entry is about
// no deploy. Where nothing can be granted anyway, an entry does not wait for
// what cannot be read now.
func (f *function) identify(ctx context.Context, i *incident) (err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Identify)
	defer step.End(ctx, &err)
	err = f.identified(ctx, i)
	if err != nil && i.Obstacle.Cause != remediate.WouldHelp {
		return nil
	}
	return err
}

func (f *function) identified(ctx context.Context, i *incident) error {
	needs := f.Policy.Needs()
	to, err := f.names(ctx, i, i.Finding.Access.Resource.Project(), needs.ToNumber)
	if err != nil {
		return err
	}
	i.asked.ToNumber = to.Number
	if err := f.source(ctx, i, needs); err != nil {
		return err
	}
	i.Finding.Access.Resource = i.Finding.Access.Resource.Of(to.ID)
	i.rename()
	return f.whereLogged(ctx, i, to)
}

// source finds what rules ask for about the project that deploys.
func (f *function) source(ctx context.Context, i *incident, needs rules.Facts) error {
	from := i.asked.From.ID
	if from.IsZero() {
		from = i.asked.From.Number
	}
	names, err := f.names(ctx, i, from, needs.FromNumber && i.asked.From.Number.IsZero())
	if err != nil {
		return err
	}
	if !names.ID.IsZero() {
		from, i.asked.From.ID = names.ID, names.ID
	}
	if i.asked.From.Number.IsZero() {
		i.asked.From.Number = names.Number
	}
	i.Finding.Project = from
	if needs.Above && !from.IsZero() {
		i.asked.Above.Parents, i.asked.Above.Known, err = f.ancestry.Above(ctx, from, f.now())
		err = passing(err)
		i.homeless = !i.asked.Above.Known
	}
	return err
}

// names returns what a project is called. One that is named by its id is only
// looked up where its number is asked for.
func (f *function) names(ctx context.Context, i *incident, project iam.Project, number bool) (remediate.Names, error) {
	if project.IsZero() || !project.IsNumber() && !number {
		return remediate.Names{ID: project}, nil
	}
	names, known, err := f.lookUp(ctx, project)
	switch {
	case known:
		return names, nil
	case project.IsNumber():
		i.nameless = append(i.nameless, "projects/"+project.String())
		return remediate.Names{Number: project}, err
	default:
		return remediate.Names{ID: project}, err
	}
}

// lookUp asks for both names of a project. What will never be answered is not
// known; an error may pass.
func (f *function) lookUp(ctx context.Context, project iam.Project) (names remediate.Names, known bool, err error) {
	names, known, err = f.projects.Names(ctx, project)
	return names, known, passing(err)
}

// passing drops an error that another delivery would meet again.
func passing(err error) error {
	if transient := (*retry.Transient)(nil); errors.As(err, &transient) {
		return err
	}
	return nil
}

// place is the project in whose log Google writes an entry.
type place uint8

const (
	nowhere    place = iota
	ofResource       // the project that holds what was accessed
	ofDeploy         // the project that deploys
)

// places says in which audit logs Google writes of a kind, and where: Cloud Run
// in the project that deploys, the services in that of their data, and there
// only under Data Access (https://cloud.google.com/logging/docs/audit#data-access).
var places = map[iam.Kind]map[string]place{
	iam.RunImage:         {"system_event": ofDeploy, "activity": ofDeploy, "data_access": ofResource},
	iam.SecretAccess:     {"system_event": ofDeploy, "activity": ofDeploy, "data_access": ofResource},
	iam.CallerImage:      {"system_event": ofDeploy, "activity": ofDeploy},
	iam.ArtifactDownload: {"data_access": ofResource},
	iam.ArtifactUpload:   {"data_access": ofResource},
	iam.UpstreamSecret:   {"data_access": ofResource},
	iam.Invoker:          {"data_access": ofResource},
}

// whereLogged doubts an entry that is not in the log where Google writes it:
// whoever may write logs in another project could have made it up.
func (f *function) whereLogged(ctx context.Context, i *incident, accessed remediate.Names) error {
	parent, log, audit := strings.Cut(i.record.Log, "/logs/cloudaudit.googleapis.com%2F")
	if !audit || i.Obstacle.Cause != remediate.WouldHelp || i.Finding.Doubt != "" {
		return nil
	}
	where := places[i.Finding.Kind][log]
	want := accessed
	if where == ofDeploy {
		want = i.asked.From
	}
	project := projectOf(parent)
	if where == nowhere || project.IsZero() {
		i.misplaced("Google writes no such entry in the log %s of %s", log, parent)
		return nil
	}
	if want.Has(project) {
		return nil
	}
	names, known, err := f.lookUp(ctx, project)
	switch {
	case err != nil:
		return err
	case names.Has(want.ID) || names.Has(want.Number):
	case known || want.ID.IsZero() == project.IsNumber(): // both are known by names of one kind
		i.misplaced("the entry is in the log of %s, and Google writes it in that of the project that %s", parent, where)
	default:
		i.unplaced = parent
	}
	return nil
}

// String says which project it is.
func (p place) String() string {
	if p == ofDeploy {
		return "deploys"
	}
	return "holds what was accessed"
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

// misplaced notes that the entry is where Google does not write it.
func (i *incident) misplaced(format string, args ...any) {
	i.Finding.Cause, i.Finding.Doubt = parse.CauseSpoof, fmt.Sprintf(format, args...)+": it may be forged"
}

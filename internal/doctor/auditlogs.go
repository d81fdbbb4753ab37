package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/cloudresourcemanager/v3"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/rest"
)

// seenIn is the Data Access log in which failures of a kind are seen. Those of
// other kinds are in logs that nobody has to turn on
// (https://cloud.google.com/artifact-registry/docs/audit-logging).
var seenIn = map[iam.Kind]dataLog{
	iam.ArtifactDownload: {registryService, "DATA_READ"},
	iam.ArtifactUpload:   {registryService, "DATA_WRITE"},
	iam.UpstreamSecret:   {secretService, "DATA_READ"},
	iam.SecretAccess:     {secretService, "DATA_READ"},
}

type dataLog struct{ service, kind string }

// awaited returns the Data Access logs that rules wait for, by the project that
// writes them: the one that holds what is accessed.
func (k *desk) awaited() map[string][]dataLog {
	wanted := map[string][]dataLog{}
	if k.Policy == nil {
		return nil
	}
	for _, w := range k.Policy.Waits() {
		log, ok := seenIn[w.Kind]
		if ok && !slices.Contains(wanted[w.Project], log) {
			wanted[w.Project] = append(wanted[w.Project], log)
		}
	}
	return wanted
}

// auditLogs looks whether the projects that rules name log what the rules wait
// for.
func (k *desk) auditLogs() []Check {
	wanted := k.awaited()
	var checks []Check
	for _, project := range slices.Sorted(maps.Keys(wanted)) {
		logs := wanted[project]
		slices.SortFunc(logs, func(a, b dataLog) int { return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.kind, b.kind)) })
		checks = append(checks, Check{Name: "audit-logs", On: "projects/" + project, Look: func(ctx context.Context) []Result {
			return k.lookAtAuditLogs(ctx, project, logs)
		}})
	}
	return checks
}

// unlisted is what is said of a pattern of projects.
var unlisted = Result{Reason: "no project can be listed by that: look at each"}

func (k *desk) lookAtAuditLogs(ctx context.Context, project string, wanted []dataLog) []Result {
	if strings.Contains(project, "*") {
		return []Result{unlisted}
	}
	place := "projects/" + project
	policies, err := k.above(ctx, place)
	if len(policies) == 0 {
		return []Result{Unseen(err, permissionOf(place))}
	}
	var found []Result
	for _, log := range wanted {
		on := slices.ContainsFunc(policies, func(p *policy) bool { return audited(p, log.service)[log.kind] })
		if !on {
			found = append(found, Bad(turnOn(project, log), "%s of %s is not logged, so pullfix sees no denial there", log.kind, log.service))
		}
	}
	if found == nil {
		return []Result{Good("what rules wait for is logged")}
	}
	return found
}

// above returns the policies of a project and of what holds it, as far as they
// can be read.
func (k *desk) above(ctx context.Context, place string) ([]*policy, error) {
	var policies []*policy
	for place != "" {
		p, err := k.policy(ctx, place)
		if err != nil {
			return policies, err
		}
		policies = append(policies, p)
		if place, err = k.holder(ctx, place); err != nil {
			return policies, err
		}
	}
	return policies, nil
}

// holder returns the folder or organisation that holds a project or folder, ""
// where nothing does.
func (k *desk) holder(ctx context.Context, place string) (string, error) {
	if strings.HasPrefix(place, "organizations/") {
		return "", nil
	}
	held, err := rest.Get[cloudresourcemanager.Folder](ctx, k.cloud, managerService, "v3/"+place)
	if err != nil {
		return "", err
	}
	return held.Parent, nil
}

// turnOn is the command that turns a log on. gcloud has none for it: it writes
// the whole policy, with the etag of the one that it read.
func turnOn(project string, log dataLog) string {
	edit := fmt.Sprintf(`.auditConfigs = ([.auditConfigs[]? | select(.service != %[1]q)] + [{service: %[1]q, auditLogConfigs: `+
		`(([.auditConfigs[]? | select(.service == %[1]q) | .auditLogConfigs[]?]) + [{logType: %[2]q}])}])`, log.service, log.kind)
	return fmt.Sprintf(`policy=$(mktemp) && gcloud projects get-iam-policy %s --format=json | jq -e %s > "$policy" && gcloud projects set-iam-policy %[1]s "$policy"`,
		quote(project), quote(edit))
}

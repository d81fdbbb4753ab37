package brief

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/remediate"
)

const (
	console = "https://console.cloud.google.com/"
	pages   = "https://github.com/pullfix/pullfix/blob/main/docs/"

	longestURL = 2000 // what every channel takes in a link or a button
)

// links lead from the failure to what it is about, and to what is known of it.
func (c Case) links() []notify.Link {
	var links []notify.Link
	for _, l := range []notify.Link{c.entry(), c.workload(), c.resource(), c.recorded(), c.kindPage(), c.causePage()} {
		if l.URL != "" && len(l.URL) <= longestURL {
			links = append(links, l)
		}
	}
	return links
}

// entry leads to the log entry.
func (c Case) entry() notify.Link {
	parent, _, _ := strings.Cut(c.Record.Log, "/logs/")
	id, _ := strings.CutPrefix(parent, "projects/")
	project, err := iam.ParseProject(id)
	if err != nil || c.InsertID == "" || c.Dated.IsZero() {
		return notify.Link{}
	}
	return notify.Link{Label: "Log entry", URL: logs(project, c.Dated.Add(-time.Minute), c.Dated.Add(time.Minute), equals("insertId", c.InsertID))}
}

// recorded leads to what pullfix recorded of the event; where the budget is used
// up, to what was granted before. Records have the time of their entry, which is
// some time before the grant.
func (c Case) recorded() notify.Link {
	at := c.Record.At
	switch {
	case c.Home.IsZero() || at.IsZero():
		return notify.Link{}
	case c.trip():
		return notify.Link{Label: "What was granted", URL: logs(c.Home, at.Add(-2*time.Hour), at, recordLog(c.Home), equals("jsonPayload.outcome", "applied"))}
	default:
		return notify.Link{Label: "Record", URL: logs(c.Home, at.Add(-time.Minute), at.Add(time.Minute), recordLog(c.Home), equals("jsonPayload.event", c.Record.Event))}
	}
}

func recordLog(home iam.Project) string {
	return equals("logName", "projects/"+home.String()+"/logs/pullfix")
}

// equals is a comparison in the query language of Cloud Logging, whose text in
// quotes may be anything (https://cloud.google.com/logging/docs/view/logging-query-language).
func equals(field, value string) string { return field + "=" + strconv.Quote(value) }

// logs opens the Logs Explorer with a query, in the form that Google's own data
// source for Grafana links to it
// (https://github.com/GoogleCloudPlatform/cloud-logging-data-source-plugin, src/QueryEditor.tsx).
func logs(project iam.Project, from, to time.Time, query ...string) string {
	return fmt.Sprintf("%slogs/query;query=%s;timeRange=%s%%2F%s?project=%s",
		console, encoded(strings.Join(query, "\n")), stamp(from), stamp(to), encoded(project.String()))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// encoded leaves nothing that ends a parameter: url.PathEscape would keep "&",
// "=" and ":".
func encoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// workloads says which collection the words for a workload name, and the page
// of one in the console. A page of a worker pool is not documented, the list is
// (https://cloud.google.com/run/docs/logging). Of services see
// https://github.com/GoogleCloudPlatform/cloud-run-mcp; of functions what gcloud
// functions deploy prints.
var workloads = map[string]struct{ label, collection, page string }{
	"service":     {"Service", "services", "run/detail/%s/%s"},
	"job":         {"Job", "jobs", "run/jobs/details/%s/%s"},
	"execution":   {"Execution", "jobs", "run/jobs/executions/details/%s/%s"},
	"function":    {"Function", "functions", "functions/details/%s/%s"},
	"worker pool": {"Worker pools", "workerPools", "run/worker-pools"},
}

// workload leads to what was deployed. The name is checked as that of a
// resource.
func (c Case) workload() notify.Link {
	f := c.Finding
	i := max(0, strings.LastIndexByte(f.Workload, ' '))
	w, ok := workloads[f.Workload[:i]]
	if !ok {
		return notify.Link{}
	}
	r, err := iam.ParseResource(fmt.Sprintf("projects/%s/locations/%s/%s/%s", f.Project, f.Location, w.collection, f.Workload[i+1:]))
	if err != nil {
		return notify.Link{}
	}
	page := w.page
	if strings.Contains(page, "%") {
		page = fmt.Sprintf(page, r.Location(), r.ID())
	}
	return inConsole(w.label, page, r.Project())
}

func inConsole(label, page string, project iam.Project) notify.Link {
	return notify.Link{Label: label, URL: console + page + "?project=" + encoded(project.String())}
}

// resource leads to what would be changed, where its page is known.
func (c Case) resource() notify.Link {
	r := c.Finding.Access.Resource
	if c.Obstacle.Fix != nil {
		r = c.Obstacle.Fix.Binding.Resource
	}
	switch project := r.Project(); {
	case r.Type() == iam.RepositoryType && c.docker(r) && !project.IsNumber():
		return inConsole("Repository", fmt.Sprintf("artifacts/docker/%s/%s/%s", project, r.Location(), r.ID()), project)
	case r.Type() == iam.RepositoryType:
		return inConsole("Repositories", "artifacts", project)
	case r.Type() == iam.SecretType && r.Location() == "":
		return inConsole("Secret", "security/secret-manager/secret/"+r.ID()+"/versions", project)
	default:
		return notify.Link{}
	}
}

// docker reports whether the repository is known to hold images: the page of
// one depends on its format, which its name does not say.
func (c Case) docker(r iam.Resource) bool {
	of := c.Finding.Image.Repository()
	return of.ID() == r.ID() && of.Location() == r.Location()
}

func (c Case) kindPage() notify.Link {
	if c.Record.Kind == "" {
		return notify.Link{}
	}
	kind := c.Finding.Kind.String()
	return notify.Link{Label: "About " + kind, URL: pages + "errors/" + kind + ".md"}
}

func (c Case) causePage() notify.Link {
	cause := string(c.Obstacle.Cause)
	if cause == "" || c.Obstacle.Cause == remediate.NotGrantable && c.Record.Kind != "" {
		return notify.Link{}
	}
	return notify.Link{Label: "About " + cause, URL: pages + "checks.md#" + encoded(cause)}
}

package doctor

import (
	"context"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// watched is a kind of document that watches over the deployment.
type watched struct {
	kind       string
	service    string // that has them
	path       string // of the list, in the project
	version    string
	permission string   // to list them
	title      string   // the field that tells one from another
	creates    []string // the command that takes one from standard input
	named      bool     // that command wants the name of it, too
}

var watches = []watched{
	{
		deploy.Metrics, loggingService, "metrics", "v2", "logging.logMetrics.list", "name",
		[]string{"logging", "metrics", "create", "--config-from-file=-"},
		true,
	},
	{
		deploy.Alerts, "monitoring.googleapis.com", "alertPolicies", "v3", "monitoring.alertPolicies.list", "displayName",
		[]string{"alpha", "monitoring", "policies", "create", "--policy-from-file=-"},
		false,
	},
	{
		deploy.Dashboards, "monitoring.googleapis.com", "dashboards", "v1", "monitoring.dashboards.list", "displayName",
		[]string{"monitoring", "dashboards", "create", "--config-from-file=-"},
		false,
	},
}

// monitoring looks whether that is there which shows how pullfix does, and tells
// when it does not. Terraform has it in words of its own, so that what is in it
// is not compared.
func (k *desk) monitoring() []Check {
	var checks []Check
	for _, w := range watches {
		checks = append(checks, Check{Name: w.kind, Look: func(ctx context.Context) []Result { return k.lookAtDocuments(ctx, w) }})
	}
	return checks
}

func (k *desk) lookAtDocuments(ctx context.Context, w watched) []Result {
	wanted, err := deploy.Watch{Project: k.Project.String()}.Documents(w.kind)
	if err != nil {
		return []Result{Unseen(err, "")}
	}
	there, err := k.titles(ctx, w)
	if err != nil {
		return []Result{Unseen(err, w.permission)}
	}
	var results []Result
	for _, d := range wanted {
		title, _ := d.Fields[w.title].(string)
		if there[title] || d.Lacks != "" { // whether somebody wants those that lack something, only he knows
			continue
		}
		create := w.creates
		if w.named {
			create = append([]string{create[0], create[1], create[2], title}, create[3:]...)
		}
		command := Shell("pullfix", "monitoring", "show", w.kind, d.File, k.in()) + " | " + gcloud(append(create, k.in())...)
		lacks := Bad(command, "there is none")
		lacks.On = title
		results = append(results, lacks)
	}
	if len(results) == 0 {
		return []Result{Good("all of pullfix are there")}
	}
	return results
}

// documentPage is a page of a list. Each kind has its own field.
type documentPage struct {
	Metrics       []map[string]any `json:"metrics"`
	AlertPolicies []map[string]any `json:"alertPolicies"`
	Dashboards    []map[string]any `json:"dashboards"`
	NextPageToken string           `json:"nextPageToken"`
}

// titles are those of all documents of a kind.
func (k *desk) titles(ctx context.Context, w watched) (map[string]bool, error) {
	there := map[string]bool{}
	for page, err := range rest.Pages(ctx, k.cloud, w.service, w.version+"/"+k.name(w.path), func(p *documentPage) string { return p.NextPageToken }) {
		if err != nil {
			return nil, err
		}
		for _, docs := range [][]map[string]any{page.Metrics, page.AlertPolicies, page.Dashboards} {
			for _, doc := range docs {
				title, _ := doc[w.title].(string)
				there[title] = true
			}
		}
	}
	return there, nil
}

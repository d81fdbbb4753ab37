package deploy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// The kinds of documents that show how pullfix does, and that tell somebody when
// it does not. All are in the project of pullfix.
const (
	Metrics    = "metrics"    // log-based metrics of Cloud Logging
	Alerts     = "alerts"     // alert policies of Cloud Monitoring
	Dashboards = "dashboards" // of Cloud Monitoring
)

// documents are the files of each kind.
var documents = map[string]string{Metrics: "metrics/*.json", Alerts: "monitoring/*.json", Dashboards: "dashboard.json"}

// Document is a log-based metric, an alert policy or a dashboard, as its REST API
// takes it
// (https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.metrics,
// https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies,
// https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards).
type Document struct {
	File   string // that it is in, without the folder and .json
	Fields map[string]any
	Lacks  string // what it cannot be made without and is not known, "" for nothing
}

// Watch is what those files are filled in with.
type Watch struct {
	Project  string   // of pullfix, by its id
	Deployer string   // e-mail of the account whose changes raise no alarm; "" where it is not known
	Channels []string // projects/P/notificationChannels/N: whom alert policies tell
}

var (
	projectID  = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$`)
	anAddress  = regexp.MustCompile(`^[^@\s"'\\]+@[^@\s"'\\]+$`)
	anyChannel = regexp.MustCompile(`^projects/[^/\s"]+/notificationChannels/[^/\s"]+$`)
)

func (w Watch) check() error {
	if !projectID.MatchString(w.Project) {
		return fmt.Errorf(`monitoring: project %q: want the id of a project, as "ops-123"`, w.Project)
	}
	if w.Deployer != "" && !anAddress.MatchString(w.Deployer) {
		return fmt.Errorf(`monitoring: deployer %q: want the e-mail address of an account, as "deployer@ops.iam.gserviceaccount.com"`, w.Deployer)
	}
	for _, c := range w.Channels {
		if !anyChannel.MatchString(c) {
			return fmt.Errorf(`monitoring: channel %q: want it as "projects/ops/notificationChannels/1"`, c)
		}
	}
	return nil
}

// Documents returns those of a kind, by their files.
func (w Watch) Documents(kind string) ([]Document, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	pattern, ok := documents[kind]
	if !ok {
		return nil, fmt.Errorf("monitoring: %q: want %s, %s or %s", kind, Metrics, Alerts, Dashboards)
	}
	names, err := fs.Glob(files, pattern)
	if err != nil {
		panic(err) // the patterns are those above
	}
	var all []Document
	for _, name := range names {
		content := string(text(name))
		d := Document{File: strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".json"), Fields: w.fill(content)}
		if w.Deployer == "" && strings.Contains(content, "PULLFIX_DEPLOYER") {
			d.Lacks = "deployer"
		}
		all = append(all, d)
	}
	return all, nil
}

// fill puts values in the place of placeholders. None of them holds what JSON or
// a filter would take for more than text.
func (w Watch) fill(content string) map[string]any {
	content = strings.NewReplacer(
		"PULLFIX_PROJECT", w.Project, "PULLFIX_DEPLOYER", w.Deployer,
		"PULLFIX_ACCOUNT", Function+"@"+w.Project+".iam.gserviceaccount.com",
	).Replace(content)
	var fields map[string]any
	if err := json.Unmarshal([]byte(content), &fields); err != nil {
		panic(err) // it is embedded
	}
	if _, tells := fields["notificationChannels"]; tells {
		delete(fields, "notificationChannels")
		if len(w.Channels) > 0 {
			fields["notificationChannels"] = anys(w.Channels)
		}
	}
	return fields
}

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for n, text := range texts {
		all[n] = text
	}
	return all
}

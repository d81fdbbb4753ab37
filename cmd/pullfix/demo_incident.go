package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"text/template"
	"time"
)

//go:embed demo/entry.json.tmpl
var demoEntry string

// demoIncident is one log entry of a demo.
type demoIncident struct {
	Title   string // what happens in it
	Project string
	Number  string // of the project, as the entry says
	Agent   string // number in the address of the agent that the text names
	Word    string // Service, Job or WorkerPool
	Name    string
	Image   string

	Succeeded bool
	Raw       string // sent as it is, in place of an entry

	ID, Time string
}

func demoIncidents() []demoIncident {
	const apps = "us-central1-docker.pkg.dev/shared-images/apps/"
	return []demoIncident{
		{Title: "a service, allowed by a rule", Project: "app-one", Number: "111111111111", Word: "Service", Name: "web", Image: apps + "web:v1"},
		{Title: "a job with a nested image by digest", Project: "app-three", Number: "333333333333", Word: "Job", Name: "nightly-report", Image: apps + "team/report@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"},
		{Title: "the agent holds the role already", Project: "app-two", Number: "222222222222", Word: "WorkerPool", Name: "queue", Image: apps + "web:v1"},
		{Title: "no rule allows it", Project: "app-one", Number: "111111111111", Word: "Service", Name: "lint", Image: "us-central1-docker.pkg.dev/shared-images/tools/lint:v3"},
		{Title: "a rule denies it", Project: "app-one", Number: "111111111111", Word: "Job", Name: "sign", Image: "us-central1-docker.pkg.dev/vault/signed/signer:v1"},
		{Title: "a rule ignores it", Project: "sandbox-7", Number: "777777777777", Word: "Service", Name: "try", Image: apps + "web:v1"},
		{Title: "the image does not exist", Project: "app-three", Number: "333333333333", Word: "Service", Name: "web", Image: apps + "web:v9"},
		{Title: "the repository does not exist", Project: "app-three", Number: "333333333333", Word: "Service", Name: "web", Image: "europe-west1-docker.pkg.dev/shared-images/apps/web:v1"},
		{Title: "the text names the agent of a foreign project", Project: "app-one", Number: "111111111111", Agent: "666666666666", Word: "Service", Name: "web", Image: apps + "web:v1"},
		{Title: "a forged entry: all of it says a foreign project's number", Project: "app-one", Number: "666666666666", Word: "Service", Name: "web", Image: apps + "web:v1"},
		{Title: "a deploy that succeeded", Project: "app-one", Number: "111111111111", Word: "Service", Name: "web", Image: apps + "web:v1", Succeeded: true},
		{Title: "a message that is no log entry", Raw: `{"insertId": "cut-off", "logName": "projects/app-one/lo`},
	}
}

var demoTemplate = template.Must(template.New("entry").Parse(demoEntry))

// entry returns the log entry in JSON.
func (i demoIncident) entry(n int) ([]byte, error) {
	if i.Raw != "" {
		return []byte(i.Raw), nil
	}
	i.ID, i.Time = fmt.Sprintf("demo-%02d", n), time.Now().UTC().Format(time.RFC3339Nano)
	if i.Agent == "" {
		i.Agent = i.Number
	}
	var entry bytes.Buffer
	if err := demoTemplate.Execute(&entry, i); err != nil {
		return nil, err
	}
	if !json.Valid(entry.Bytes()) {
		return nil, errors.New("the entry is not JSON")
	}
	return entry.Bytes(), nil
}

// Collection, Method, Label and ResourceType are words of the entry that follow
// from what is deployed.

func (i demoIncident) Collection() string { return demoWords[i.Word].collection }

// Method returns the audit log's methodName.
func (i demoIncident) Method() string { return demoWords[i.Word].method }

// Label returns the label of the monitored resource that holds the name.
func (i demoIncident) Label() string { return demoWords[i.Word].label }

// ResourceType returns the type of the monitored resource.
func (i demoIncident) ResourceType() string { return demoWords[i.Word].resourceType }

var demoWords = map[string]struct{ collection, method, label, resourceType string }{
	"Service":    {"services", "/Services.ReplaceService", "service_name", "cloud_run_revision"},
	"Job":        {"jobs", "/Jobs.CreateJob", "job_name", "cloud_run_job"},
	"WorkerPool": {"workerpools", "/WorkerPools.CreateWorkerPool", "worker_pool_name", "cloud_run_worker_pool"},
}

// Message returns the text of the failure as Cloud Run writes it.
func (i demoIncident) Message() string {
	agent := "service-" + i.Agent + "@serverless-robot-prod.iam.gserviceaccount.com"
	return "Google Cloud Run Service Agent " + agent + " must have permission to read the image, " + i.Image +
		". Ensure that the provided container image URL is correct and that the above account has permission to access the image. " +
		"If you just enabled the Cloud Run API, the permissions might take a few minutes to propagate. " +
		"Note that the image is from another project than this project [" + i.Project + "]. " +
		"Permission must be granted to the Google Cloud Run Service Agent " + agent + " from this project."
}

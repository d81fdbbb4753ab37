package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/api/logging/v2"
	"google.golang.org/api/pubsub/v1"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// Probe is a denial that never was: it is published as the sinks publish one,
// and its record has to come.
type Probe struct {
	Deployment Deployment
	Cloud      *rest.Client
	ID         string        // names it, and the repository that does not exist
	Every      time.Duration // how often to look for the record
	Now        func() time.Time
	Waiting    func(since time.Duration) // is told after each look
}

// Run publishes it and waits for its record, until the context ends.
func (p Probe) Run(ctx context.Context) Result {
	began := p.Now()
	r := p.run(ctx, began)
	r.Check, r.On = "end-to-end", p.event()
	return r
}

// event is the id of the log entry, by which the record names it.
func (p Probe) event() string { return "pullfix-doctor-" + p.ID }

func (p Probe) run(ctx context.Context, began time.Time) Result {
	k := &desk{Deployment: p.Deployment, cloud: p.Cloud}
	number, err := k.project(ctx, "projects/"+k.Project.String())
	if err != nil {
		return Unseen(err, "resourcemanager.projects.get")
	}
	entry, err := json.Marshal(p.entry(numberOf(number), began))
	if err != nil {
		return Unseen(err, "")
	}
	message := &pubsub.PubsubMessage{
		Data:       base64.StdEncoding.EncodeToString(entry),
		Attributes: map[string]string{"logging.googleapis.com/timestamp": began.UTC().Format(time.RFC3339Nano)},
	}
	path := "v1/" + k.name("topics/"+deploy.Topic+":publish")
	if _, err := rest.Do[pubsub.PublishResponse](ctx, k.cloud, pubsubService, path, &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{message}}); err != nil {
		return Unseen(err, "pubsub.topics.publish")
	}
	for {
		found, err := k.entries(ctx, `jsonPayload.event="`+p.event()+`" AND timestamp>="`+began.Add(-time.Hour).UTC().Format(time.RFC3339)+`"`)
		since := p.Now().Sub(began).Round(time.Second)
		switch {
		case err == nil && len(found) > 0:
			return Good("recorded after %s", since)
		case ctx.Err() == nil && err != nil:
			return Unseen(err, "logging.logEntries.list")
		}
		p.Waiting(since)
		select {
		case <-ctx.Done():
			return Bad(k.readLog(), "it was published, and there is no record after %s", since)
		case <-time.After(p.Every):
		}
	}
}

// readLog is the command that shows what the function says.
func (k *desk) readLog() string {
	return gcloud("logging", "read", `resource.type="cloud_run_revision" AND resource.labels.service_name="`+deploy.Function+`"`, k.in(), "--freshness=1h")
}

// entry is what Cloud Run logs when its agent cannot read an image. The
// repository does not exist, so that nothing can be granted.
func (p Probe) entry(number string, at time.Time) map[string]any {
	id, service := p.Deployment.Project.String(), "pullfix-doctor"
	image := fmt.Sprintf("%s-docker.pkg.dev/%s/%s/none:none", p.Deployment.Region, strings.Replace(id, ":", "/", 1), p.event())
	agent := "service-" + number + "@serverless-robot-prod.iam.gserviceaccount.com"
	return map[string]any{
		"insertId": p.event(), "logName": "projects/" + id + "/logs/cloudaudit.googleapis.com%2Fsystem_event",
		"timestamp": at.UTC().Format(time.RFC3339Nano), "receiveTimestamp": at.UTC().Format(time.RFC3339Nano), "severity": "ERROR",
		"resource": map[string]any{"type": "cloud_run_revision", "labels": map[string]string{
			"project_id": id, "location": p.Deployment.Region, "service_name": service, "revision_name": service + "-00001-abc", "configuration_name": service,
		}},
		"protoPayload": map[string]any{
			"@type":       "type.googleapis.com/google.cloud.audit.AuditLog",
			"serviceName": "run.googleapis.com", "methodName": "/Services.CreateService", "resourceName": "namespaces/" + id + "/services/" + service,
			"status": map[string]any{"message": "Ready condition status changed to False for Service " + service + " with message: Google Cloud Run Service Agent " +
				agent + " must have permission to read the image, " + image + ". Ensure that the provided container image URL is correct and that the above account has permission to access the image."},
			"response": map[string]any{
				"metadata": map[string]any{"name": service, "namespace": number},
				"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"image": image}}}}},
			},
		},
	}
}

// entries reads the newest records that a filter wants; one that is "" wants
// all.
func (k *desk) entries(ctx context.Context, filter string) ([]*logging.LogEntry, error) {
	all := `logName="` + k.name("logs/"+audit.LogID) + `"`
	if filter != "" {
		all += " AND " + filter
	}
	list, err := rest.Do[logging.ListLogEntriesResponse](ctx, k.cloud, loggingService, "v2/entries:list", &logging.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + k.Project.String()}, Filter: all, OrderBy: "timestamp desc", PageSize: 10,
	})
	if err != nil {
		return nil, err
	}
	return list.Entries, nil
}

package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"cloud.google.com/go/logging"
	"google.golang.org/api/option"
	mrpb "google.golang.org/genproto/googleapis/api/monitoredres"
)

// LogID is the log that holds the record: projects/P/logs/pullfix.
//
// By what its entries are found: they have the labels event, rule, kind,
// verdict, outcome and project (the source project), each where it is known, and
// a trace of their own for each finding of an event, projects/P/traces/K with
// the [Record.Key] for K. So labels.event="insertId of the log entry" leads from
// what happened to the record, the trace from any of its records to the others,
// and [Record.RequestReason], which holds both, to them from Google's own entry
// of the policy change.
const LogID = "pullfix"

const writeTimeout = 20 * time.Second

// Cloud writes records to Cloud Logging.
type Cloud struct {
	client *logging.Client
	logger *logging.Logger
	traces string // what the name of a trace begins with
}

// OpenCloud connects to the Cloud Logging of a project.
func OpenCloud(ctx context.Context, project string, opts ...option.ClientOption) (*Cloud, error) {
	client, err := logging.NewClient(ctx, "projects/"+project, opts...)
	if err != nil {
		return nil, fmt.Errorf("audit log of %q: %w", project, err)
	}
	// A resource of its own, because the client would otherwise ask the
	// metadata server which one it runs on.
	resource := &mrpb.MonitoredResource{Type: "global", Labels: map[string]string{"project_id": project}}
	logger := client.Logger(LogID, logging.CommonResource(resource))
	return &Cloud{client: client, logger: logger, traces: "projects/" + project + "/traces/"}, nil
}

// stamp dates a record like its event, so that every delivery writes the same
// entry, and keeps the records of one event apart, so that a log viewer shows
// intent, result, intent of the undo, result of the undo.
func stamp(r Record) time.Time {
	at := r.At
	if r.Phase == PhaseResult {
		at = at.Add(time.Microsecond)
	}
	if r.undo() {
		at = at.Add(2 * time.Microsecond)
	}
	return at
}

// Write writes the record and waits for the answer. Cloud Logging shows entries
// with the same insertId and timestamp once.
func (c *Cloud) Write(ctx context.Context, r Record) error {
	r = r.bounded()
	payload, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit record: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = c.logger.LogSync(ctx, logging.Entry{
		InsertID:  r.ID(),
		Timestamp: stamp(r),
		Severity:  severity(r),
		Payload:   json.RawMessage(payload),
		Labels:    labels(r),
		Trace:     c.traces + r.Key(),
	})
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// labels are what somebody looks for. The texts of a bounded record are shorter
// than a label may be (https://cloud.google.com/logging/quotas#log-limits).
func labels(r Record) map[string]string {
	all := map[string]string{
		"event": r.Event, "rule": r.Rule, "kind": r.Kind, "verdict": r.Verdict, "outcome": r.Outcome, "project": r.SourceProject,
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

func severity(r Record) logging.Severity {
	switch {
	case r.Phase == PhaseNotice || r.Outcome == OutcomeRefused || r.Outcome == OutcomeFailed:
		return logging.Error
	case r.Verdict == "alert":
		return logging.Warning
	default:
		return logging.Notice
	}
}

// Close releases the connection.
func (c *Cloud) Close() error { return c.client.Close() }

package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cloud.google.com/go/logging"
	"google.golang.org/api/option"
	mrpb "google.golang.org/genproto/googleapis/api/monitoredres"
)

// LogID is the log that holds the record: projects/P/logs/pullfix.
const LogID = "pullfix"

const writeTimeout = 20 * time.Second

// Cloud writes records to Cloud Logging.
type Cloud struct {
	client *logging.Client
	logger *logging.Logger
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
	return &Cloud{client: client, logger: client.Logger(LogID, logging.CommonResource(resource))}, nil
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
	payload, err := json.Marshal(r.bounded())
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
		Labels:    map[string]string{"event": r.Event, "kind": r.Kind, "verdict": r.Verdict},
	})
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func severity(r Record) logging.Severity {
	switch {
	case r.Outcome == OutcomeRefused || r.Outcome == OutcomeFailed:
		return logging.Error
	case r.Verdict == "alert":
		return logging.Warning
	default:
		return logging.Notice
	}
}

// Close releases the connection.
func (c *Cloud) Close() error { return c.client.Close() }

package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/logging"
	"cloud.google.com/go/logging/logadmin"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/protobuf/types/known/structpb"
)

// FindInCloud returns the records of one event from the Cloud Logging of a
// project, in the order in which they were written, each id once. None is no
// error: entries are gone after the retention of their bucket, 30 days unless
// it says otherwise. An event can have several findings; [Record.Key] tells
// them apart. An entry that is not a record is an error. What was written a
// moment ago may be missing: Cloud Logging lists it some seconds later.
func FindInCloud(ctx context.Context, project, event string, opts ...option.ClientOption) (records []Record, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("audit log of %q: %w", project, err)
		}
	}()
	if err := checkEvent(event); err != nil {
		return nil, err
	}
	// To read is enough; the client would ask for everything.
	opts = append([]option.ClientOption{option.WithScopes(logging.ReadScope)}, opts...)
	client, err := logadmin.NewClient(ctx, "projects/"+project, opts...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	found := search{event: event}
	if err := found.read(client.Entries(ctx, logadmin.Filter(eventFilter(project, event)))); err != nil {
		return nil, err
	}
	slices.SortStableFunc(found.records, inOrder)
	return found.records, nil
}

// eventFilter names a time before all records, because the client would
// otherwise add the last 24 hours (defaultTimestampFilter in
// cloud.google.com/go/logging/logadmin/logadmin.go). It names the log in full:
// its log_id alone could be another project's.
func eventFilter(project, event string) string {
	return fmt.Sprintf(`logName=%s AND jsonPayload.event=%s AND timestamp>="1970-01-01T00:00:00Z"`,
		quote("projects/"+project+"/logs/"+LogID), quote(event))
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote writes a value of the Logging query language, in which a quoted text
// ends at a quote that has no backslash before it
// (https://cloud.google.com/logging/docs/view/logging-query-language#values-and-conversions).
// Only these two characters mean something; control characters are refused
// before.
func quote(value string) string { return `"` + escape.Replace(value) + `"` }

func (s *search) read(entries *logadmin.EntryIterator) error {
	for {
		entry, err := entries.Next()
		if errors.Is(err, iterator.Done) {
			return nil
		}
		if err != nil {
			return err
		}
		r, err := fromEntry(entry)
		if err != nil {
			return fmt.Errorf("entry %q of %s is not a record: %w", entry.InsertID, entry.Timestamp.Format(time.RFC3339Nano), err)
		}
		s.add(r)
	}
}

func fromEntry(entry *logging.Entry) (Record, error) {
	payload, ok := entry.Payload.(*structpb.Struct)
	if !ok {
		return Record{}, fmt.Errorf("payload of type %T: want a JSON payload", entry.Payload)
	}
	text, err := payload.MarshalJSON()
	if err != nil {
		return Record{}, err
	}
	return decode(text)
}

// inOrder compares by the time at which a viewer shows the records. The results
// of one act have the same, and then the one that ends the tries is the last.
func inOrder(a, b Record) int {
	return cmp.Or(stamp(a).Compare(stamp(b)), cmp.Compare(finality(a), finality(b)))
}

func finality(r Record) int {
	switch r.Outcome {
	case OutcomeFailed:
		return 0
	case OutcomeRefused:
		return 1
	default:
		return 2
	}
}

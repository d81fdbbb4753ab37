package audit

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/api/option"
)

// Log says where Cloud Logging holds the record.
type Log struct {
	Project string // in whose log it was written
	View    string // of a log bucket that it was routed to, as [ParseView] returns it; "" for what the project shows itself
}

var viewForm = onUse(`^projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/buckets/[A-Za-z0-9_.-]+/views/[A-Za-z0-9_.-]+$`)

// ParseView reads the name of a view of a log bucket
// (https://cloud.google.com/logging/docs/logs-views).
func ParseView(name string) (string, error) {
	if !viewForm().MatchString(name) {
		return "", fmt.Errorf("view %q: want projects/P/locations/L/buckets/B/views/V", name)
	}
	return name, nil
}

// resource is what Cloud Logging is asked for.
func (l Log) resource() string { return cmp.Or(l.View, "projects/"+l.Project) }

// FindInCloud returns the records of one event from Cloud Logging,
// in the order in which they were written, each id once. None is no
// error: entries are gone after the retention of their bucket, 30 days unless
// it says otherwise. An event can have several findings; [Record.Key] tells
// them apart. An entry that is not a record is an error, beside the records that
// were found. What was written a moment ago may be missing: Cloud Logging lists it some seconds later.
func FindInCloud(ctx context.Context, from Log, event string, opts ...option.ClientOption) ([]Record, error) {
	if err := checkEvent(event); err != nil {
		return nil, from.wrap(err)
	}
	found := search{event: event}
	err := found.all(ReadCloud(ctx, from, Query{Event: event}, opts...))
	return found.records, err
}

// ReadCloud yields those records in Cloud Logging that are wanted,
// ordered by the time of their event, each id once, which takes the memory of
// the ids. It reads back as far as the retention of the bucket goes. The entries
// come a thousand at a time, and 60 times a minute at most: that is the quota of
// a project (https://cloud.google.com/logging/quotas#api-limits), so where it
// is used up the reading waits, for some minutes at most. An entry that is not a
// record is a [LineError]; the rest is as with [ReadFile].
func ReadCloud(ctx context.Context, from Log, q Query, opts ...option.ClientOption) iter.Seq2[*Record, error] {
	return readCloud(ctx, from, q, defaultPatience, opts...)
}

func readCloud(ctx context.Context, from Log, q Query, p patience, opts ...option.ClientOption) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		if err := q.check(); err != nil {
			yield(nil, from.wrap(err))
			return
		}
		seen := map[string]bool{}
		for r, err := range inTurn(entries(ctx, from.resource(), filterOf(from.Project, q), p, opts...)) {
			switch {
			case err != nil:
				if !yield(nil, from.wrap(err)) || !passing(err) {
					return
				}
			case q.Matches(r) && !seen[r.ID()]:
				seen[r.ID()] = true
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// inTurn reads entries, and yields those of the same time as [inOrder] has them:
// Cloud Logging does not say which was first.
func inTurn(found iter.Seq2[*loggingpb.LogEntry, error]) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var same []*Record
		var at time.Time
		flush := func() bool {
			slices.SortStableFunc(same, func(a, b *Record) int { return inOrder(*a, *b) })
			for _, r := range same {
				if !yield(r, nil) {
					return false
				}
			}
			same = same[:0]
			return true
		}
		for entry, err := range found {
			if next := entry.GetTimestamp().AsTime(); err != nil || !next.Equal(at) {
				if at = next; !flush() {
					return
				}
			}
			var r *Record
			if err == nil {
				r, err = fromEntry(entry)
			}
			if err == nil {
				same = append(same, r)
				continue
			}
			if !yield(nil, err) {
				return
			}
		}
		flush()
	}
}

func (l Log) wrap(err error) error {
	if l.View != "" {
		return fmt.Errorf("audit log of %q in %q: %w", l.Project, l.View, err)
	}
	return fmt.Errorf("audit log of %q: %w", l.Project, err)
}

// latest is how much later than its event a record is dated at most, see [stamp].
const latest = 3 * time.Microsecond

// filterOf is a filter of Cloud Logging for what is wanted, and perhaps for
// more: Cloud Logging does not tell "ABC" from "abc". It names the log in full:
// its log_id alone could be another project's.
func filterOf(project string, q Query) string {
	all := []string{"logName=" + quote("projects/"+project+"/logs/"+LogID)}
	for _, c := range []struct{ key, value string }{
		{"event", q.Event},
		{"rule", q.Rule},
		{"verdict", q.Verdict},
		{"outcome", q.Outcome},
		{"kind", q.Kind},
	} {
		if c.value != "" {
			all = append(all, "jsonPayload."+c.key+"="+quote(c.value))
		}
	}
	if p := q.Project; p != "" {
		all = append(all, fmt.Sprintf("(jsonPayload.source_project=%s OR jsonPayload.resource:%s)", quote(p), quote("projects/"+p)))
	}
	if q.Repository != "" {
		all = append(all, "jsonPayload.resource:"+quote(q.Repository))
	}
	if p := q.Principal; p != "" {
		all = append(all, "jsonPayload.principal:"+quote(p))
	}
	return strings.Join(append(all, between(q.From, q.To, latest)), " AND ")
}

// between is a filter by the time of entries. Without a beginning it names one
// before all of them, so that nobody on the way adds one of his own: gcloud and
// logadmin add that of yesterday.
func between(from, to time.Time, late time.Duration) string {
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	text := "timestamp>=" + quote(from.UTC().Format(time.RFC3339Nano))
	if !to.IsZero() {
		text += " AND timestamp<" + quote(to.Add(late).UTC().Format(time.RFC3339Nano))
	}
	return text
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote writes a value of the Logging query language, in which a quoted text
// ends at a quote that has no backslash before it
// (https://cloud.google.com/logging/docs/view/logging-query-language#values-and-conversions).
// Only these two characters mean something; control characters are refused
// before.
func quote(value string) string { return `"` + escape.Replace(value) + `"` }

func fromEntry(entry *loggingpb.LogEntry) (*Record, error) {
	r, err := fromPayload(entry)
	if err != nil {
		name := fmt.Sprintf("%q of %s", entry.GetInsertId(), entry.GetTimestamp().AsTime().Format(time.RFC3339Nano))
		return nil, &LineError{Entry: name, Err: err}
	}
	return &r, nil
}

func fromPayload(entry *loggingpb.LogEntry) (Record, error) {
	payload := entry.GetJsonPayload()
	if payload == nil {
		return Record{}, fmt.Errorf("payload of type %T: want a JSON payload", entry.GetPayload())
	}
	text, err := payload.MarshalJSON()
	if err != nil {
		return Record{}, err
	}
	r, _, err := decodeAny(text)
	return r, err
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

package audit

import (
	"context"
	"errors"
	"iter"
	"time"

	"cloud.google.com/go/logging"
	logs "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// mostEntries is the largest page: ListLogEntriesRequest.page_size in
// https://cloud.google.com/logging/docs/reference/v2/rpc/google.logging.v2.
const mostEntries = 1000

// patience is how long a page of entries is asked for again. It is a
// [gax.Retryer].
type patience struct {
	backoff gax.Backoff
	left    int // attempts
}

// defaultPatience outlasts the minute after which the quota is there again,
// with jitter that waits half as long on average, several times.
var defaultPatience = patience{gax.Backoff{Initial: time.Second, Max: 32 * time.Second, Multiplier: 2}, 16}

// Retry says whether to ask again after an error, and when.
func (p *patience) Retry(err error) (time.Duration, bool) {
	switch status.Code(err) {
	case codes.ResourceExhausted, codes.Unavailable, codes.Internal, codes.DeadlineExceeded:
		p.left--
		return p.backoff.Pause(), p.left > 0
	default:
		return 0, false
	}
}

// pageTime bounds one page with all its attempts.
const pageTime = 10 * time.Minute

// entries yields the entries of a project, or of a view of a log bucket, that
// match a filter, ordered by time.
// It asks for them by the client below logadmin. That one ends at the first entry
// that it cannot convert, such as one with an odd URL, so that whoever may write
// to the log could hide the record; and it does not let a page that the quota
// refused be asked for again.
func entries(ctx context.Context, resource, filter string, p patience, opts ...option.ClientOption) iter.Seq2[*loggingpb.LogEntry, error] {
	return func(yield func(*loggingpb.LogEntry, error) bool) {
		// To read is enough; the client would ask for everything.
		client, err := logs.NewClient(ctx, append([]option.ClientOption{option.WithScopes(logging.ReadScope)}, opts...)...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = client.Close() }()
		found := client.ListLogEntries(ctx, &loggingpb.ListLogEntriesRequest{
			ResourceNames: []string{resource}, Filter: filter, OrderBy: "timestamp asc", PageSize: mostEntries,
		}, gax.WithTimeout(pageTime), gax.WithRetry(func() gax.Retryer { again := p; return &again }))
		for {
			entry, err := found.Next()
			if errors.Is(err, iterator.Done) || !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

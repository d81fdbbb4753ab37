package emulator

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
)

const (
	defaultPage = 50
	maxPage     = 1000
)

// position is the place of an entry in a list. Entries that share one are
// duplicates, of which a list shows the first that was written.
type position struct {
	Seconds  int64  `json:"s"`
	Nanos    int32  `json:"n"`
	InsertID string `json:"i"`
	LogName  string `json:"l"`
}

func positionOf(e *logEntry) position {
	t := e.proto.GetTimestamp()
	return position{t.GetSeconds(), t.GetNanos(), e.proto.GetInsertId(), e.proto.GetLogName()}
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.Seconds, q.Seconds), cmp.Compare(p.Nanos, q.Nanos),
		strings.Compare(p.InsertID, q.InsertID), strings.Compare(p.LogName, q.LogName))
}

func (p position) token() (string, error) {
	text, err := json.Marshal(p)
	return base64.URLEncoding.EncodeToString(text), err
}

func parseToken(token string) (position, error) {
	var p position
	text, err := base64.URLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, invalid("The page token %q is not one that was handed out.", token)
	}
	return p, nil
}

// logQuery is a list request that was understood.
type logQuery struct {
	scopes  []string // what a log name begins with
	matches predicate
	order   func(a, b position) int
	after   *position
	size    int
}

func (l *logs) query(req *loggingpb.ListLogEntriesRequest) (*logQuery, error) {
	filter, err := ParseFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	q := &logQuery{matches: filter.matches, order: position.compare, size: min(int(req.GetPageSize()), maxPage)}
	switch {
	case q.size < 0:
		return nil, invalid("The page size %d is negative.", req.GetPageSize())
	case q.size == 0:
		q.size = defaultPage
	}
	switch req.GetOrderBy() {
	case "", "timestamp", "timestamp asc":
	case "timestamp desc":
		q.order = func(a, b position) int { return b.compare(a) }
	default:
		return nil, invalid(`The order %q is not supported: want "timestamp asc" or "timestamp desc".`, req.GetOrderBy())
	}
	if token := req.GetPageToken(); token != "" {
		after, err := parseToken(token)
		if err != nil {
			return nil, err
		}
		q.after = &after
	}
	q.scopes, err = l.scopes(req.GetResourceNames())
	return q, err
}

// scopes turns projects, folders, organizations and the views of their buckets
// into what the names of their logs begin with.
func (l *logs) scopes(resources []string) ([]string, error) {
	if len(resources) == 0 {
		return nil, invalid("The resource_names of the request are empty.")
	}
	var scopes []string
	for _, resource := range resources {
		parts := strings.Split(l.world.canonical(resource), "/")
		if len(parts) < 2 || parts[1] == "" {
			return nil, invalid("The resource name %q is malformed: want projects/P, folders/N, organizations/N or a view below one.", resource)
		}
		scopes = append(scopes, parts[0]+"/"+parts[1]+"/logs/")
	}
	return scopes, nil
}

func (q *logQuery) accepts(e *logEntry) bool {
	in := slices.ContainsFunc(q.scopes, func(s string) bool { return strings.HasPrefix(e.proto.GetLogName(), s) })
	return in && (q.after == nil || q.order(positionOf(e), *q.after) > 0) && q.matches(e.doc)
}

// ListLogEntries answers with one page of the entries that match.
func (l *logs) ListLogEntries(_ context.Context, req *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	q, err := l.query(req)
	if err != nil {
		return nil, err
	}
	found := map[position]*logEntry{}
	var places []position
	for _, e := range l.snapshot() {
		if p := positionOf(e); found[p] == nil && q.accepts(e) {
			found[p] = e
			places = append(places, p)
		}
	}
	slices.SortFunc(places, q.order)
	res := &loggingpb.ListLogEntriesResponse{}
	if len(places) > q.size {
		places = places[:q.size]
		if res.NextPageToken, err = places[q.size-1].token(); err != nil {
			return nil, err
		}
	}
	for _, p := range places {
		res.Entries = append(res.Entries, found[p].proto)
	}
	return res, nil
}

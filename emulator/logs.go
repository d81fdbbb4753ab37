package emulator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/genproto/googleapis/api/monitoredres"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// maxEntry is the size limit of one entry.
const maxEntry = 256 << 10

const wantLogName = "projects/P/logs/ID, or the same below organizations, folders or billingAccounts"

var logNamePattern = lazily(`^(?:projects|organizations|folders|billingAccounts)/[^/\s]+/logs/[A-Za-z0-9_.%-]{1,512}$`)

// maxWritten bounds what callers write. It is memory, and a rehearsal may run
// for long: what is oldest goes first.
const maxWritten = 64 << 20

// logs is Cloud Logging. Entries are never changed.
type logs struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	world  *catalog
	seeded []*logEntry

	mu      sync.Mutex
	written []*logEntry
	bytes   int // of what is written
	serial  int
}

func newLogs(seed *Seed, world *catalog) *logs { return &logs{world: world, seeded: seed.entries} }

func (l *logs) add(entries []*logEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.bytes += proto.Size(e.proto)
	}
	l.written = append(l.written, entries...)
	for ; l.bytes > maxWritten; l.written = l.written[1:] {
		l.bytes -= proto.Size(l.written[0].proto)
		l.written[0] = nil
	}
}

// snapshot is what there is now.
func (l *logs) snapshot() []*logEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.seeded, l.written)
}

func (l *logs) all() []*loggingpb.LogEntry {
	var out []*loggingpb.LogEntry
	for _, e := range l.snapshot() {
		out = append(out, proto.CloneOf(e.proto))
	}
	return out
}

func (l *logs) insertID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	return fmt.Sprintf("emulator-%06d", l.serial)
}

// WriteLogEntries takes all entries or none, unless partial success is asked
// for: then it takes the good ones and says what is wrong with the others.
func (l *logs) WriteLogEntries(_ context.Context, req *loggingpb.WriteLogEntriesRequest) (*loggingpb.WriteLogEntriesResponse, error) {
	var good []*logEntry
	bad := map[int32]*rpcstatus.Status{}
	var last error
	for i := range req.GetEntries() {
		e, err := l.complete(req, req.GetEntries()[i])
		if err != nil {
			bad[int32(i)], last = status.Convert(err).Proto(), err
			continue
		}
		good = append(good, e)
	}
	if last != nil && (!req.GetPartialSuccess() || len(good) == 0) {
		return nil, last
	}
	if !req.GetDryRun() {
		l.add(good)
	}
	if last != nil {
		return nil, withDetail(last, &loggingpb.WriteLogEntriesPartialErrors{LogEntryErrors: bad})
	}
	return &loggingpb.WriteLogEntriesResponse{}, nil
}

func withDetail(err error, detail *loggingpb.WriteLogEntriesPartialErrors) error {
	s, detailErr := status.Convert(err).WithDetails(detail)
	if detailErr != nil {
		return err
	}
	return s.Err()
}

// complete fills what the entry leaves to the request or to the service.
func (l *logs) complete(req *loggingpb.WriteLogEntriesRequest, written *loggingpb.LogEntry) (*logEntry, error) {
	e := proto.CloneOf(written)
	if e.LogName == "" {
		e.LogName = req.GetLogName()
	}
	if e.Resource == nil {
		e.Resource = proto.CloneOf(req.GetResource())
	}
	for key, value := range req.GetLabels() {
		if _, own := e.Labels[key]; own {
			continue
		}
		if e.Labels == nil {
			e.Labels = map[string]string{}
		}
		e.Labels[key] = value
	}
	now := timestamppb.New(time.Now())
	if e.Timestamp == nil {
		e.Timestamp = now
	}
	e.ReceiveTimestamp = now
	if e.InsertId == "" {
		e.InsertId = l.insertID()
	}
	if err := checkEntry(e); err != nil {
		return nil, err
	}
	return newLogEntry(e)
}

func checkEntry(e *loggingpb.LogEntry) error {
	switch size := proto.Size(e); {
	case !logNamePattern().MatchString(e.GetLogName()):
		return invalid("The log name %q is malformed: want %s.", e.GetLogName(), wantLogName)
	case e.GetResource().GetType() == "":
		return invalid("A monitored resource must be specified for each log entry.")
	case !e.GetTimestamp().IsValid():
		return invalid("The timestamp of the log entry is out of range.")
	case size > maxEntry:
		return invalid("Log entry with size %.1fK exceeds maximum size of %.1fK", float64(size)/1024, float64(maxEntry)/1024)
	}
	return nil
}

// globalResource is what an entry without a resource is about.
func globalResource() *monitoredres.MonitoredResource {
	return &monitoredres.MonitoredResource{Type: "global"}
}

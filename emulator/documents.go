package emulator

import (
	"context"
	"sync"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// documents is Cloud Firestore: it reads documents by their names and commits
// writes. A stored document is replaced and never changed.
type documents struct {
	firestorepb.UnimplementedFirestoreServer

	mu     sync.Mutex
	stored map[string]*firestorepb.Document
	last   time.Time // what now returned last
}

func newDocuments() *documents {
	return &documents{stored: map[string]*firestorepb.Document{}}
}

func (d *documents) all() map[string]*firestorepb.Document {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]*firestorepb.Document, len(d.stored))
	for name, doc := range d.stored {
		out[name] = proto.CloneOf(doc)
	}
	return out
}

// now is later than every time that it returned before, so that each commit is
// later than all commits and reads before it. Firestore's times have
// microseconds.
func (d *documents) now() *timestamppb.Timestamp {
	now := time.Now().Truncate(time.Microsecond)
	if !now.After(d.last) {
		now = d.last.Add(time.Microsecond)
	}
	d.last = now
	return timestamppb.New(now)
}

// BatchGetDocuments answers in the order of the request, and a name that is
// there twice once.
func (d *documents) BatchGetDocuments(req *firestorepb.BatchGetDocumentsRequest, stream firestorepb.Firestore_BatchGetDocumentsServer) error {
	if err := checkGet(req); err != nil {
		return err
	}
	for _, answer := range d.get(req.GetDocuments()) {
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

func checkGet(req *firestorepb.BatchGetDocumentsRequest) error {
	switch {
	case !databaseForm.pattern().MatchString(req.GetDatabase()):
		return invalid("The database name %q is malformed: want %s.", req.GetDatabase(), databaseForm.want)
	case req.GetConsistencySelector() != nil:
		return unimplemented("reads documents as they are now, and not in a transaction or at a time")
	case req.GetMask() != nil:
		return unimplemented("reads whole documents, and not with a mask")
	}
	for _, name := range req.GetDocuments() {
		if err := checkDocumentName(req.GetDatabase(), name); err != nil {
			return err
		}
	}
	return nil
}

func (d *documents) get(names []string) []*firestorepb.BatchGetDocumentsResponse {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	var out []*firestorepb.BatchGetDocumentsResponse
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		answer := &firestorepb.BatchGetDocumentsResponse{ReadTime: now}
		if doc, ok := d.stored[name]; ok {
			answer.Result = &firestorepb.BatchGetDocumentsResponse_Found{Found: doc}
		} else {
			answer.Result = &firestorepb.BatchGetDocumentsResponse_Missing{Missing: name}
		}
		out = append(out, answer)
	}
	return out
}

// Commit carries out all writes or none.
func (d *documents) Commit(_ context.Context, req *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	writes, err := parseWrites(req)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	next := make([]*firestorepb.Document, len(writes))
	for i, w := range writes {
		if next[i], err = w.apply(d.stored[w.name]); err != nil {
			return nil, err
		}
	}
	now := d.now()
	res := &firestorepb.CommitResponse{CommitTime: now}
	for i, w := range writes {
		res.WriteResults = append(res.WriteResults, &firestorepb.WriteResult{UpdateTime: d.put(w.name, next[i], now)})
	}
	return res, nil
}

// Listen reads what is asked for before it refuses: to the official client, a
// stream that ends while it still sends is one without changes.
func (d *documents) Listen(stream firestorepb.Firestore_ListenServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	return d.UnimplementedFirestoreServer.Listen(stream)
}

// put stores a document, or none for nil, and returns its update time, which
// is the previous one where nothing changes
// (https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#writeresult).
func (d *documents) put(name string, doc *firestorepb.Document, now *timestamppb.Timestamp) *timestamppb.Timestamp {
	old := d.stored[name]
	switch {
	case doc == nil:
		delete(d.stored, name)
		return nil
	case old == nil:
		doc.CreateTime, doc.UpdateTime = now, now
	case proto.Equal(old, doc):
		return old.GetUpdateTime()
	default:
		doc.UpdateTime = now
	}
	d.stored[name] = doc
	return doc.GetUpdateTime()
}

func unimplemented(what string) error {
	return status.Error(codes.Unimplemented, "The emulator's Firestore "+what+".")
}

package emulator_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

const database = "projects/app-one/databases/(default)"

// store is a Firestore and a document of it that nobody else uses.
type store struct {
	*firestore.Client
	raw firestorepb.FirestoreClient
	doc *firestore.DocumentRef
}

func newStore(t *testing.T, address string) *store {
	t.Helper()
	t.Setenv("FIRESTORE_EMULATOR_HOST", "") // the client would go there
	c := client(t, &local{options: emulatortest.Options(address)}, func(ctx context.Context, options ...option.ClientOption) (*firestore.Client, error) {
		return firestore.NewClient(ctx, "app-one", options...)
	})
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return &store{c, firestorepb.NewFirestoreClient(conn), c.Collection("tests").NewDoc()}
}

func newLocalStore(t *testing.T, seed string) (*store, *local) {
	t.Helper()
	l := start(t, seed)
	return newStore(t, l.addr), l
}

// fields are the values of a document.
type fields = map[string]any

func (s *store) read(t *testing.T) *firestore.DocumentSnapshot {
	t.Helper()
	got, err := s.doc.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (s *store) create(t *testing.T, data fields) *firestore.WriteResult {
	t.Helper()
	res, err := s.doc.Create(t.Context(), data)
	return written(t, res, err)
}

func (s *store) set(t *testing.T, data fields, options ...firestore.SetOption) *firestore.WriteResult {
	t.Helper()
	res, err := s.doc.Set(t.Context(), data, options...)
	return written(t, res, err)
}

func (s *store) update(t *testing.T, path string, value any) *firestore.WriteResult {
	t.Helper()
	res, err := s.doc.Update(t.Context(), one(path, value))
	return written(t, res, err)
}

func one(path string, value any) []firestore.Update {
	return []firestore.Update{{Path: path, Value: value}}
}

func written(t *testing.T, res *firestore.WriteResult, err error) *firestore.WriteResult {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func wantCode(t *testing.T, err error, code codes.Code) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("got %v, want %v", err, code)
	}
}

// firestoreBehaviours hold for Firestore, whoever plays it.
var firestoreBehaviours = map[string]func(*testing.T, *store){
	"a missing document":                     aMissingDocument,
	"many documents":                         manyDocuments,
	"create":                                 create,
	"set":                                    set,
	"set with merge":                         setWithMerge,
	"update":                                 update,
	"delete":                                 deletion,
	"preconditions":                          preconditions,
	"a write that changes nothing":           aWriteThatChangesNothing,
	"a batch is all or nothing":              aBatchIsAllOrNothing,
	"times increase":                         timesIncrease,
	"values come back":                       valuesComeBack,
	"names that are refused":                 namesThatAreRefused,
	"writes that are refused":                writesThatAreRefused,
	"writes that are taken":                  writesThatAreTaken,
	"the size of a document":                 theSizeOfADocument,
	"concurrent optimistic writers all land": concurrentOptimisticWriters,
}

func behaveAsFirestore(t *testing.T, address string) {
	t.Helper()
	for name, behaviour := range firestoreBehaviours {
		t.Run(name, func(t *testing.T) { behaviour(t, newStore(t, address)) })
	}
}

func TestFirestore(t *testing.T) {
	behaveAsFirestore(t, start(t, "").addr)
}

// TestGooglesFirestore shows that the tests ask for what Google's own emulator
// answers.
func TestGooglesFirestore(t *testing.T) {
	behaveAsFirestore(t, emulatortest.GoogleFirestore(t))
}

func TestFirestoreFaults(t *testing.T) {
	s, l := newLocalStore(t, `
faults:
  - {method: Commit, code: PERMISSION_DENIED, after: 1}
  - {method: Commit, code: ABORTED, after: 1, afterWrite: true, message: the answer is lost}
  - {method: Commit, code: UNAVAILABLE, after: 1, afterWrite: true}
  - {method: BatchGetDocuments, code: ABORTED, resource: projects/app-two/databases/(default)}
  - {method: BatchGetDocuments, code: RESOURCE_EXHAUSTED, resource: projects/app-one/databases/(default), after: 1}
  - {method: BatchGetDocuments, code: NOT_FOUND, after: 1, afterWrite: true, message: the answer is lost}
`)
	s.create(t, fields{"n": 1})
	_, err := s.doc.Update(t.Context(), one("n", 2))
	wantError(t, err, codes.PermissionDenied, "Commit: a fault of the seed")
	diff(t, s.read(t).Data(), fields{"n": int64(1)})

	_, err = s.doc.Update(t.Context(), one("n", 3))
	wantError(t, err, codes.Aborted, "the answer is lost")
	diff(t, l.Documents()[s.doc.Path].GetFields()["n"].GetIntegerValue(), int64(3))

	_, err = s.doc.Get(t.Context())
	wantError(t, err, codes.ResourceExhausted, "")
	got, err := s.doc.Get(t.Context())
	wantError(t, err, codes.NotFound, "the answer is lost")
	if got != nil {
		t.Errorf("got %v, want nothing", got)
	}
	s.read(t)

	// The client tries again by itself, and meets its own document.
	second := s.doc.Collection("below").Doc("second")
	_, err = second.Create(t.Context(), fields{})
	wantError(t, err, codes.AlreadyExists, second.Path)
	diff(t, l.Calls(), map[string]int{"Commit": 5, "BatchGetDocuments": 4})
}

func TestFirestoreLatency(t *testing.T) {
	s, _ := newLocalStore(t, "latency: 60ms")
	for _, call := range []func(){
		func() { s.create(t, fields{}) },
		func() { s.read(t) },
	} {
		began := time.Now()
		call()
		if took := time.Since(began); took < 60*time.Millisecond {
			t.Errorf("took %v, want at least 60ms", took)
		}
	}
}

func TestFirestoreLatencyEndsWithTheCaller(t *testing.T) {
	s, _ := newLocalStore(t, "latency: 1h")
	ctx, cancel := contextWithTimeout(t, 50*time.Millisecond)
	defer cancel()
	if _, err := s.doc.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the time", err)
	}
}

func TestFirestoreIsUnimplementedBeyondThat(t *testing.T) {
	s, l := newLocalStore(t, "")
	ctx := t.Context()
	transform := one("n", firestore.Increment(1))
	for name, call := range map[string]func() error{
		"transaction": func() error {
			return s.RunTransaction(ctx, func(context.Context, *firestore.Transaction) error { return nil })
		},
		"query":     func() error { _, err := s.doc.Parent.Documents(ctx).GetAll(); return err },
		"listener":  func() error { _, err := s.doc.Snapshots(ctx).Next(); return err },
		"transform": func() error { _, err := s.doc.Update(ctx, transform); return err },
		"bulk": func() error {
			writer := s.BulkWriter(ctx)
			job, err := writer.Create(s.doc, fields{})
			if err != nil {
				return err
			}
			writer.End()
			_, err = job.Results()
			return err
		},
		"read time": func() error {
			_, err := s.doc.WithReadOptions(firestore.ReadTime(time.Now())).Get(ctx)
			return err
		},
		"a document twice": func() error {
			_, err := s.Batch().Set(s.doc, fields{}).Delete(s.doc).Commit(ctx) //nolint:staticcheck // there is no other way to send this
			return err
		},
		"commit of a transaction": func() error {
			_, err := s.raw.Commit(ctx, &firestorepb.CommitRequest{Database: database, Transaction: []byte("t")})
			return err
		},
		"mask": func() error {
			stream, err := s.raw.BatchGetDocuments(ctx, &firestorepb.BatchGetDocumentsRequest{Database: database, Mask: &firestorepb.DocumentMask{}})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		err := call()
		if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "not") && !strings.Contains(err.Error(), "no ") {
			t.Errorf("%s: got %v, want UNIMPLEMENTED and what is not there", name, err)
		}
	}
	if len(l.Documents()) != 0 {
		t.Errorf("something was written: %v", l.Documents())
	}
	diff(t, l.Calls(), map[string]int{
		"BeginTransaction": 1, "RunQuery": 1, "Listen": 1, "BatchWrite": 1, "Commit": 3, "BatchGetDocuments": 2,
	})
}

func TestACommitHasALimit(t *testing.T) {
	s, l := newLocalStore(t, "")
	var writes []*firestorepb.Write
	for range 501 {
		writes = append(writes, deleteOf(s.Collection("tests").NewDoc().Path))
	}
	_, err := s.raw.Commit(t.Context(), &firestorepb.CommitRequest{Database: database, Writes: writes})
	wantError(t, err, codes.InvalidArgument, "A commit of 501 writes is larger than the maximum allowed size 500.")
	if _, err := s.raw.Commit(t.Context(), &firestorepb.CommitRequest{Database: database, Writes: writes[:500]}); err != nil {
		t.Error(err)
	}
	diff(t, len(l.Documents()), 0)
}

func TestDatabasesAreApart(t *testing.T) {
	s, l := newLocalStore(t, "")
	s.create(t, fields{"n": 1})
	const other = "projects/app-one/databases/other"
	name := strings.Replace(s.doc.Path, database, other, 1)
	wantError(t, s.commit(t, setOf(name, nil)), codes.InvalidArgument, "is in another database")
	wantError(t, s.get(t, database, name), codes.InvalidArgument, "is in another database")

	if _, err := s.raw.Commit(t.Context(), &firestorepb.CommitRequest{Database: other, Writes: []*firestorepb.Write{setOf(name, nil)}}); err != nil {
		t.Fatal(err)
	}
	diff(t, slices.Sorted(maps.Keys(l.Documents())), []string{s.doc.Path, name})
}

func TestDocumentsAreCopies(t *testing.T) {
	s, l := newLocalStore(t, "")
	s.create(t, fields{"n": 1})
	for _, doc := range l.Documents() {
		doc.Fields["n"].ValueType = nil
	}
	diff(t, s.read(t).Data(), fields{"n": int64(1)})
}

// Commit takes REST as every call that does not stream.
func TestFirestoreREST(t *testing.T) {
	l := start(t, "")
	const path = "/v1/" + database + "/documents"
	code, answer := rest(t, l, "POST", path+":commit", `{"writes":[{"update":{"name":"`+database+`/documents/a/b","fields":{"n":{"integerValue":"1"}}}}]}`)
	if code != 200 || answer["commitTime"] == nil || len(l.Documents()) != 1 {
		t.Errorf("got %d %v", code, answer)
	}
	if code, answer := rest(t, l, "GET", path+"/a/b", ""); code != 501 {
		t.Errorf("got %d %v, want 501", code, answer)
	}
	if code, answer := rest(t, l, "POST", path+":batchGet", "{}"); code != 404 {
		t.Errorf("got %d %v, want 404", code, answer)
	}
}

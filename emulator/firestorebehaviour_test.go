package emulator_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func aMissingDocument(t *testing.T, s *store) {
	got, err := s.doc.Get(t.Context())
	wantCode(t, err, codes.NotFound)
	if got == nil || got.Exists() || got.ReadTime.IsZero() {
		t.Errorf("got %+v, want a snapshot with a read time", got)
	}
}

func manyDocuments(t *testing.T, s *store) {
	s.create(t, fields{"n": 1})
	missing := s.doc.Collection("below").Doc("nothing")
	got, err := s.GetAll(t.Context(), []*firestore.DocumentRef{missing, s.doc, missing, s.doc})
	if err != nil {
		t.Fatal(err)
	}
	var exist []bool
	for _, doc := range got {
		exist = append(exist, doc.Exists())
	}
	diff(t, exist, []bool{false, true, false, true})
}

func create(t *testing.T, s *store) {
	first := s.create(t, fields{"n": 1})
	_, err := s.doc.Create(t.Context(), fields{"n": 2})
	wantCode(t, err, codes.AlreadyExists)
	got := s.read(t)
	diff(t, got.Data(), fields{"n": int64(1)})
	diff(t, []time.Time{got.CreateTime, got.UpdateTime}, []time.Time{first.UpdateTime, first.UpdateTime})
	if got.ReadTime.Before(first.UpdateTime) {
		t.Errorf("read at %v, before the commit at %v", got.ReadTime, first.UpdateTime)
	}
}

func set(t *testing.T, s *store) {
	first := s.set(t, fields{"n": 1, "old": true})
	second := s.set(t, fields{"n": 2})
	got := s.read(t)
	diff(t, got.Data(), fields{"n": int64(2)})
	diff(t, []time.Time{got.CreateTime, got.UpdateTime}, []time.Time{first.UpdateTime, second.UpdateTime})
}

func setWithMerge(t *testing.T, s *store) {
	s.set(t, fields{"n": 1, "m": fields{"a": 1, "b": 2}}, firestore.MergeAll)
	s.set(t, fields{"m": fields{"a": firestore.Delete, "c": 3}}, firestore.MergeAll)
	s.set(t, fields{"n": 7, "ignored": 8}, firestore.Merge(firestore.FieldPath{"n"}))
	diff(t, s.read(t).Data(), fields{"n": int64(7), "m": fields{"b": int64(2), "c": int64(3)}})
	s.set(t, fields{}, firestore.MergeAll)
	diff(t, s.read(t).Data(), fields{"n": int64(7), "m": fields{"b": int64(2), "c": int64(3)}})
}

func update(t *testing.T, s *store) {
	_, err := s.doc.Update(t.Context(), one("n", 1))
	wantCode(t, err, codes.NotFound)

	s.create(t, fields{"n": 1, "gone": true, "m": fields{"a": 1}})
	odd := firestore.FieldPath{"m", "a.b`\\ ö"}
	res, err := s.doc.Update(t.Context(), []firestore.Update{
		{Path: "gone", Value: firestore.Delete},
		{Path: "m.a", Value: firestore.Delete},
		{Path: "nothing.here", Value: firestore.Delete},
		{Path: "n.now_a_map", Value: 2},
		{FieldPath: odd, Value: 3},
	})
	changed := written(t, res, err)
	got := s.read(t)
	diff(t, got.Data(), fields{"m": fields{odd[1]: int64(3)}, "n": fields{"now_a_map": int64(2)}})
	if !got.UpdateTime.Equal(changed.UpdateTime) || !got.CreateTime.Before(got.UpdateTime) {
		t.Errorf("created %v and updated %v, want an update at %v", got.CreateTime, got.UpdateTime, changed.UpdateTime)
	}
}

func deletion(t *testing.T, s *store) {
	first := s.create(t, fields{"n": 1})
	for range 2 { // the second deletes nothing
		if _, err := s.doc.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.doc.Get(t.Context())
	wantCode(t, err, codes.NotFound)

	s.create(t, fields{"n": 1})
	if got := s.read(t); !got.CreateTime.After(first.UpdateTime) {
		t.Errorf("created anew at %v, want a time after %v", got.CreateTime, first.UpdateTime)
	}
}

func preconditions(t *testing.T, s *store) {
	ctx, change := t.Context(), one("n", 9)
	_, err := s.doc.Update(ctx, change, firestore.LastUpdateTime(time.Unix(1, 0)))
	wantCode(t, err, codes.FailedPrecondition)
	_, err = s.doc.Delete(ctx, firestore.LastUpdateTime(time.Unix(1, 0)))
	wantCode(t, err, codes.FailedPrecondition)
	_, err = s.doc.Delete(ctx, firestore.Exists)
	wantCode(t, err, codes.NotFound)

	stale := s.create(t, fields{"n": 1}).UpdateTime
	fresh := s.update(t, "n", 2).UpdateTime
	for wrong, code := range map[time.Time]codes.Code{
		stale:                        codes.FailedPrecondition,
		fresh.Add(-time.Microsecond): codes.FailedPrecondition,
		fresh.Add(time.Microsecond):  codes.InvalidArgument,
		fresh.Add(-time.Nanosecond):  codes.InvalidArgument,
	} {
		_, err = s.doc.Update(ctx, change, firestore.LastUpdateTime(wrong))
		wantCode(t, err, code)
		_, err = s.doc.Delete(ctx, firestore.LastUpdateTime(wrong))
		wantCode(t, err, code)
	}
	diff(t, s.read(t).Data(), fields{"n": int64(2)})

	res, err := s.doc.Update(ctx, change, firestore.LastUpdateTime(fresh))
	fresh = written(t, res, err).UpdateTime
	diff(t, s.read(t).Data(), fields{"n": int64(9)})
	if _, err := s.doc.Delete(ctx, firestore.LastUpdateTime(fresh)); err != nil {
		t.Error(err)
	}
}

func aWriteThatChangesNothing(t *testing.T, s *store) {
	data := fields{"n": 1, "f": math.NaN(), "m": fields{}}
	first := s.create(t, data)
	second := s.set(t, data)
	third := s.update(t, "n", 1)
	diff(t, []time.Time{second.UpdateTime, third.UpdateTime, s.read(t).UpdateTime}, []time.Time{first.UpdateTime, first.UpdateTime, first.UpdateTime})
}

func aBatchIsAllOrNothing(t *testing.T, s *store) {
	other := s.doc.Collection("below").Doc("other")
	batch := func() error {
		_, err := s.Batch().Create(other, fields{"n": 1}).Update(s.doc, one("n", 2)).Commit(t.Context()) //nolint:staticcheck // without a transaction there is no other way
		return err
	}
	wantCode(t, batch(), codes.NotFound)
	_, err := other.Get(t.Context())
	wantCode(t, err, codes.NotFound)

	s.create(t, fields{"n": 1})
	if err := batch(); err != nil {
		t.Fatal(err)
	}
	got, err := other.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	diff(t, s.read(t).UpdateTime, got.UpdateTime)
	wantCode(t, batch(), codes.AlreadyExists)
}

func timesIncrease(t *testing.T, s *store) {
	last := s.create(t, fields{"n": -1}).UpdateTime
	for n := range 100 {
		now := s.update(t, "n", n).UpdateTime
		if !now.After(last) || now.Nanosecond()%1000 != 0 {
			t.Fatalf("commit at %v after one at %v: want later microseconds", now, last)
		}
		last = now
		if read := s.read(t).ReadTime; read.Before(last) {
			t.Fatalf("read at %v after a commit at %v", read, last)
		}
	}
}

func valuesComeBack(t *testing.T, s *store) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)
	kept := at.Truncate(time.Microsecond)
	data := fields{
		"null": nil, "bool": true, "int": int64(math.MinInt64), "double": 1.5, "text": "ö", "bytes": []byte{0, 255},
		"place": &latlng.LatLng{Latitude: 1, Longitude: 2}, "a.b": "a dot", "map": fields{"empty": fields{}}, "list": []any{int64(1), fields{}},
	}
	s.create(t, data)
	diff(t, s.read(t).Data(), data)

	s.set(t, fields{"doc": s.doc, "time": at, "in": fields{"list": []any{at}}})
	got := s.read(t).Data()
	if doc, ok := got["doc"].(*firestore.DocumentRef); !ok || doc.Path != s.doc.Path {
		t.Errorf("got the reference %v, want %v", got["doc"], s.doc.Path)
	}
	delete(got, "doc")
	diff(t, got, fields{"time": kept, "in": fields{"list": []any{kept}}})
}

func concurrentOptimisticWriters(t *testing.T, s *store) {
	const writers, writes = 8, 5
	s.create(t, fields{"n": 0})
	var all errgroup.Group
	for range writers {
		all.Go(func() error {
			for range writes {
				if err := s.increment(t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	diff(t, s.read(t).Data(), fields{"n": int64(writers * writes)})
}

// increment reads and writes with a precondition until nobody came between.
func (s *store) increment(t *testing.T) error {
	for range 2000 {
		got, err := s.doc.Get(t.Context())
		if err != nil {
			return err
		}
		n, _ := got.Data()["n"].(int64)
		_, err = s.doc.Update(t.Context(), one("n", n+1), firestore.LastUpdateTime(got.UpdateTime))
		if status.Code(err) != codes.FailedPrecondition {
			return err
		}
	}
	return errors.New("never landed")
}

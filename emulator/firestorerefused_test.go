package emulator_test

import (
	"strings"
	"testing"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// values are the values of a document as the client sends them.
type values = map[string]*firestorepb.Value

func setOf(name string, data values, mask ...string) *firestorepb.Write {
	w := &firestorepb.Write{Operation: &firestorepb.Write_Update{Update: &firestorepb.Document{Name: name, Fields: data}}}
	if mask != nil {
		w.UpdateMask = &firestorepb.DocumentMask{FieldPaths: mask}
	}
	return w
}

func deleteOf(name string) *firestorepb.Write {
	return &firestorepb.Write{Operation: &firestorepb.Write_Delete{Delete: name}}
}

func number() *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_IntegerValue{IntegerValue: 1}}
}

func bytesOf(length int) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_BytesValue{BytesValue: make([]byte, length)}}
}

func referenceTo(name string) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_ReferenceValue{ReferenceValue: name}}
}

func timeOf(seconds int64) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_TimestampValue{TimestampValue: &timestamppb.Timestamp{Seconds: seconds}}}
}

func mapOf(fields values) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_MapValue{MapValue: &firestorepb.MapValue{Fields: fields}}}
}

func arrayOf(v ...*firestorepb.Value) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_ArrayValue{ArrayValue: &firestorepb.ArrayValue{Values: v}}}
}

// nested puts a number into that many maps.
func nested(depth int) *firestorepb.Value {
	v := number()
	for range depth {
		v = mapOf(values{"m": v})
	}
	return v
}

func (s *store) commit(t *testing.T, writes ...*firestorepb.Write) error {
	t.Helper()
	_, err := s.raw.Commit(t.Context(), &firestorepb.CommitRequest{Database: database, Writes: writes})
	return err
}

func (s *store) get(t *testing.T, database, name string) error {
	t.Helper()
	stream, err := s.raw.BatchGetDocuments(t.Context(), &firestorepb.BatchGetDocumentsRequest{Database: database, Documents: []string{name}})
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

func namesThatAreRefused(t *testing.T, s *store) {
	const below = database + "/documents/"
	for _, name := range []string{
		"", "x", database, database + "/documents", below, below + "a", below + "a/b/c", below + "a//b/c", below + "a/", below + "/a",
		below + "a/.", below + "a/..", below + "../a", below + "a/__x__", below + "__x__/a", below + "a/b/", "projects//databases/(default)/documents/a/b",
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, s.commit(t, setOf(name, nil)), codes.InvalidArgument)
			wantCode(t, s.commit(t, deleteOf(name)), codes.InvalidArgument)
			wantCode(t, s.get(t, database, name), codes.InvalidArgument)
		})
	}
	for _, bad := range []string{"", "x", "projects/app-one", "projects/app-one/databases/", database + "/documents"} {
		t.Run("database "+bad, func(t *testing.T) {
			_, err := s.raw.Commit(t.Context(), &firestorepb.CommitRequest{Database: bad})
			wantCode(t, err, codes.InvalidArgument)
			wantCode(t, s.get(t, bad, s.doc.Path), codes.InvalidArgument)
		})
	}
	long := below + "a/" + strings.Repeat("i", 1500)
	wantCode(t, s.commit(t, setOf(long, nil)), codes.OK)
	wantCode(t, s.commit(t, setOf(long+"i", nil)), codes.InvalidArgument)
}

func writesThatAreRefused(t *testing.T, s *store) {
	name := s.doc.Path
	maskedDelete := deleteOf(name)
	maskedDelete.UpdateMask = &firestorepb.DocumentMask{}
	malformedTime := setOf(name, nil)
	malformedTime.CurrentDocument = &firestorepb.Precondition{ConditionType: &firestorepb.Precondition_UpdateTime{UpdateTime: &timestamppb.Timestamp{Nanos: -1}}}
	writes := map[string]*firestorepb.Write{
		"no operation":        {},
		"no document":         {Operation: &firestorepb.Write_Update{}},
		"delete with mask":    maskedDelete,
		"precondition's time": malformedTime,
		"unmasked field":      setOf(name, values{"a": number(), "b": {}}, "a"),
	}
	for field, value := range map[string]*firestorepb.Value{
		"":                        number(),
		"__x__":                   number(),
		strings.Repeat("f", 1501): number(),
		"unset":                   {},
		"unset in a map":          mapOf(values{"a": {}}),
		"unset in a list":         arrayOf(&firestorepb.Value{}),
		"no name in a map":        mapOf(values{"": number()}),
		"reserved in a map":       mapOf(values{"__x__": number()}),
		"list in a list":          arrayOf(arrayOf()),
		"too deep":                nested(21),
		"too deep in a list":      arrayOf(nested(20)),
		"year 10000":              timeOf(253402300800),
		"no reference":            referenceTo("a/b"),
		"for queries":             {ValueType: &firestorepb.Value_FieldReferenceValue{FieldReferenceValue: "a"}},
	} {
		writes["field "+field] = setOf(name, values{field: value})
	}
	for _, mask := range []string{"", ".", "a.", ".a", "a..b", "a b", "1a", "a-b", "`a", "a`b`", "``", "__x__", "a.__x__", "`a`b", "`a\\x`", "*", "ö"} {
		writes["mask "+mask] = setOf(name, nil, mask)
	}
	for label, w := range writes {
		t.Run(label, func(t *testing.T) { wantCode(t, s.commit(t, w), codes.InvalidArgument) })
	}
	_, err := s.doc.Get(t.Context())
	wantCode(t, err, codes.NotFound)
}

func writesThatAreTaken(t *testing.T, s *store) {
	name := s.doc.Path
	for label, w := range map[string]*firestorepb.Write{
		"deep":                  setOf(name, values{"a": nested(20)}),
		"long name":             setOf(name, values{strings.Repeat("f", 1500): number()}),
		"reference":             setOf(name, values{"a": referenceTo(name)}),
		"odd names":             setOf(name, values{"a.b": number(), "__": number(), "ö`\\": number()}),
		"a path twice":          setOf(name, values{"a": number()}, "a", "a"),
		"a path within another": setOf(name, values{"a": mapOf(values{"b": number()})}, "a", "a.b"),
		"an empty mask":         {Operation: setOf(name, values{"a": number()}).GetOperation(), UpdateMask: &firestorepb.DocumentMask{}},
		"empty precondition":    {Operation: setOf(name, nil).GetOperation(), CurrentDocument: &firestorepb.Precondition{}},
	} {
		t.Run(label, func(t *testing.T) { wantCode(t, s.commit(t, w), codes.OK) })
	}
}

// The sizes are those of https://cloud.google.com/firestore/docs/storage-size.
func theSizeOfADocument(t *testing.T, s *store) {
	const id = 6 + 21 + 16 // tests, an id of 20 letters, and what every name has
	for label, extra := range map[string]struct {
		value *firestorepb.Value
		size  int
	}{
		"null":      {&firestorepb.Value{ValueType: &firestorepb.Value_NullValue{}}, 1},
		"bool":      {&firestorepb.Value{ValueType: &firestorepb.Value_BooleanValue{}}, 1},
		"number":    {number(), 8},
		"time":      {timeOf(1), 8},
		"place":     {&firestorepb.Value{ValueType: &firestorepb.Value_GeoPointValue{GeoPointValue: &latlng.LatLng{}}}, 16},
		"text":      {&firestorepb.Value{ValueType: &firestorepb.Value_StringValue{StringValue: "öö"}}, 5},
		"bytes":     {bytesOf(7), 7},
		"reference": {referenceTo(s.doc.Path), id},
		"list":      {arrayOf(number(), number()), 16},
		"map":       {mapOf(values{"n": number(), "m": mapOf(values{"n": number()})}), 2 + 8 + 2 + 2 + 8},
		"empty":     {arrayOf(mapOf(nil), mapOf(values{"l": arrayOf()})), 1 + 2 + 1},
	} {
		t.Run(label, func(t *testing.T) {
			const half = 1 << 19
			data := values{"x": extra.value, "a": bytesOf(half)}
			rest := 1<<20 - id - 32 - (2 + extra.size) - (2 + half) - 2
			data["b"] = bytesOf(rest)
			wantCode(t, s.commit(t, setOf(s.doc.Path, data)), codes.OK)
			data["b"] = bytesOf(rest + 1)
			wantCode(t, s.commit(t, setOf(s.doc.Path, data)), codes.InvalidArgument)
		})
	}
	wantCode(t, s.commit(t, setOf(s.doc.Path, values{"a": bytesOf(1<<20 - 89)})), codes.OK)
	wantCode(t, s.commit(t, setOf(s.doc.Path, values{"a": bytesOf(1<<20 - 88)})), codes.InvalidArgument)
}

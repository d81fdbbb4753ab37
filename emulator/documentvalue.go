package emulator

import (
	"strings"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// What a document may hold (https://cloud.google.com/firestore/quotas).
const (
	maxDocument = 1 << 20
	maxValue    = maxDocument - 89
	maxName     = 1500 // of a collection, a document or a field
	maxDepth    = 20   // maps and arrays within one another
)

const wantID = "1 to 1500 bytes, and neither . nor .. nor __NAME__"

var reservedPattern = lazily(`(?s)^__.*__$`)

func checkDocumentName(database, name string) error {
	if !documentForm.pattern().MatchString(name) {
		return invalid("The document name %q is malformed: want %s.", name, documentForm.want)
	}
	path, ok := strings.CutPrefix(name, database+"/documents/")
	if !ok {
		return invalid("The document %q is in another database: want %s/documents/….", name, database)
	}
	for id := range strings.SplitSeq(path, "/") {
		if len(id) > maxName || id == "." || id == ".." || reservedPattern().MatchString(id) {
			return invalid("The id %q in the document name %q is malformed: want %s.", id, name, wantID)
		}
	}
	return nil
}

func checkFieldName(name string) error {
	if name == "" || len(name) > maxName || reservedPattern().MatchString(name) {
		return invalid("The field name %q is malformed: want 1 to %d bytes, and not __NAME__.", name, maxName)
	}
	return nil
}

// cleanFields checks the fields, which are in that many maps and arrays, and
// cuts off what Firestore does not keep.
func cleanFields(fields map[string]*firestorepb.Value, depth int) error {
	for name, v := range fields {
		if err := checkFieldName(name); err != nil {
			return err
		}
		if err := cleanValue(name, v, depth); err != nil {
			return err
		}
	}
	return nil
}

func cleanValue(field string, v *firestorepb.Value, depth int) error {
	if depth > maxDepth {
		return invalid("The field %q is in more than %d maps and arrays.", field, maxDepth)
	}
	switch t := v.GetValueType().(type) {
	case nil:
		return invalid("The field %q has no value.", field)
	case *firestorepb.Value_StringValue:
		return checkLength(field, len(t.StringValue))
	case *firestorepb.Value_BytesValue:
		return checkLength(field, len(t.BytesValue))
	case *firestorepb.Value_TimestampValue:
		return cleanTime(field, t.TimestampValue)
	case *firestorepb.Value_ReferenceValue:
		if !documentForm.pattern().MatchString(t.ReferenceValue) {
			return invalid("The reference %q of the field %q is malformed: want %s.", t.ReferenceValue, field, documentForm.want)
		}
	case *firestorepb.Value_ArrayValue:
		return cleanArray(field, t.ArrayValue.GetValues(), depth+1)
	case *firestorepb.Value_MapValue:
		return cleanFields(t.MapValue.GetFields(), depth+1)
	case *firestorepb.Value_FieldReferenceValue, *firestorepb.Value_VariableReferenceValue, *firestorepb.Value_FunctionValue, *firestorepb.Value_PipelineValue:
		return invalid("The field %q has a value that is for queries only.", field)
	}
	return nil
}

func checkLength(field string, length int) error {
	if length > maxValue {
		return invalid("The value of the field %q has %d bytes: want at most %d.", field, length, maxValue)
	}
	return nil
}

// cleanTime rounds a time down to the microseconds that Firestore keeps.
func cleanTime(field string, t *timestamppb.Timestamp) error {
	if !t.IsValid() {
		return invalid("The timestamp of the field %q is out of range.", field)
	}
	t.Nanos -= t.GetNanos() % 1000
	return nil
}

func cleanArray(field string, values []*firestorepb.Value, depth int) error {
	for _, v := range values {
		if _, nested := v.GetValueType().(*firestorepb.Value_ArrayValue); nested {
			return invalid("The field %q has an array directly in an array.", field)
		}
		if err := cleanValue(field, v, depth); err != nil {
			return err
		}
	}
	return nil
}

// documentSize is what a document counts for
// (https://cloud.google.com/firestore/docs/storage-size).
func documentSize(doc *firestorepb.Document) int {
	return nameSize(doc.GetName()) + fieldsSize(doc.GetFields()) + 32
}

// nameSize counts each id with one byte more, which the slashes stand for.
func nameSize(name string) int {
	_, path, _ := strings.Cut(name, "/documents/")
	return len(path) + 1 + 16
}

func fieldsSize(fields map[string]*firestorepb.Value) int {
	size := 0
	for name, v := range fields {
		size += len(name) + 1 + valueSize(v)
	}
	return size
}

// valueSize counts maps and arrays as Google's own emulator does, without the
// 32 bytes of a document and empty ones with 1.
func valueSize(v *firestorepb.Value) int {
	switch t := v.GetValueType().(type) {
	case *firestorepb.Value_StringValue:
		return len(t.StringValue) + 1
	case *firestorepb.Value_BytesValue:
		return len(t.BytesValue)
	case *firestorepb.Value_ReferenceValue:
		return nameSize(t.ReferenceValue)
	case *firestorepb.Value_ArrayValue:
		size := 0
		for _, element := range t.ArrayValue.GetValues() {
			size += valueSize(element)
		}
		return max(size, 1)
	case *firestorepb.Value_MapValue:
		return max(fieldsSize(t.MapValue.GetFields()), 1)
	case *firestorepb.Value_GeoPointValue:
		return 16
	case *firestorepb.Value_NullValue, *firestorepb.Value_BooleanValue:
		return 1
	default: // numbers and times
		return 8
	}
}

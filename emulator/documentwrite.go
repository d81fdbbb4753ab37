package emulator

import (
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// maxWrites is how many writes one commit took until March 2023. Firestore
// counts them no more (https://cloud.google.com/firestore/docs/release-notes#March_29_2023);
// a caller that stays below is right everywhere.
const maxWrites = 500

// documentWrite is a write that is known to be well formed.
type documentWrite struct {
	name      string
	condition *firestorepb.Precondition
	deletes   bool
	fields    map[string]*firestorepb.Value
	masked    bool // only what is at the paths is written
	mask      []fieldPath
}

func parseWrites(req *firestorepb.CommitRequest) ([]documentWrite, error) {
	switch {
	case !databaseForm.pattern().MatchString(req.GetDatabase()):
		return nil, invalid("The database name %q is malformed: want %s.", req.GetDatabase(), databaseForm.want)
	case len(req.GetTransaction()) > 0:
		return nil, unimplemented("has no transactions")
	case len(req.GetWrites()) > maxWrites:
		return nil, invalid("A commit of %d writes is larger than the maximum allowed size %d.", len(req.GetWrites()), maxWrites)
	}
	var out []documentWrite
	seen := map[string]bool{}
	for _, write := range req.GetWrites() {
		w, err := parseWrite(req.GetDatabase(), write)
		if err != nil {
			return nil, err
		}
		if seen[w.name] {
			return nil, unimplemented("takes one write of a document in a commit, and not two")
		}
		seen[w.name] = true
		out = append(out, w)
	}
	return out, nil
}

func parseWrite(database string, write *firestorepb.Write) (documentWrite, error) {
	w := documentWrite{condition: write.GetCurrentDocument(), masked: write.GetUpdateMask() != nil}
	switch op := write.GetOperation().(type) {
	case *firestorepb.Write_Update:
		w.name, w.fields = op.Update.GetName(), proto.CloneOf(op.Update).GetFields()
	case *firestorepb.Write_Delete:
		w.name, w.deletes = op.Delete, true
	case *firestorepb.Write_Transform:
		return w, unimplemented("has no transforms")
	default:
		return w, invalid("A write has no operation: want update or delete.")
	}
	switch {
	case len(write.GetUpdateTransforms()) > 0:
		return w, unimplemented("has no transforms")
	case w.deletes && w.masked:
		return w, invalid("The delete of %q has an update_mask: want none.", w.name)
	}
	if err := checkDocumentName(database, w.name); err != nil {
		return w, err
	}
	if err := checkPrecondition(w.condition); err != nil {
		return w, err
	}
	if err := w.parseMask(write.GetUpdateMask().GetFieldPaths()); err != nil {
		return w, err
	}
	return w, cleanFields(w.fields, 0)
}

func (w *documentWrite) parseMask(paths []string) error {
	for _, text := range paths {
		path, err := parseFieldPath(text)
		if err != nil {
			return err
		}
		w.mask = append(w.mask, path)
	}
	return nil
}

// checkPrecondition refuses a time that no document can have.
func checkPrecondition(c *firestorepb.Precondition) error {
	if t := c.GetUpdateTime(); t != nil && (!t.IsValid() || t.GetNanos()%1000 != 0) {
		return invalid("The update_time of a precondition is malformed: want a time with microseconds.")
	}
	return nil
}

// apply returns the document as the write leaves it, or nil where there is
// none any more. Its times are those of the old one.
func (w documentWrite) apply(old *firestorepb.Document) (*firestorepb.Document, error) {
	if err := w.meets(old); err != nil || w.deletes {
		return nil, err
	}
	doc := &firestorepb.Document{Name: w.name, Fields: w.fields, CreateTime: old.GetCreateTime(), UpdateTime: old.GetUpdateTime()}
	if w.masked {
		doc.Fields = w.merge(old)
	}
	if size := documentSize(doc); size > maxDocument {
		return nil, invalid("The document %q has %d bytes: want at most %d.", w.name, size, maxDocument)
	}
	return doc, nil
}

// merge returns the old fields with those of the write at the paths of the
// mask. A path that the write has nothing at loses its field.
func (w documentWrite) merge(old *firestorepb.Document) map[string]*firestorepb.Value {
	fields := proto.CloneOf(old).GetFields()
	if fields == nil {
		fields = map[string]*firestorepb.Value{}
	}
	for _, path := range w.mask {
		if value := path.get(w.fields); value != nil {
			path.set(fields, value)
		} else {
			path.remove(fields)
		}
	}
	return fields
}

// meets checks the precondition. Codes and words are those of the real service
// and, for a version that is still to come, of Google's own emulator.
func (w documentWrite) meets(old *firestorepb.Document) error {
	switch c := w.condition.GetConditionType().(type) {
	case *firestorepb.Precondition_Exists:
		switch {
		case c.Exists && old == nil:
			return notFound("No document to update: %s", w.name)
		case !c.Exists && old != nil:
			return status.Errorf(codes.AlreadyExists, "Document already exists: %s", w.name)
		}
	case *firestorepb.Precondition_UpdateTime:
		switch want, have := c.UpdateTime.AsTime().UnixMicro(), old.GetUpdateTime().AsTime().UnixMicro(); {
		case old != nil && want > have:
			return invalid("Invalid base version, it is greater than the stored version: %s", w.name)
		case want != have:
			return status.Errorf(codes.FailedPrecondition, "the stored version (%d) does not match the required base version (%d)", have, want)
		}
	}
	return nil
}

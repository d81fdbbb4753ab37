package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Firestore is a [Store] for all instances, in the default database of a
// project. A kind of documents is the collection pullfix-<kind>. A TTL policy on
// the field expires of a collection deletes what has expired, within a day or
// more (https://cloud.google.com/firestore/docs/ttl).
type Firestore struct{ client *firestore.Client }

// row is the fields of a document.
type row struct {
	Data    string     `firestore:"data"`    // JSON, to be read in the console too
	Expires *time.Time `firestore:"expires"` // null is never
}

// OpenFirestore returns the store of a project. Nothing is called yet.
func OpenFirestore(ctx context.Context, project string, opts ...option.ClientOption) (*Firestore, error) {
	client, err := firestore.NewClient(ctx, project, opts...)
	if err != nil {
		return nil, fmt.Errorf("open Firestore of project %q: %w", project, err)
	}
	return &Firestore{client}, nil
}

// Close closes the connections.
func (f *Firestore) Close() error { return f.client.Close() }

// Load returns the documents with these names, in one call.
func (f *Firestore) Load(ctx context.Context, names []string) ([]Document, error) {
	refs := make([]*firestore.DocumentRef, len(names))
	for n, name := range names {
		refs[n] = f.ref(name)
	}
	snapshots, err := f.client.GetAll(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("load from Firestore: %w", err)
	}
	docs := make([]Document, len(names))
	for n, snapshot := range snapshots {
		docs[n].Name = names[n]
		if !snapshot.Exists() {
			continue
		}
		var r row
		if err := snapshot.DataTo(&r); err != nil {
			return nil, fmt.Errorf("load %s from Firestore: %w", names[n], err)
		}
		docs[n].Data, docs[n].Version = []byte(r.Data), snapshot.UpdateTime
		if r.Expires != nil {
			docs[n].Expires = *r.Expires
		}
	}
	return docs, nil
}

// Save writes the documents in one commit. It is no transaction, which would
// lock what it reads and be one call more.
func (f *Firestore) Save(ctx context.Context, docs []Document, _ time.Time) error {
	batch := f.client.Batch() //nolint:staticcheck // deprecated for BulkWriter, which is not atomic, and for transactions
	for _, doc := range docs {
		r := row{Data: string(doc.Data)}
		if !doc.Expires.IsZero() {
			r.Expires = &doc.Expires
		}
		if doc.Version.IsZero() {
			batch.Create(f.ref(doc.Name), r)
			continue
		}
		fields := []firestore.Update{{Path: "data", Value: r.Data}, {Path: "expires", Value: r.Expires}}
		batch.Update(f.ref(doc.Name), fields, firestore.LastUpdateTime(doc.Version))
	}
	_, err := batch.Commit(ctx)
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted, codes.NotFound: // NotFound: it was deleted
		return fmt.Errorf("save to Firestore: %w: %w", ErrConflict, err)
	default:
		return fmt.Errorf("save to Firestore: %w", err)
	}
}

func (f *Firestore) ref(name string) *firestore.DocumentRef {
	kind, id, _ := strings.Cut(name, "/")
	return f.client.Collection("pullfix-" + kind).Doc(id)
}

package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Store keeps small documents by name, for one process or for all instances.
type Store interface {
	// Load returns the documents in the order of the names. One that does not
	// exist has no Data and the zero Version. One that has expired may or may
	// not exist.
	Load(ctx context.Context, names []string) ([]Document, error)
	// Save writes all of the documents or none. What it changes gets a new
	// version. Where one has changed since it was loaded, or exists and did not,
	// the error wraps [ErrConflict]; so a document that is saved as it was loaded
	// is a condition. What has expired by now may go.
	Save(ctx context.Context, docs []Document, now time.Time) error
}

// Document is what a [Store] keeps under a name.
type Document struct {
	Name    string    // a kind, a slash, and an id of letters, digits, - and _
	Data    []byte    // JSON
	Version time.Time // when it was saved, by the store's clock; zero where it does not exist
	Expires time.Time // from when on it counts for nothing; zero is never
}

// ErrConflict is in the error of a [Store] whose document has changed since it
// was loaded: load again, and try again. Its code tells package retry so.
var ErrConflict = status.Error(codes.Aborted, "a document has changed since it was loaded")

// The kinds of documents.
const (
	ofEvent   = "events"
	ofProblem = "problems"
	ofGrant   = "grants"
	ofBudget  = "budget"
)

// named returns the name of the document about something. What it is about may
// come from outside and be any string, so that its hash is the id.
func named(kind, about string) string {
	sum := sha256.Sum256([]byte(about))
	return kind + "/" + hex.EncodeToString(sum[:])
}

// Package admin is the part of the local Google Cloud that makes things: it
// answers the administrative REST methods of Pub/Sub, Logging, IAM, Secret
// Manager, Firestore, Cloud Run functions and others.
//
// A request of HTTP comes in, documents of JSON go out. What exists is one
// store of documents by their full name, such as projects/P/topics/T. A table
// says of each kind of resource where its documents are, how one is made and
// what the service fills in; nearly all methods are then the same few: create,
// get, list, update, delete. Nothing is built, run, pushed or billed.
package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// document is a resource as JSON. One that is stored is never changed.
type document = map[string]any

// World is what the rest of the local cloud knows, and is told.
type World struct {
	Canonical func(name string) string                    // the name with the id of its project, not the number
	Project   func(id string) (number int64, exists bool) // by its id
	Parent    func(name string) bool                      // whether the folder or organization exists
	Gone      func(name string)                           // it is deleted, and its policy goes with it
	Renamed   func(member, as string)                     // in every policy, as a deleted account is
}

// Server holds what was made.
type Server struct {
	world      World
	docs       *store
	operations *store
	uploads    *uploads

	mu       sync.Mutex // held over a whole call
	queues   map[string]*queue
	payloads map[string][]byte // of versions of secrets
	serial   int
}

// New returns a server of a world in which nothing was made yet.
func New(world World) *Server {
	return &Server{
		world: world, docs: newStore(), operations: newStore(), uploads: newUploads(),
		queues: map[string]*queue{}, payloads: map[string][]byte{},
	}
}

// Request is the call of a method.
type Request struct {
	Method   string // as gRPC names it, without the service
	Resource string // what it is about, or the parent of what it makes
	server   *Server
	kind     *kind
	do       action
	http     *http.Request
}

// action answers a call with something that becomes JSON.
type action func(c *call) (any, error)

// call is a request that was let through, read.
type call struct {
	*Server
	kind  *kind
	name  string // of the resource, or of the parent of the collection
	query url.Values
	body  document
	base  string // of the addresses that lead back here
}

// Find returns the call that a request makes, nil if it makes none of those
// that are served here.
func (s *Server) Find(r *http.Request) *Request {
	p, ok := readPath(r.URL)
	if !ok {
		return nil
	}
	if r.Method == http.MethodGet && p.isOperation() {
		return &Request{Method: "GetOperation", Resource: p.text(), server: s, do: getOperation, http: r}
	}
	for _, k := range kinds() {
		if method, resource, do := k.find(r.Method, p); do != nil {
			return &Request{Method: method, Resource: s.world.Canonical(resource), server: s, kind: k, do: do, http: r}
		}
	}
	return nil
}

// Do carries out the call.
func (r *Request) Do(body io.Reader) (any, error) {
	c := &call{
		Server: r.server, kind: r.kind, name: r.Resource, query: r.http.URL.Query(),
		body: document{}, base: "http://" + r.http.Host,
	}
	if err := readBody(body, &c.body); err != nil {
		return nil, err
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if err := c.rootExists(); err != nil {
		return nil, err
	}
	return r.do(c)
}

func readBody(body io.Reader, into *document) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return invalid("The request body cannot be read: %v", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil || *into == nil {
		return invalid("Invalid JSON payload received: want an object.")
	}
	return nil
}

// rootExists checks the project, folder or organization of a call.
func (c *call) rootExists() error {
	collection, rest, _ := strings.Cut(c.name, "/")
	id, _, _ := strings.Cut(rest, "/")
	exists := true
	switch collection {
	case "projects":
		_, exists = c.world.Project(id)
		exists = exists || id == "-"
	case "folders", "organizations":
		exists = c.world.Parent(collection + "/" + id)
	}
	if !exists {
		return status.Errorf(codes.PermissionDenied, "Permission denied on resource %s/%s (or it may not exist).", collection, id)
	}
	return nil
}

// Documents returns everything that was made, by its full name.
func (s *Server) Documents() map[string]map[string]any { return s.docs.all() }

// Has tells whether something of that name was made, and not deleted since.
func (s *Server) Has(name string) bool {
	doc, ok := s.docs.get(name)
	return ok && doc["deleted"] != true
}

// Document returns what was made under that name.
func (s *Server) Document(name string) (map[string]any, bool) { return s.docs.get(name) }

// Add puts a document that was there before.
func (s *Server) Add(name string, doc map[string]any) { s.docs.put(name, doc) }

// AddAccount puts a service account that was there before.
func (s *Server) AddAccount(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs.put(name, s.account(name))
}

// Below returns the documents whose name is the prefix and one more segment,
// in the order of their names.
func (s *Server) Below(prefix string) []map[string]any {
	return s.docs.matching(strings.Split(prefix+"/*", "/"))
}

func (s *Server) number() int { s.serial++; return s.serial }

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

func invalid(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}

func precondition(format string, args ...any) error {
	return status.Errorf(codes.FailedPrecondition, format, args...)
}

func notFound(name string) error {
	return status.Errorf(codes.NotFound, "Resource not found (resource=%s).", name)
}

package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// The methods that most kinds of resources share.
const (
	creates = 1 << iota
	gets
	lists
	updates
	deletes
	everything = creates | gets | lists | updates | deletes
)

// kind is a kind of resource: where its documents are, and what is particular
// about the methods that make, change and end them.
type kind struct {
	version string   // of the API, as the path begins
	roots   []string // projects, unless said otherwise
	path    string   // below the root, such as locations/*/functions/*
	message string   // the full name of its type, as google.pubsub.v1.Topic
	serves  int      // of the shared methods

	id       func(c *call, doc document) string // of a new one; nil if it is made under its own name, by PUT
	form     form                               // of an id
	inCreate string                             // the field of a request to create that has the document, or ""
	inUpdate string                             // the same of a request to update
	listed   string                             // the field of a list; "" is the collection
	stamps   []string                           // of createTime and updateTime, those it has
	etag     bool
	lasting  bool // its changes are operations that last
	upsert   bool // an update makes what is not there

	complete func(c *call, old, doc document) error                 // checks a document and fills what the service fills in; old is nil for a new one
	ended    func(c *call, doc document) (kept document, err error) // the document that a deletion leaves behind, or nil
	absent   func(c *call) document                                 // what is told of one that was not made, or nil
	filtered func(c *call) (listing, error)                         // how a list shows each, where callers can choose

	verbs      map[string]verb // on one of them, by what follows the colon
	collection map[string]verb // on all of them; "" is GET of the collection
}

// listing returns how a list shows a document, nil for not at all.
type listing func(doc document) document

// verb is a method that only some kinds have.
type verb struct {
	method string
	do     action
}

// kinds is the table of all resources.
var kinds = sync.OnceValue(func() []*kind {
	return slices.Concat(pubsubKinds(), loggingKinds(), iamKinds(), secretKinds(), firestoreKinds(), functionKinds(), knativeKinds(), serviceKinds(), guardKinds())
})

func (k *kind) noun() string { return k.message[strings.LastIndexByte(k.message, '.')+1:] }

func (k *kind) plural() string {
	if stem, ok := strings.CutSuffix(k.noun(), "y"); ok {
		return stem + "ies"
	}
	return k.noun() + "s"
}

func (k *kind) segments() []string { return strings.Split(k.path, "/") }

// names is the collection: what comes before the id.
func (k *kind) names() string {
	segments := k.segments()
	return segments[len(segments)-2]
}

// find returns the method that a request calls on this kind, nil for none, and
// what it is about: one of them, or the parent of all.
func (k *kind) find(httpMethod string, p path) (method, resource string, do action) {
	roots, below := k.roots, k.segments()
	if roots == nil {
		roots = []string{"projects"}
	}
	switch {
	case p.is(k.version, roots, below):
		method, do = k.onOne(httpMethod, p.verb)
		return method, p.text(), do
	case p.is(k.version, roots, below[:len(below)-1]):
		method, do = k.onAll(httpMethod, p.verb)
		return method, strings.TrimSuffix(p.text(), "/"+k.names()), do
	default:
		return "", "", nil
	}
}

func (k *kind) onOne(httpMethod, name string) (string, action) {
	v, found := k.verbs[name]
	switch {
	case name != "" && found && (httpMethod == http.MethodPost || httpMethod == http.MethodGet):
		return v.method, v.do
	case name != "":
		return "", nil
	case httpMethod == http.MethodGet && k.serves&gets != 0:
		return "Get" + k.noun(), get
	case httpMethod == http.MethodPut && k.serves&creates != 0 && k.id == nil:
		return "Create" + k.noun(), create
	case (httpMethod == http.MethodPatch || httpMethod == http.MethodPut) && k.serves&updates != 0:
		return "Update" + k.noun(), update
	case httpMethod == http.MethodDelete && k.serves&deletes != 0:
		return "Delete" + k.noun(), remove
	default:
		return "", nil
	}
}

func (k *kind) onAll(httpMethod, name string) (string, action) {
	v, found := k.collection[name]
	switch {
	case found && (httpMethod == http.MethodPost) == (name != ""):
		return v.method, v.do
	case name != "":
		return "", nil
	case httpMethod == http.MethodGet && k.serves&lists != 0:
		return "List" + k.plural(), list
	case httpMethod == http.MethodPost && k.serves&creates != 0 && k.id != nil:
		return "Create" + k.noun(), createBelow
	default:
		return "", nil
	}
}

// listKey is the field of a list that has the documents.
func (k *kind) listKey() string { return cmp.Or(k.listed, k.names()) }

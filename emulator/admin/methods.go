package admin

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fromQuery takes the id of a new document from the URL.
func fromQuery(parameter string) func(*call, document) string {
	return func(c *call, _ document) string { return c.query.Get(parameter) }
}

// fromField takes it from the request, beside the document.
func fromField(field string) func(*call, document) string {
	return func(c *call, _ document) string { return text(c.body, field) }
}

// fromName takes it from the name in the document, of which it is the end.
func fromName(_ *call, doc document) string { return last(text(doc, "name")) }

// numbered makes one up.
func numbered(c *call, _ document) string { return strconv.Itoa(1_000_000 + c.number()) }

// document returns the document of a request.
func (c *call) document(field string) document {
	if field == "" {
		return copied(c.body)
	}
	return copied(within(c.body, field))
}

func createBelow(c *call) (any, error) {
	doc := c.document(c.kind.inCreate)
	id := c.kind.id(c, doc)
	if err := checkID(c.kind, id); err != nil {
		return nil, err
	}
	c.name = c.world.Canonical(c.name + "/" + c.kind.names() + "/" + id)
	return createAs(c, doc)
}

func create(c *call) (any, error) {
	if err := checkID(c.kind, last(c.name)); err != nil {
		return nil, err
	}
	return createAs(c, c.document(c.kind.inCreate))
}

func createAs(c *call, doc document) (any, error) {
	if _, exists := c.docs.get(c.name); exists {
		return nil, status.Errorf(codes.AlreadyExists, "Resource already exists in the project (resource=%s).", c.name)
	}
	return c.write(nil, doc, "create")
}

// form is that of an id.
type form struct {
	want    string
	pattern func() *regexp.Regexp
}

func newForm(want, expression string) form {
	return form{want, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + expression + `)$`) })}
}

func checkID(k *kind, id string) error {
	if !k.form.pattern().MatchString(id) {
		return invalid("Invalid %s id %q: want %s.", k.noun(), id, k.form.want)
	}
	return nil
}

// write puts a document that is new or changed, with what the service fills in.
func (c *call) write(old, doc document, what string) (any, error) {
	doc["name"] = c.name
	stamped := now()
	for _, stamp := range c.kind.stamps {
		doc[stamp] = stamped
		if stamp == "createTime" && old != nil {
			doc[stamp] = old[stamp]
		}
	}
	if c.kind.complete != nil {
		if err := c.kind.complete(c, old, doc); err != nil {
			return nil, err
		}
	}
	if c.kind.etag {
		doc["etag"] = newEtag(c.number())
	}
	c.docs.put(c.name, doc)
	return c.answer(doc, what)
}

// newEtag makes one that is also the text of bytes, as some services want it.
func newEtag(serial int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%09d", serial))
}

func get(c *call) (any, error) {
	doc, err := c.found()
	return doc, err
}

// found returns the document that the call names.
func (c *call) found() (document, error) {
	if doc, ok := c.docs.get(c.name); ok {
		return doc, nil
	}
	if c.kind.absent != nil {
		if doc := c.kind.absent(c); doc != nil {
			return doc, nil
		}
	}
	return nil, notFound(c.name)
}

// checkEtag refuses a change of another document than the caller has seen.
func (c *call) checkEtag(old document, etag string) error {
	if c.kind.etag && etag != "" && etag != old["etag"] {
		return status.Error(codes.Aborted, "There were concurrent changes: the etag is not that of the resource.")
	}
	return nil
}

func update(c *call) (any, error) {
	old, err := c.found()
	if err != nil && !c.kind.upsert {
		return nil, err
	}
	change := c.document(c.kind.inUpdate)
	if err := c.checkEtag(old, text(change, "etag")); err != nil {
		return nil, err
	}
	mask := c.query.Get("updateMask")
	if c.kind.inUpdate != "" && mask == "" {
		mask = text(c.body, "updateMask")
	}
	doc := copied(old)
	apply(doc, change, masked(mask))
	return c.write(old, doc, "update")
}

func remove(c *call) (any, error) {
	doc, ok := c.docs.get(c.name)
	if !ok {
		return nil, notFound(c.name)
	}
	if err := c.checkEtag(doc, c.query.Get("etag")); err != nil {
		return nil, err
	}
	if c.kind.ended != nil {
		kept, err := c.kind.ended(c, doc)
		if err != nil {
			return nil, err
		}
		if kept != nil {
			c.docs.put(c.name, kept)
			return c.answer(kept, "delete")
		}
	}
	c.forget(c.name)
	return c.answer(document{}, "delete")
}

// forget takes a document and its policy away.
func (s *Server) forget(name string) {
	s.docs.remove(name)
	s.world.Gone(name)
}

// list answers a page of the documents; a token is the index of the next one.
func list(c *call) (any, error) {
	show, err := c.listing()
	if err != nil {
		return nil, err
	}
	found := []any{}
	for _, doc := range c.docs.matching(strings.Split(c.name+"/"+c.kind.names()+"/*", "/")) {
		if doc = show(doc); doc != nil {
			found = append(found, doc)
		}
	}
	from, err := natural(c.query.Get("pageToken"))
	size, sizeErr := natural(c.query.Get("pageSize"))
	if err != nil || sizeErr != nil || from > len(found) {
		return nil, invalid("Invalid pageToken or pageSize.")
	}
	answer := document{}
	found = found[from:]
	if size > 0 && size < len(found) {
		found, answer["nextPageToken"] = found[:size], strconv.Itoa(from+size)
	}
	if len(found) > 0 {
		answer[c.kind.listKey()] = found
	}
	return answer, nil
}

func (c *call) listing() (listing, error) {
	switch {
	case c.kind.filtered != nil:
		return c.kind.filtered(c)
	case c.query.Get("filter") != "":
		return nil, status.Errorf(codes.Unimplemented, "The emulator does not filter lists of %s.", c.kind.plural())
	default:
		return asItIs, nil
	}
}

func asItIs(doc document) document { return doc }

func noneOf(document) document { return nil }

// natural reads a number that is not negative; "" is 0.
func natural(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

// changed is a copy of a document with some fields set.
func changed(doc, fields document) document {
	out := copied(doc)
	maps.Copy(out, fields)
	return out
}

func contains(values any, value string) bool {
	all, _ := values.([]any)
	return slices.Contains(all, any(value))
}

package parse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// specPath are the keys that lead to the specification of a workload, in the
// bodies of versions 1 and 2 of the API. Nothing else is looked into: labels,
// variables and all annotations but one are the users'.
var specPath = []string{
	"response", "request", "service", "job", "workerPool", "revision", "execution", "spec", "template",
}

// findSpecs returns the objects of the entry that list containers.
func (e *entry) findSpecs() []int32 {
	var found []int32
	e.walkSpecs(func(n int32) {
		if m := e.member(n, "containers"); m != absent && (e.byRun() || e.nodes[m].kind == arrayNode) && e.list(n, "containers") != absent {
			found = append(found, n)
		}
	})
	return found
}

// walkSpecs visits the objects that may be the specification of a workload, or
// hold one.
func (e *entry) walkSpecs(visit func(n int32)) {
	var walk func(n int32)
	walk = func(n int32) {
		if e.nodes[n].kind != objectNode {
			return
		}
		visit(n)
		for _, key := range specPath {
			walk(e.member(n, key))
		}
	}
	walk(e.proto)
}

// More than a deploy to Cloud Run has, of containers in all, and of variables
// or volumes in one place (https://cloud.google.com/run/quotas). What is more is
// not read.
const (
	mostContainers = 64
	mostReferences = 1000
)

// containers returns the deployed containers that the lists hold.
func (e *entry) containers(lists ...string) []int32 {
	var found []int32
	for _, spec := range e.specs {
		for _, list := range lists {
			found = append(found, e.some(e.list(spec, list), mostContainers-len(found))...)
		}
	}
	return found
}

// some returns the first elements of a list.
func (e *entry) some(list int32, most int) []int32 {
	var found []int32
	for c := range e.children(list) {
		if len(found) >= most {
			e.partial = true
			break
		}
		found = append(found, c)
	}
	return found
}

// readImages returns the images of the deployed containers; one that cannot be
// read is unknown.
func (e *entry) readImages() []iam.Image {
	var found []iam.Image
	for _, c := range e.containers("containers", "initContainers") {
		if i := readImage(e.string(c, "image")); !slices.Contains(found, i) {
			found = append(found, i)
		}
	}
	return found
}

// deployed takes the image from the fields, where the sentence names one of
// them.
func (d *draft) deployed(images []iam.Image) {
	if named := d.Image; len(images) > 0 {
		i := slices.Index(images, named)
		if i < 0 {
			i = slices.IndexFunc(images, func(img iam.Image) bool { return samePath(img, named) })
		}
		if d.Image = images[max(i, 0)]; i < 0 || d.Image.IsZero() {
			d.doubt(CauseDisagrees, fmt.Sprintf("the sentence names the image %q, the deploy has %q", named, d.Image))
		}
	}
	d.Access.Resource = d.Image.Repository()
}

// exact reports whether the reference has a tag or a digest.
func exact(i iam.Image) bool {
	s := i.String()
	return strings.LastIndexByte(s, ':') > strings.LastIndexByte(s, '/')
}

// samePath reports whether two references differ at most in tag and digest.
func samePath(a, b iam.Image) bool {
	return !a.Repository().IsZero() && a.Repository() == b.Repository() && a.Package() == b.Package()
}

// secret takes the service account that cannot read a secret from the fields.
// The sentence must name the same, and a secret that the deploy uses.
func (e *entry) secret(d *draft) {
	named := d.Access.Principal
	uses := e.uses.get(e.readUses)
	own := e.identity.get(e.readIdentity)
	if n, numbered := named.ProjectNumber(); own.IsZero() && numbered && n == e.number && named.In(iam.ComputeDefaults) {
		own = named
	}
	d.Access.Principal = own
	switch {
	case own.IsZero():
		d.Access.Principal = named
		d.doubt(CauseIncomplete, "no field of the entry names the service identity")
	case !named.IsZero() && named != own:
		d.doubt(CauseDisagrees, fmt.Sprintf("the sentence names %q, the service identity is %q", named, own))
	}
	used, ok := e.used(uses, d.Access.Resource)
	if !ok {
		d.doubt(CauseDisagrees, fmt.Sprintf("the deploy does not use the secret %q", d.Access.Resource))
		return
	}
	d.Access.Resource = used
}

// readIdentity returns the service account that the specifications name.
func (e *entry) readIdentity() (own iam.Principal) {
	for _, spec := range e.specs {
		for _, key := range []string{"serviceAccountName", "serviceAccount"} {
			if p := readPrincipal(e.string(spec, key)); !p.IsZero() {
				own = p
			}
		}
	}
	return own
}

// uses are the secrets that a deploy uses: as the fields name them, and what
// stands below the project in the names of those that are of some other project
// than the deploying one.
type uses struct {
	secrets  map[iam.Resource]bool
	byID     map[string]bool // the other project is named by its id
	byNumber map[string]bool
}

// used returns the secret of the deploy that the sentence speaks of. Of the
// deploying project both names are known, and the fields' counts. Of another
// one they are not: where the fields write the id and the sentence the number,
// or the other way round, the two may be one project, and the name that Google
// writes in the sentence is the one that was refused.
func (e *entry) used(u uses, named iam.Resource) (iam.Resource, bool) {
	other := u.byID
	if !named.Project().IsNumber() {
		other = u.byNumber
	}
	switch both := !e.number.IsZero() && !e.project.IsNumber(); {
	case u.secrets[named]:
		return named, true
	case both && named.Project() == e.number:
		own := named.Of(e.project)
		return own, u.secrets[own]
	case both && named.Project() == e.project:
		return named, u.secrets[named.Of(e.number)]
	default:
		return named, other[belowProject(named)]
	}
}

// belowProject returns what stands after the project in the name of a
// resource.
func belowProject(r iam.Resource) string {
	return strings.TrimPrefix(r.String(), "projects/"+r.Project().String())
}

// readUses reads which secrets the deploy uses. A name without a project is of
// the deploying one, or an alias.
func (e *entry) readUses() uses {
	u := uses{secrets: map[iam.Resource]bool{}, byID: map[string]bool{}, byNumber: map[string]bool{}}
	names := e.secretNames()
	aliases := e.aliases()
	for _, name := range names {
		if full, aliased := aliases[name]; aliased {
			name = full
		}
		if !strings.Contains(name, "/") {
			name = "projects/" + e.project.String() + "/secrets/" + name
		}
		r := readPlace(name).resource
		u.secrets[r] = true
		switch p := r.Project(); {
		case !e.number.IsZero() && (p == e.project || p == e.number):
		case p.IsNumber():
			u.byNumber[belowProject(r)] = true
		default:
			u.byID[belowProject(r)] = true
		}
	}
	return u
}

// aliases are the short names that a deploy gives to secrets of other projects,
// in an annotation such as "alias:projects/123/secrets/key,…"
// (https://cloud.google.com/run/docs/configuring/services/secrets).
func (e *entry) aliases() map[string]string {
	names := map[string]string{}
	read := 0
	e.walkSpecs(func(n int32) {
		text := e.loose(e.object(e.object(n, "metadata"), "annotations"), "run.googleapis.com/secrets")
		for part := range strings.SplitSeq(text, ",") {
			if read++; read > mostReferences {
				e.partial = true
				return
			}
			if alias, name, ok := strings.Cut(strings.TrimSpace(part), ":"); ok {
				names[alias] = name
			}
		}
	})
	return names
}

// secretNames returns the secrets that the specifications refer to in
// variables and volumes, by id or full name.
func (e *entry) secretNames() []string {
	var found []string
	add := func(n int32, keys ...string) {
		for _, key := range keys {
			if name := e.string(n, key); name != "" {
				found = append(found, name)
			}
		}
	}
	for _, c := range e.containers("containers") {
		for _, v := range e.some(e.list(c, "env"), mostReferences) {
			add(e.object(v, "valueFrom", "secretKeyRef"), "name")
			add(e.object(v, "valueSource", "secretKeyRef"), "secret")
		}
	}
	for _, spec := range e.specs {
		for _, v := range e.some(e.list(spec, "volumes"), mostReferences) {
			add(e.object(v, "secret"), "secretName", "secret")
		}
	}
	return found
}

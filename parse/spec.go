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

// specs returns the objects of the entry that list containers.
func (e *entry) specs() []int32 {
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

// mostImages is more than a deploy to Cloud Run has containers
// (https://cloud.google.com/run/quotas).
const mostImages = 64

// images returns the images of the deployed containers; one that cannot be
// read is unknown.
func (e *entry) images(specs []int32) []iam.Image {
	var found []iam.Image
	for _, spec := range specs {
		for _, list := range []string{"containers", "initContainers"} {
			for c := range e.children(e.list(spec, list)) {
				if len(found) == mostImages {
					return found
				}
				if i := readImage(e.string(c, "image")); !slices.Contains(found, i) {
					found = append(found, i)
				}
			}
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

// identity takes the service account that cannot read a secret from the
// fields. The sentence must name the same, and a secret that the deploy uses.
func (e *entry) identity(d *draft, specs []int32) {
	named := d.Access.Principal
	d.Access.Principal = iam.Principal{}
	var secrets []string
	for _, spec := range specs {
		secrets = append(secrets, e.secrets(spec)...)
		for _, key := range []string{"serviceAccountName", "serviceAccount"} {
			if p := readPrincipal(e.string(spec, key)); !p.IsZero() {
				d.Access.Principal = p
			}
		}
	}
	if n, numbered := named.ProjectNumber(); d.Access.Principal.IsZero() && numbered && n == e.number && named.In(iam.ComputeDefaults) {
		d.Access.Principal = named
	}
	switch own := d.Access.Principal; {
	case own.IsZero():
		d.Access.Principal = named
		d.doubt(CauseIncomplete, "no field of the entry names the service identity")
	case !named.IsZero() && named != own:
		d.doubt(CauseDisagrees, fmt.Sprintf("the sentence names %q, the service identity is %q", named, own))
	}
	used, ok := e.used(secrets, d.Access.Resource)
	if !ok {
		d.doubt(CauseDisagrees, fmt.Sprintf("the deploy does not use the secret %q", d.Access.Resource))
		return
	}
	d.Access.Resource = used
}

// used returns the secret of the deploy that the sentence speaks of, as the
// fields name it. A name without a project is of the deploying one, or an alias.
func (e *entry) used(names []string, named iam.Resource) (iam.Resource, bool) {
	aliases := e.aliases()
	for _, name := range names {
		if full, aliased := aliases[name]; aliased {
			name = full
		}
		if !strings.Contains(name, "/") {
			name = "projects/" + e.project.String() + "/secrets/" + name
		}
		used := readPlace(name).resource
		own := used.Project() == e.project && !e.number.IsZero()
		if used == named || sameResource(used, named) && (!own || named.Project() == e.number) {
			return used, true
		}
	}
	return iam.Resource{}, false
}

// aliases are the short names that a deploy gives to secrets of other projects,
// in an annotation such as "alias:projects/123/secrets/key,…"
// (https://cloud.google.com/run/docs/configuring/services/secrets).
func (e *entry) aliases() map[string]string {
	names := map[string]string{}
	e.walkSpecs(func(n int32) {
		text := e.loose(e.object(e.object(n, "metadata"), "annotations"), "run.googleapis.com/secrets")
		for part := range strings.SplitSeq(text, ",") {
			if alias, name, ok := strings.Cut(strings.TrimSpace(part), ":"); ok {
				names[alias] = name
			}
		}
	})
	return names
}

// secrets returns the secrets that a specification refers to in variables and
// volumes, by id or full name.
func (e *entry) secrets(spec int32) []string {
	var found []string
	add := func(n int32, keys ...string) {
		for _, key := range keys {
			if name := e.string(n, key); name != "" {
				found = append(found, name)
			}
		}
	}
	for c := range e.children(e.list(spec, "containers")) {
		for v := range e.children(e.list(c, "env")) {
			add(e.object(v, "valueFrom", "secretKeyRef"), "name")
			add(e.object(v, "valueSource", "secretKeyRef"), "secret")
		}
	}
	for v := range e.children(e.list(spec, "volumes")) {
		add(e.object(v, "secret"), "secretName", "secret")
	}
	return found
}

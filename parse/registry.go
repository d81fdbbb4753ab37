package parse

import (
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// artifact is what an address or reference of a registry names.
type artifact struct {
	image    iam.Image
	resource iam.Resource
	written  string // the reference, where it cannot be read
	address  bool   // it was written as an address
	push     bool   // the address asks for a token to push
}

// readArtifact reads an image reference, or an address below a host of
// Artifact Registry or gcr.io, with or without its scheme.
func readArtifact(s string) (artifact, bool) {
	_, rest, scheme := strings.Cut(s, "://")
	if !scheme {
		rest = s
	}
	host, path, ok := strings.Cut(rest, "/")
	if !ok || path == "" {
		return artifact{}, false
	}
	if host != strings.ToLower(host) {
		return artifact{address: scheme, written: host + "/" + path}, true // such as "LOCATION-docker.pkg.dev"
	}
	host = strings.TrimSuffix(host, ":443")
	path, query, _ := strings.Cut(path, "?")
	if v2, ok := strings.CutPrefix(path, "v2/"); ok {
		return readDistribution(host, v2, query)
	}
	a := artifact{image: readImage(host + "/" + path), address: scheme}
	a.resource = a.image.Repository()
	if a.resource.IsZero() {
		a.image, a.resource = iam.Image{}, iam.RepositoryAt(host, path)
	}
	if a.resource.IsZero() {
		a.written = host + "/" + path
	}
	return a, true
}

// readDistribution reads an address of the registry protocol
// (https://distribution.github.io/distribution/spec/api/), or of the token
// service before it.
func readDistribution(host, path, query string) (artifact, bool) {
	a := artifact{address: true}
	reference := path
	if path == "token" {
		reference, a.push = scope(query)
	} else if name, tag, ok := cutLast(path, "/manifests/"); ok && strings.HasPrefix(tag, "sha256:") {
		reference = name + "@" + tag
	} else if ok {
		reference = name + ":" + tag
	} else if name, _, ok := cutLast(path, "/blobs/"); ok {
		reference = name
	} else if name, _, ok := cutLast(path, "/tags/"); ok {
		reference = name
	}
	reference = strings.Trim(reference, "/")
	a.image = readImage(host + "/" + reference)
	if a.resource = a.image.Repository(); a.resource.IsZero() {
		a.image, a.written = iam.Image{}, host+"/"+reference
	}
	return a, reference != "" && path != "_catalog"
}

// percent decodes what a scope holds.
var percent = strings.NewReplacer("%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%2C", ",", "%2c", ",")

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// scope reads the first "repository:NAME:ACTIONS" of a token request.
func scope(query string) (name string, push bool) {
	for pair := range strings.SplitSeq(query, "&") {
		value, ok := strings.CutPrefix(pair, "scope=")
		if !ok {
			continue
		}
		decoded := strings.TrimPrefix(percent.Replace(value), "repository:")
		name, actions, _ := cutLast(decoded, ":")
		return name, strings.Contains(actions, "push")
	}
	return "", false
}

package iam

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Image is a reference to a container image: a registry host, a path, and a
// tag, a digest, both or neither.
type Image struct {
	path        string // host and path, as written
	tag, digest string // "" where not written
	repository  Resource
	packageName string
}

const (
	wantImage    = `an image such as "us-docker.pkg.dev/project/repository/image:tag"`
	longestImage = 1024
	digestMarker = "@sha256:"
	defaultTag   = "latest"
)

// ParseImage reads an image reference of any registry. Where the registry is
// Artifact Registry, [Image.Repository] says which repository holds it; that
// includes gcr.io hosts, which Artifact Registry serves
// (https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories).
// The project of a domain is written with a slash there: "gcr.io/example.com/proj/image".
func ParseImage(s string) (Image, error) {
	if len(s) > longestImage {
		return Image{}, malformed("image", s, wantImage)
	}
	img := Image{path: s}
	if i := strings.Index(s, digestMarker); i >= 0 {
		img.path, img.digest = s[:i], s[i+1:]
	}
	if i := strings.LastIndexByte(img.path, ':'); i > strings.LastIndexByte(img.path, '/') {
		img.path, img.tag = img.path[:i], img.path[i+1:]
		if img.tag == "" {
			return Image{}, malformed("image", s, wantImage)
		}
	}
	if !img.wellFormed() {
		return Image{}, malformed("image", s, wantImage)
	}
	host, rest, ok := strings.Cut(img.path, "/")
	if ok {
		img.repository, img.packageName = locate(host, rest)
	}
	return img, nil
}

// wellFormed adds to the package name what that leaves out: a host may hold
// quotes and dollar signs there, a segment may be empty, a tag may be "...".
func (i Image) wellFormed() bool {
	if !isImagePath(i.path) || i.tag != "" && !wordByte(i.tag[0]) && i.tag[0] != '_' {
		return false
	}
	tag := i.tag
	if tag == "" {
		tag = defaultTag
	}
	if _, err := name.NewTag(i.path + ":" + tag); err != nil {
		return false
	}
	if i.digest == "" {
		return true
	}
	_, err := name.NewDigest(i.path + "@" + i.digest)
	return err == nil
}

// isImagePath reports whether path is one in lower case, with or without a
// host and its port before it.
func isImagePath(path string) bool {
	host, rest, _ := strings.Cut(path, "/")
	if name, port, ok := strings.Cut(host, ":"); ok {
		if len(port) > 5 || !isNumber(port) {
			return false
		}
		path = name + "/" + rest
	}
	for segment := range strings.SplitSeq(path, "/") {
		if !span(segment, 255, alnum, dotted, alnum) {
			return false
		}
	}
	return true
}

// locate finds the repository that serves a registry path, and the name of the
// package in it. Both are zero for a registry that is not Artifact Registry.
func locate(host, path string) (Resource, string) {
	location, repository, rest := "", "", path
	if l, ok := gcrLocations[host]; ok {
		location, repository = l, host
	} else if location = dockerLocation(host); location == "" {
		return Resource{}, ""
	}
	project, rest, ok := cutProject(rest)
	if !ok {
		return Resource{}, ""
	}
	if repository == "" {
		if repository, rest, ok = strings.Cut(rest, "/"); !ok {
			return Resource{}, ""
		}
	}
	r, err := ParseResource("projects/" + project.String() + "/locations/" + location + "/repositories/" + repository)
	if err != nil {
		return Resource{}, ""
	}
	return r, rest
}

// gcrLocations says where Artifact Registry keeps the repository of each
// gcr.io host; the repository has the name of the host.
var gcrLocations = map[string]string{
	"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia",
}

// dockerLocation returns the location in a host of Artifact Registry's docker
// format, "LOCATION-docker.pkg.dev" or "docker.LOCATION.rep.pkg.dev".
func dockerLocation(host string) string {
	if l, ok := strings.CutSuffix(host, "-docker.pkg.dev"); ok {
		return l
	}
	if l, ok := strings.CutSuffix(host, ".rep.pkg.dev"); ok {
		if l, ok := strings.CutPrefix(l, "docker."); ok {
			return l
		}
	}
	return ""
}

// cutProject cuts the project from the front of a registry path. A first
// segment with a dot is a domain, and the project follows it.
func cutProject(path string) (p Project, rest string, ok bool) {
	first, rest, ok := strings.Cut(path, "/")
	if !ok {
		return Project{}, "", false
	}
	if strings.Contains(first, ".") {
		var id string
		if id, rest, ok = strings.Cut(rest, "/"); !ok {
			return Project{}, "", false
		}
		first += ":" + id
	}
	p, err := ParseProject(first)
	return p, rest, err == nil && rest != ""
}

// String returns the reference as it was written.
func (i Image) String() string {
	s := i.path
	if i.tag != "" {
		s += ":" + i.tag
	}
	if i.digest != "" {
		s += "@" + i.digest
	}
	return s
}

// IsZero reports whether the image is unknown.
func (i Image) IsZero() bool { return i.path == "" }

// Host returns the registry host as it was written, or "" where there is none.
func (i Image) Host() string {
	host, _, ok := strings.Cut(i.path, "/")
	if !ok {
		return ""
	}
	return host
}

// Repository returns the Artifact Registry repository that holds the image, or
// the unknown resource for another registry.
func (i Image) Repository() Resource { return i.repository }

// Package returns the path of the image below its repository, such as
// "team/api", or "" for another registry.
func (i Image) Package() string { return i.packageName }

// Digest returns "sha256:…", or "" where the reference has none.
func (i Image) Digest() string { return i.digest }

// Tag returns the tag that a pull would ask for: the written one, or "latest"
// where neither tag nor digest is written.
func (i Image) Tag() string {
	if i.tag == "" && i.digest == "" && i.path != "" {
		return defaultTag
	}
	return i.tag
}

// MarshalText returns the reference as it was written.
func (i Image) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText wrote; "" is an unknown image.
func (i *Image) UnmarshalText(text []byte) error { return unmarshal(i, text, ParseImage) }

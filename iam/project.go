package iam

import "strings"

// Project names a Google Cloud project by its id ("shared-images", or
// "example.com:shared-images" for one scoped to a domain) or by its number
// ("123456789012"). An id and a number of the same project are different
// values: only Resource Manager knows that they are one.
type Project struct{ name string }

const wantProject = `a project id ("app-one", "example.com:app-one") or number ("123456789012")`

// ParseProject reads a project id or number. Ids hold lower-case letters,
// digits and hyphens, begin with a letter and do not end with a hyphen
// (https://cloud.google.com/resource-manager/docs/creating-managing-projects);
// a number has no leading zero.
func ParseProject(s string) (Project, error) {
	id := s
	if domain, rest, scoped := strings.Cut(s, ":"); scoped {
		if !isDomain(domain) {
			return Project{}, malformed("project", s, wantProject)
		}
		id = rest
	} else if isNumber(s) {
		return Project{s}, nil
	}
	if !span(id, 30, lower, dashed, alnum) {
		return Project{}, malformed("project", s, wantProject)
	}
	return Project{s}, nil
}

// largestNumber is what an int64 holds, which numbers of projects are
// (https://cloud.google.com/resource-manager/reference/rest/v1/projects).
const largestNumber = "9223372036854775807"

func isNumber(s string) bool {
	return 0 < len(s) && s[0] != '0' && every(s, digit) &&
		(len(s) < len(largestNumber) || len(s) == len(largestNumber) && s <= largestNumber)
}

// isDomain reports whether s is a lower-case DNS name of two labels or more.
func isDomain(s string) bool {
	labels := 0
	for label := range strings.SplitSeq(s, ".") {
		if !span(label, 63, alnum, dashed, alnum) {
			return false
		}
		labels++
	}
	return labels >= 2 && len(s) <= 253
}

// String returns the id or number, or "" for an unknown project.
func (p Project) String() string { return p.name }

// IsZero reports whether the project is unknown.
func (p Project) IsZero() bool { return p.name == "" }

// IsNumber reports whether the project is named by its number.
func (p Project) IsNumber() bool {
	return p.name != "" && digit(p.name[0]) && !strings.Contains(p.name, ":")
}

// GoogleOwned reports whether Google owns the project, so that no customer can
// change a policy in it. The names are those that appear as registries of
// Google's own images.
func (p Project) GoogleOwned() bool {
	_, owned := googleOwned[p.name]
	return owned
}

// See https://cloud.google.com/run/docs/runtimes, https://cloud.google.com/build/docs/cloud-builders
// and the registries that Google's own documentation pulls from.
var googleOwned = map[string]struct{}{
	"anthos-baremetal-release": {}, "buildpacks": {}, "cloud-aiplatform": {}, "cloud-builders": {},
	"cloud-marketplace": {}, "cloud-sdk-docker": {}, "cloud-sql-connectors": {}, "cloud-spanner-pg-adapter": {},
	"cloudrun": {}, "cloudsql-docker": {}, "deeplearning-platform-release": {}, "distroless": {},
	"fn-img": {}, "gae-runtimes": {}, "gcf-runtimes": {}, "gcp-runtimes": {}, "gke-release": {},
	"google-appengine": {}, "google-containers": {}, "google-samples": {}, "google.com:cloudsdktool": {},
	"k8s-artifacts-prod": {}, "kaniko-project": {}, "knative-releases": {}, "ml-pipeline": {},
	"serverless-runtimes": {}, "tekton-releases": {}, "vertex-ai": {}, "cloudsdktool": {}, "google-gke-addons": {},
}

// MarshalText returns the id or number.
func (p Project) MarshalText() ([]byte, error) { return []byte(p.name), nil }

// UnmarshalText reads what MarshalText wrote; "" is an unknown project.
func (p *Project) UnmarshalText(text []byte) (err error) { return unmarshal(p, text, ParseProject) }

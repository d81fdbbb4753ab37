package iam

import "strings"

// ResourceType is the collection that a [Resource] belongs to.
type ResourceType uint8

// The types of resource that findings name.
const (
	UnknownType        ResourceType = iota
	RepositoryType                  // projects/P/locations/L/repositories/R
	SecretType                      // projects/P/secrets/S, or regional: projects/P/locations/L/secrets/S
	ServiceType                     // projects/P/locations/L/services/S
	JobType                         // projects/P/locations/L/jobs/J
	WorkerPoolType                  // projects/P/locations/L/workerPools/W
	FunctionType                    // projects/P/locations/L/functions/F
	ServiceAccountType              // projects/P/serviceAccounts/E
	ProjectType                     // projects/P
)

// Resource names one Google Cloud resource by its relative resource name
// (https://cloud.google.com/apis/design/resource_names).
type Resource struct {
	name string
	kind ResourceType
}

const wantResource = `a resource such as "projects/P/locations/L/repositories/R", "projects/P/secrets/S", ` +
	`"projects/P/locations/L/services/S" or "projects/P"`

// ParseResource reads a relative resource name, or a full one
// ("//artifactregistry.googleapis.com/projects/…"), of one of the types above.
func ParseResource(s string) (Resource, error) {
	name := s
	if full, ok := strings.CutPrefix(s, "//"); ok {
		var host string
		host, name, _ = strings.Cut(full, "/")
		if !isDomain(host) || !strings.HasSuffix(host, ".googleapis.com") {
			return Resource{}, malformed("resource", s, wantResource)
		}
	}
	kind := resourceType(name)
	if kind == UnknownType {
		return Resource{}, malformed("resource", s, wantResource)
	}
	return Resource{name, kind}, nil
}

func resourceType(name string) ResourceType {
	var seg [7]string
	n := 0
	for part := range strings.SplitSeq(name, "/") {
		if n == len(seg) {
			return UnknownType
		}
		seg[n] = part
		n++
	}
	if _, err := ParseProject(seg[1]); seg[0] != "projects" || err != nil {
		return UnknownType
	}
	switch {
	case n == 2:
		return ProjectType
	case n == 4:
		return globalType(seg[2], seg[3])
	case n == 6 && seg[2] == "locations" && span(seg[3], 63, lower, dashed, alnum):
		return regionalType(seg[4], seg[5])
	default:
		return UnknownType
	}
}

func globalType(collection, id string) ResourceType {
	switch {
	case collection == "secrets" && isSecretID(id):
		return SecretType
	case collection == "serviceAccounts" && isServiceAccountEmail(id):
		return ServiceAccountType
	default:
		return UnknownType
	}
}

func regionalType(collection, id string) ResourceType {
	switch {
	case collection == "repositories" && span(id, 63, lower, dotted, alnum) && !strings.Contains(id, ".."):
		return RepositoryType
	case collection == "secrets" && isSecretID(id):
		return SecretType
	case !span(id, 63, lower, func(c byte) bool { return dashed(c) || c == '_' }, alnum):
		return UnknownType
	}
	switch collection {
	case "services":
		return ServiceType
	case "jobs":
		return JobType
	case "workerPools":
		return WorkerPoolType
	case "functions":
		return FunctionType
	default:
		return UnknownType
	}
}

func isSecretID(id string) bool { return span(id, 255, secretByte, secretByte, secretByte) }

// String returns the relative resource name, or "" for an unknown resource.
func (r Resource) String() string { return r.name }

// IsZero reports whether the resource is unknown.
func (r Resource) IsZero() bool { return r.name == "" }

// Type returns the collection that the resource belongs to.
func (r Resource) Type() ResourceType { return r.kind }

// Project returns the project that holds the resource.
func (r Resource) Project() Project {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.name, "projects/"), "/")
	return Project{name}
}

// Of returns the same resource with its project written as p, which must be
// another name of the same project: its id for its number.
func (r Resource) Of(p Project) Resource {
	if r.IsZero() || p.IsZero() {
		return r
	}
	r.name = "projects/" + p.String() + strings.TrimPrefix(r.name, "projects/"+r.Project().String())
	return r
}

// Location returns the region or multi-region, or "" for a global resource.
func (r Resource) Location() string {
	segments := strings.SplitN(r.name, "/", 5)
	if len(segments) < 5 {
		return ""
	}
	return segments[3]
}

// ID returns the last segment of the name.
func (r Resource) ID() string { return r.name[strings.LastIndexByte(r.name, '/')+1:] }

// MarshalText returns the relative resource name.
func (r Resource) MarshalText() ([]byte, error) { return []byte(r.name), nil }

// UnmarshalText reads what MarshalText wrote; "" is an unknown resource.
func (r *Resource) UnmarshalText(text []byte) error { return unmarshal(r, text, ParseResource) }

package iam

import (
	"slices"
	"strings"
)

// Role is a predefined role ("roles/artifactregistry.reader") or a custom one
// ("projects/P/roles/R", "organizations/N/roles/R").
type Role struct{ name string }

// The roles that pullfix names as a fix.
var (
	ArtifactReader     = Role{"roles/artifactregistry.reader"}
	ArtifactWriter     = Role{"roles/artifactregistry.writer"}
	SecretAccessor     = Role{"roles/secretmanager.secretAccessor"}
	RunInvoker         = Role{"roles/run.invoker"}
	RunDeveloper       = Role{"roles/run.developer"}
	RunAdmin           = Role{"roles/run.admin"}
	ServiceAccountUser = Role{"roles/iam.serviceAccountUser"}
)

const wantRole = `a role such as "roles/artifactregistry.reader"`

// ParseRole reads a role.
func ParseRole(s string) (Role, error) {
	at := strings.LastIndexByte(s, '/') + 1
	parent, ok := strings.CutSuffix(s[:at], "roles/")
	id := s[at:]
	switch {
	case !ok || !span(id, 100, letter, func(c byte) bool { return wordByte(c) || c == '.' || c == '_' }, wordByte):
		return Role{}, malformed("role", s, wantRole)
	case parent == "" || isRoleParent(parent):
		return Role{s}, nil
	default:
		return Role{}, malformed("role", s, wantRole)
	}
}

func isRoleParent(parent string) bool {
	parent, slash := strings.CutSuffix(parent, "/")
	collection, id, _ := strings.Cut(parent, "/")
	switch collection {
	case "projects":
		_, err := ParseProject(id)
		return slash && err == nil
	case "organizations":
		return slash && isNumber(id)
	default:
		return false
	}
}

// containedIn lists, for each role that pullfix grants, the predefined roles
// that hold all its permissions on the same resource
// (https://cloud.google.com/iam/docs/roles-permissions).
var containedIn = map[Role][]Role{
	ArtifactReader: {
		ArtifactWriter,
		{"roles/artifactregistry.repoAdmin"},
		{"roles/artifactregistry.admin"},
		{"roles/artifactregistry.createOnPushWriter"},
		{"roles/artifactregistry.createOnPushRepoAdmin"},
	},
	ArtifactWriter: {
		{"roles/artifactregistry.repoAdmin"},
		{"roles/artifactregistry.admin"},
		{"roles/artifactregistry.createOnPushWriter"},
		{"roles/artifactregistry.createOnPushRepoAdmin"},
	},
	SecretAccessor: {{"roles/secretmanager.admin"}},
	RunInvoker:     {RunAdmin},
}

// ContainedIn reports whether wider is the role itself or holds all its
// permissions.
func (r Role) ContainedIn(wider Role) bool {
	return r == wider || slices.Contains(containedIn[r], wider)
}

// String returns the role, or "" for an unknown one.
func (r Role) String() string { return r.name }

// IsZero reports whether the role is unknown.
func (r Role) IsZero() bool { return r.name == "" }

// MarshalText returns the role.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.name), nil }

// UnmarshalText reads what MarshalText wrote; "" is an unknown role.
func (r *Role) UnmarshalText(text []byte) error { return unmarshal(r, text, ParseRole) }

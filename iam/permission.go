package iam

import "strings"

// Permission is a permission in the form service.resource.verb
// (https://cloud.google.com/iam/docs/permissions-reference).
type Permission struct{ name string }

// The permissions whose lack pullfix knows how to mend or to explain.
var (
	DownloadArtifacts   = Permission{"artifactregistry.repositories.downloadArtifacts"}
	UploadArtifacts     = Permission{"artifactregistry.repositories.uploadArtifacts"}
	AccessSecretVersion = Permission{"secretmanager.versions.access"}
	InvokeRoutes        = Permission{"run.routes.invoke"}
	ActAs               = Permission{"iam.serviceAccounts.actAs"}
)

const wantPermission = `a permission such as "artifactregistry.repositories.downloadArtifacts"`

// ParsePermission reads a permission. Messages write "iam.serviceaccounts.actAs"
// for "iam.serviceAccounts.actAs": the latter is canonical.
func ParsePermission(s string) (Permission, error) {
	parts := 0
	for part := range strings.SplitSeq(s, ".") {
		if !span(part, 64, letter, wordByte, wordByte) {
			return Permission{}, malformed("permission", s, wantPermission)
		}
		parts++
	}
	if parts != 3 {
		return Permission{}, malformed("permission", s, wantPermission)
	}
	for _, known := range []Permission{DownloadArtifacts, UploadArtifacts, AccessSecretVersion, InvokeRoutes, ActAs} {
		if strings.EqualFold(s, known.name) {
			return known, nil
		}
	}
	return Permission{s}, nil
}

// String returns the permission, or "" for an unknown one.
func (p Permission) String() string { return p.name }

// IsZero reports whether the permission is unknown.
func (p Permission) IsZero() bool { return p.name == "" }

// Service returns the part before the first dot, such as "artifactregistry".
func (p Permission) Service() string {
	service, _, _ := strings.Cut(p.name, ".")
	return service
}

// MarshalText returns the permission.
func (p Permission) MarshalText() ([]byte, error) { return []byte(p.name), nil }

// UnmarshalText reads what MarshalText wrote; "" is an unknown permission.
func (p *Permission) UnmarshalText(text []byte) error { return unmarshal(p, text, ParsePermission) }

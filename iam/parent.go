package iam

import "strings"

// Parent is what holds projects: a folder ("folders/222") or an organisation
// ("organizations/1"), by its number
// (https://cloud.google.com/resource-manager/docs/cloud-platform-resource-hierarchy).
type Parent struct{ name string }

const wantParent = `a folder ("folders/123456789012") or an organisation ("organizations/123456789012")`

// ParseParent reads the name of a folder or an organisation.
func ParseParent(s string) (Parent, error) {
	collection, number, _ := strings.Cut(s, "/")
	if collection != "folders" && collection != "organizations" || !isNumber(number) {
		return Parent{}, malformed("folder or organisation", s, wantParent)
	}
	return Parent{s}, nil
}

// String returns the name, or "" for an unknown parent.
func (p Parent) String() string { return p.name }

// IsZero reports whether the parent is unknown.
func (p Parent) IsZero() bool { return p.name == "" }

// IsOrganization reports whether it is an organisation.
func (p Parent) IsOrganization() bool { return strings.HasPrefix(p.name, "organizations/") }

// MarshalText returns the name.
func (p Parent) MarshalText() ([]byte, error) { return []byte(p.name), nil }

// UnmarshalText reads what MarshalText wrote; "" is an unknown parent.
func (p *Parent) UnmarshalText(text []byte) error { return unmarshal(p, text, ParseParent) }

package iam

import (
	"fmt"
	"slices"
	"strings"
)

// Class is a set of principals that a rule can name by one word.
type Class uint8

// The classes. The first four are service agents and default accounts that
// Google creates, one a project; each of them is also in ServiceAccounts.
const (
	_                      Class = iota
	CloudRunAgents               // "cloud-run-agent"
	CloudBuilds                  // "cloud-build": the legacy account and the service agent of Cloud Build
	ComputeDefaults              // "compute-default"
	ArtifactRegistryAgents       // "artifact-registry-agent"
	ServiceAccounts              // "service-account": every service account and service agent
	Users                        // "user"
)

var classNames = [...]string{
	CloudRunAgents: "cloud-run-agent", CloudBuilds: "cloud-build", ComputeDefaults: "compute-default",
	ArtifactRegistryAgents: "artifact-registry-agent", ServiceAccounts: "service-account", Users: "user",
}

// ClassNames returns the word of every class.
func ClassNames() []string { return slices.Clone(classNames[1:]) }

// ParseClass reads the word of a class.
func ParseClass(s string) (Class, error) {
	for c, name := range classNames {
		if name == s && s != "" {
			return Class(c), nil
		}
	}
	return 0, malformed("class of principals", s, "one of "+strings.Join(ClassNames(), ", "))
}

// String returns the word of the class.
func (c Class) String() string {
	if int(c) >= len(classNames) {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classNames[c]
}

// MarshalText returns the word of the class.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (c *Class) UnmarshalText(text []byte) error { return unmarshal(c, text, ParseClass) }

// In reports whether the principal belongs to the class.
func (p Principal) In(c Class) bool {
	_, domain, _ := strings.Cut(p.Email(), "@")
	_, numbered := p.ProjectNumber()
	switch c {
	case CloudRunAgents:
		return numbered && domain == domainCloudRun
	case CloudBuilds:
		return numbered && (domain == domainCloudBuild || domain == domainCloudBuildAgent)
	case ComputeDefaults:
		return numbered && domain == domainDefaults
	case ArtifactRegistryAgents:
		return numbered && domain == domainArtifactRegistry
	case ServiceAccounts:
		return p.IsServiceAccount()
	case Users:
		return strings.HasPrefix(p.member, prefixUser)
	default:
		return false
	}
}

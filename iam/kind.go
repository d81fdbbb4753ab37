package iam

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says what went wrong. Its words are stable: rules, records, metrics and
// documentation use them. The zero Kind is the one that nothing can be granted
// for.
type Kind uint8

// The kinds of failure. For those after CallerImage no grant that pullfix may
// make would help.
const (
	OtherPermission     Kind = iota // "other-permission"
	RunImage                        // "run-image": the Cloud Run service agent cannot read the image
	ArtifactDownload                // "artifact-download": downloadArtifacts denied to a build, runtime or node account
	ArtifactUpload                  // "artifact-upload": uploadArtifacts denied
	UpstreamSecret                  // "upstream-secret": the Artifact Registry agent cannot read a remote repository's credential
	SecretAccess                    // "secret-access": the service identity of a revision cannot read a secret
	Invoker                         // "invoker": a caller lacks run.routes.invoke
	CallerImage                     // "caller-image": the deployer cannot read the image
	ActAsAccount                    // "act-as": the deployer may not act as the service identity
	RunPermission                   // "run-permission": the deployer lacks a run.* permission
	Unauthenticated                 // "unauthenticated": no credential was sent
	NotFound                        // "not-found": the image, repository or service does not exist
	VPCServiceControls              // "vpc-sc": a service perimeter refuses
	DenyPolicy                      // "deny-policy": an IAM deny policy refuses
	OrgPolicy                       // "org-policy": an organisation policy refuses
	DownloadRule                    // "download-rule": a repository rule denies the download
	Quota                           // "quota"
	Billing                         // "billing"
	APIDisabled                     // "api-disabled"
	AgentToken                      // "agent-token": the Cloud Run agent may not get tokens for the service identity
	Startup                         // "startup": the container does not start or listen
	Architecture                    // "architecture": the image is for another CPU
	BinaryAuthorization             // "binary-authorization"
)

var kindNames = [...]string{
	OtherPermission: "other-permission", RunImage: "run-image", ArtifactDownload: "artifact-download",
	ArtifactUpload: "artifact-upload", UpstreamSecret: "upstream-secret", SecretAccess: "secret-access",
	Invoker: "invoker", CallerImage: "caller-image", ActAsAccount: "act-as", RunPermission: "run-permission",
	Unauthenticated: "unauthenticated", NotFound: "not-found", VPCServiceControls: "vpc-sc",
	DenyPolicy: "deny-policy", OrgPolicy: "org-policy", DownloadRule: "download-rule", Quota: "quota",
	Billing: "billing", APIDisabled: "api-disabled", AgentToken: "agent-token", Startup: "startup",
	Architecture: "architecture", BinaryAuthorization: "binary-authorization",
}

// KindNames returns the word of every kind.
func KindNames() []string { return slices.Clone(kindNames[:]) }

// ParseKind reads the word of a kind.
func ParseKind(s string) (Kind, error) {
	for k, name := range kindNames {
		if name == s {
			return Kind(k), nil
		}
	}
	return 0, malformed("kind", s, "one of "+strings.Join(KindNames(), ", "))
}

// String returns the word of the kind.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// MarshalText returns the word of the kind.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error { return unmarshal(k, text, ParseKind) }

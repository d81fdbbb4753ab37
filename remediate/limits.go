package remediate

import (
	"fmt"
	"slices"

	"cloud.google.com/go/iam/apiv1/iampb"

	"github.com/pullfix/pullfix/iam"
)

// Grant is a binding that pullfix may write: one role out of four, for one
// service account, on one repository, secret or Cloud Run resource, without a
// condition. A value that exists keeps every limit that no rule can lift; there
// is none for anything else.
type Grant struct{ binding iam.Binding }

// Binding returns what would be written.
func (g Grant) Binding() iam.Binding { return g.binding }

// MadeIn reports whether the policy is as the grant makes it. By a wider role the
// member may hold as much where it is not.
func (g Grant) MadeIn(policy *iampb.Policy) bool { return includes(policy, g.binding) }

// Removal is the opposite of a grant: one member that leaves one binding.
type Removal struct{ binding iam.Binding }

// Binding returns what would be taken away.
func (r Removal) Binding() iam.Binding { return r.binding }

// writable says on which types of resource each role can be written. There are
// no others.
var writable = map[iam.Role][]iam.ResourceType{
	iam.ArtifactReader: {iam.RepositoryType},
	iam.ArtifactWriter: {iam.RepositoryType},
	iam.SecretAccessor: {iam.SecretType},
	iam.RunInvoker:     runTypes,
}

// RefusedError says why something can not be written: by a limit of pullfix's,
// or because Google Cloud says no for good.
type RefusedError struct {
	Cause Cause
	Why   string // one sentence
	Err   error  // the answer of Google Cloud, nil for a limit
}

func (e *RefusedError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "not grantable: " + e.Why
}

// Unwrap returns the answer of Google Cloud.
func (e *RefusedError) Unwrap() error { return e.Err }

func refused(cause Cause, format string, args ...any) *RefusedError {
	return &RefusedError{Cause: cause, Why: fmt.Sprintf(format, args...)}
}

// Grant returns the plan as something that can be written, or a [RefusedError].
// self is pullfix's own account, unknown where it has none.
func (p Plan) Grant(self iam.Principal) (Grant, error) {
	if err := p.limit(self); err != nil {
		return Grant{}, err
	}
	return Grant{p.Binding}, nil
}

func (p Plan) limit(self iam.Principal) error {
	b, f := p.Binding, fixes[p.Kind]
	switch {
	case !Grants(p.Kind):
		return refused(NotGrantable, "%s", p.Reason)
	case b.Member.IsZero():
		return refused(Incomplete, "who lacks the permission is not known")
	case b.Resource.IsZero():
		return refused(Incomplete, "the resource is not known")
	case b.Member == self:
		return refused(Self, "%s is pullfix's own account", b.Member)
	case f.to != 0 && !b.Member.In(f.to):
		return refused(Member, "%s is not a member of class %s, which %s is about", b.Member, f.to, p.Kind)
	case b.Role != f.role:
		return refused(BadRole, "%s is not the role that mends %s", b.Role, p.Kind)
	default:
		return limit(b)
	}
}

// NewRemoval returns what takes a binding away that pullfix added, or a
// [RefusedError] for one that pullfix never adds.
func NewRemoval(b iam.Binding) (Removal, error) {
	if err := limit(b); err != nil {
		return Removal{}, err
	}
	return Removal{b}, nil
}

// limit holds what is true of everything that is ever written.
func limit(b iam.Binding) error {
	types, known := writable[b.Role]
	switch {
	case !known:
		return refused(BadRole, "%s is not a role that pullfix writes", b.Role)
	case !b.Member.IsServiceAccount():
		return refused(Member, "%s is not a service account", b.Member)
	case !slices.Contains(types, b.Resource.Type()):
		return refused(BadResource, "%s is not a resource on which %s can be written", b.Resource, b.Role)
	case b.Resource.Type() == iam.SecretType && b.Resource.Location() != "":
		// https://cloud.google.com/secret-manager/regional-secrets/config-sm-rs
		return refused(BadResource, "%s is a regional secret, whose policy only the endpoint of its region can change", b.Resource)
	case b.Resource.Project().GoogleOwned():
		return refused(GoogleOwned, "Google owns the project of %s: only Google can change its policy", b.Resource)
	default:
		return nil
	}
}

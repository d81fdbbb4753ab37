package remediate

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/iam"
)

// Policies reads and writes the allow policies of one service. The official
// clients have these methods.
type Policies interface {
	GetIamPolicy(context.Context, *iampb.GetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
	SetIamPolicy(context.Context, *iampb.SetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
}

// Granter adds members to policies.
type Granter struct {
	Policies Policies
	Calls    Calls
}

// Change is what a grant did to a policy.
type Change struct {
	Added      bool   // false where the member held the role already
	Unsure     bool   // with an error: a write was sent that may have landed
	EtagBefore string // base64, as gcloud prints it
	EtagAfter  string
}

// errNoEtag: without an etag a write would overwrite whatever another writer
// has changed meanwhile (https://cloud.google.com/iam/docs/allow-policies#etag).
var errNoEtag = errors.New("the policy has no etag: a write could overwrite the change of another writer")

// policyVersion is the one in which conditions come whole; in older ones they
// are lost (https://cloud.google.com/iam/docs/allow-policies#versions).
const policyVersion = 3

// Grant adds the member to the one unconditional binding of the role, and
// leaves everything else as it is. On a conflict it reads again and starts
// over. A write whose answer was lost is looked for before anything is said
// about it. The error is a [Transient] where the same event may succeed later.
func (g *Granter) Grant(ctx context.Context, grant Grant) (Change, error) {
	b, backoff := grant.Binding(), g.Calls.Backoff
	var (
		refused error  // the last write
		landed  string // etag before the first write that may have landed although it failed
	)
	for written := 0; ; written++ {
		policy, err := g.read(ctx, b.Resource)
		if err != nil {
			return Change{Unsure: landed != "", EtagBefore: landed}, errors.Join(err, refused)
		}
		before := encode(policy)
		switch {
		case !add(policy, b.Role, b.Member):
			return Change{Added: landed != "", EtagBefore: cmp.Or(landed, before), EtagAfter: before}, nil
		case written == g.Calls.Attempts:
			return Change{Unsure: landed != "", EtagBefore: cmp.Or(landed, before)}, refused
		case before == "":
			return Change{}, fmt.Errorf("write the policy of %s: %w", b.Resource, errNoEtag)
		}
		after, err := g.write(ctx, b.Resource, policy)
		if err == nil {
			return Change{Added: true, EtagBefore: before, EtagAfter: encode(after)}, nil
		}
		refused = err
		if reactTo(err).landed {
			landed = cmp.Or(landed, before)
		}
		if !reactTo(err).again || gax.Sleep(ctx, backoff.Pause()) != nil {
			return Change{Unsure: landed != "", EtagBefore: cmp.Or(landed, before)}, refused
		}
	}
}

func (g *Granter) read(ctx context.Context, of iam.Resource) (*iampb.Policy, error) {
	return read(ctx, g.Calls, "read the policy of "+of.String(), func(ctx context.Context) (*iampb.Policy, error) {
		return g.Policies.GetIamPolicy(ctx, policyRequest(of), once)
	})
}

func (g *Granter) write(ctx context.Context, of iam.Resource, policy *iampb.Policy) (*iampb.Policy, error) {
	after, err := attempt(ctx, g.Calls, func(ctx context.Context) (*iampb.Policy, error) {
		return g.Policies.SetIamPolicy(ctx, &iampb.SetIamPolicyRequest{Resource: of.String(), Policy: policy}, once)
	})
	if err != nil {
		return nil, failure("write the policy of "+of.String(), err)
	}
	return after, nil
}

func policyRequest(of iam.Resource) *iampb.GetIamPolicyRequest {
	return &iampb.GetIamPolicyRequest{
		Resource: of.String(),
		Options:  &iampb.GetPolicyOptions{RequestedPolicyVersion: policyVersion},
	}
}

// add puts the member into the one unconditional binding of the role, and
// makes that binding where there is none. It reports false, and changes
// nothing, where the member holds the role already.
func add(policy *iampb.Policy, role iam.Role, member iam.Principal) bool {
	if heldBy(policy, role, member) != "" {
		return false
	}
	for _, b := range policy.GetBindings() {
		if b.GetCondition() == nil && b.GetRole() == role.String() {
			b.Members = append(b.Members, member.String())
			return true
		}
	}
	policy.Bindings = append(policy.Bindings, &iampb.Binding{Role: role.String(), Members: []string{member.String()}})
	return true
}

// everyone are the members that include any service account
// (https://cloud.google.com/iam/docs/principals-overview).
var everyone = []string{"allUsers", "allAuthenticatedUsers"}

// heldBy returns the role through which the member holds the permissions of
// the role without a condition, or "".
func heldBy(policy *iampb.Policy, role iam.Role, member iam.Principal) string {
	for _, b := range policy.GetBindings() {
		wider, err := iam.ParseRole(b.GetRole())
		if err != nil || b.GetCondition() != nil || !role.ContainedIn(wider) {
			continue
		}
		if slices.ContainsFunc(b.GetMembers(), func(m string) bool {
			return strings.EqualFold(m, member.String()) || slices.Contains(everyone, m)
		}) {
			return b.GetRole()
		}
	}
	return ""
}

func encode(policy *iampb.Policy) string { return base64.StdEncoding.EncodeToString(policy.GetEtag()) }

package remediate

import (
	"encoding/base64"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"

	"github.com/pullfix/pullfix/iam"
)

// policyVersion is the one in which conditions come whole; in older ones they
// are lost (https://cloud.google.com/iam/docs/allow-policies#versions).
const policyVersion = 3

func policyRequest(of iam.Resource) *iampb.GetIamPolicyRequest {
	return &iampb.GetIamPolicyRequest{
		Resource: of.String(),
		Options:  &iampb.GetPolicyOptions{RequestedPolicyVersion: policyVersion},
	}
}

// mostPrincipals is what one policy may hold, every appearance counted
// (https://cloud.google.com/iam/quotas).
const mostPrincipals = 1500

// principals counts as the limit does.
func principals(policy *iampb.Policy) int {
	n := 0
	for _, b := range policy.GetBindings() {
		n += len(b.GetMembers())
	}
	for _, a := range policy.GetAuditConfigs() {
		for _, c := range a.GetAuditLogConfigs() {
			n += len(c.GetExemptedMembers())
		}
	}
	return n
}

// add puts the member into the one unconditional binding of the role, and
// makes that binding where there is none.
func add(policy *iampb.Policy, b iam.Binding) {
	to := unconditional(policy, b.Role)
	if to == nil {
		to = &iampb.Binding{Role: b.Role.String()}
		policy.Bindings = append(policy.Bindings, to)
	}
	to.Members = append(to.Members, b.Member.String())
}

// remove takes the member out of the unconditional binding of the role, in which it
// is. A binding that is left without members goes, because an empty one is refused.
func remove(policy *iampb.Policy, b iam.Binding) {
	from := unconditional(policy, b.Role)
	n := slices.IndexFunc(from.Members, func(m string) bool { return same(b.Member, m) })
	from.Members = slices.Delete(from.Members, n, n+1)
	policy.Bindings = slices.DeleteFunc(policy.Bindings, func(b *iampb.Binding) bool { return b == from && len(b.GetMembers()) == 0 })
}

// has reports whether the member is in a binding.
func has(b *iampb.Binding, member iam.Principal) bool {
	return slices.ContainsFunc(b.GetMembers(), func(m string) bool { return same(member, m) })
}

func unconditional(policy *iampb.Policy, role iam.Role) *iampb.Binding {
	for _, b := range policy.GetBindings() {
		if b.GetCondition() == nil && b.GetRole() == role.String() {
			return b
		}
	}
	return nil
}

// everyone are the members that include any service account
// (https://cloud.google.com/iam/docs/principals-overview).
var everyone = []string{"allUsers", "allAuthenticatedUsers"}

// includes reports whether the member is in an unconditional binding of the role
// itself.
func includes(policy *iampb.Policy, b iam.Binding) bool {
	return slices.ContainsFunc(policy.GetBindings(), func(held *iampb.Binding) bool {
		return held.GetCondition() == nil && held.GetRole() == b.Role.String() && has(held, b.Member)
	})
}

// heldBy returns the role through which the member holds the permissions of
// the role without a condition, or "".
func heldBy(policy *iampb.Policy, b iam.Binding) string {
	for _, held := range policy.GetBindings() {
		wider, err := iam.ParseRole(held.GetRole())
		if err != nil || held.GetCondition() != nil || !b.Role.ContainedIn(wider) {
			continue
		}
		if slices.ContainsFunc(held.GetMembers(), func(m string) bool { return same(b.Member, m) || slices.Contains(everyone, m) }) {
			return held.GetRole()
		}
	}
	return ""
}

// same compares as Google does, which takes capitals for small letters.
func same(p iam.Principal, member string) bool { return strings.EqualFold(member, p.String()) }

// etag is the policy's as gcloud prints it.
func etag(policy *iampb.Policy) string { return base64.StdEncoding.EncodeToString(policy.GetEtag()) }

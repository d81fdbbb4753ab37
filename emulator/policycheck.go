package emulator

import (
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What one allow policy may hold (https://cloud.google.com/iam/quotas).
const (
	maxPrincipals = 1500
	maxGroups     = 250 // groups and domains, each counted once
)

const (
	wantRole   = `roles/NAME, projects/P/roles/NAME or organizations/N/roles/NAME`
	wantMember = `allUsers, allAuthenticatedUsers, or one of the prefixes user:, serviceAccount:, group:, domain:, principal:, principalSet: and a name`
)

const email = `[^\s:@\[\]/]+@[^\s:@\[\]/]+\.[^\s:@\[\]/]+`

var (
	rolePattern   = lazily(`^(?:(?:projects|organizations)/[^/\s]+/)?roles/[A-Za-z0-9_.]+$`)
	hiddenPattern = lazily(`_withcond_[0-9a-f]{20}$`)
	memberPattern = lazily(`^(?:allUsers|allAuthenticatedUsers` +
		`|(?:user|group):` + email +
		`|serviceAccount:(?:` + email + `|[^\s:@\[\]/]+\.svc\.id\.goog\[[^\s\[\]/]+/[^\s\[\]/]+\])` +
		`|deleted:(?:user|serviceAccount|group):` + email + `\?uid=[0-9]+` +
		`|domain:[^\s:@/]+\.[^\s:@/]+` +
		`|project(?:Owner|Editor|Viewer):[^\s:/]+` +
		`|(?:deleted:)?principal(?:Set)?://[^\s]+)$`)
)

func invalid(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}

func checkVersion(version int32) error {
	if version != 0 && version != 1 && version != 3 {
		return invalid("Invalid policy version %d: want 0, 1 or 3.", version)
	}
	return nil
}

// checkWrite is what can be said about a write without knowing what is there.
func checkWrite(policy *iampb.Policy, mask []string) error {
	if policy == nil {
		return invalid("The policy must be specified.")
	}
	for _, path := range mask {
		if !slices.Contains([]string{"bindings", "etag", "version", "audit_configs"}, path) {
			return invalid("Invalid update_mask path %q: want bindings, etag, version or audit_configs.", path)
		}
	}
	if err := checkVersion(policy.GetVersion()); err != nil {
		return err
	}
	if policy.GetVersion() < 3 && hasCondition(policy) {
		return invalid("A policy with conditional role bindings must specify version 3, not %d.", policy.GetVersion())
	}
	if err := checkBindings(policy.GetBindings()); err != nil {
		return err
	}
	return checkSize(policy)
}

func checkBindings(bindings []*iampb.Binding) error {
	for _, b := range bindings {
		if b.GetCondition() != nil && b.GetCondition().GetExpression() == "" {
			return invalid("The condition of the binding of %q has no expression.", b.GetRole())
		}
		for _, member := range b.GetMembers() {
			if !memberPattern().MatchString(member) {
				return invalid("The member %q is malformed: want %s.", member, wantMember)
			}
		}
	}
	return nil
}

// checkRoles comes after the made-up roles of hidden conditions are resolved:
// what is left of them does not exist.
func checkRoles(bindings []*iampb.Binding) error {
	for _, b := range bindings {
		switch role := b.GetRole(); {
		case !rolePattern().MatchString(role):
			return invalid("The role name %q is malformed: want %s.", role, wantRole)
		case hiddenPattern().MatchString(role):
			return invalid("Role %s is not supported for this resource.", role)
		}
	}
	return nil
}

func checkSize(policy *iampb.Policy) error {
	principals, groups := 0, map[string]bool{}
	for _, b := range policy.GetBindings() {
		principals += len(b.GetMembers())
		for _, member := range b.GetMembers() {
			if strings.HasPrefix(member, "group:") || strings.HasPrefix(member, "domain:") {
				groups[member] = true
			}
		}
	}
	for _, a := range policy.GetAuditConfigs() {
		for _, l := range a.GetAuditLogConfigs() {
			principals += len(l.GetExemptedMembers())
		}
	}
	switch {
	case principals > maxPrincipals:
		return invalid("The number of members in the policy (%d) is larger than the maximum allowed size %d.", principals, maxPrincipals)
	case len(groups) > maxGroups:
		return invalid("The number of groups and domains in the policy (%d) is larger than the maximum allowed size %d.", len(groups), maxGroups)
	}
	return nil
}

// checkExist refuses a member or a custom role that does not exist and is not
// in the policy already.
func (p *policies) checkExist(resource string, old, bindings []*iampb.Binding) error {
	for _, b := range bindings {
		if !slices.ContainsFunc(old, func(o *iampb.Binding) bool { return o.GetRole() == b.GetRole() }) {
			if err := p.role(b.GetRole(), resource); err != nil {
				return err
			}
		}
		for _, member := range b.GetMembers() {
			held := slices.ContainsFunc(old, func(o *iampb.Binding) bool { return slices.Contains(o.GetMembers(), member) })
			if p.absent[member] && !held && !p.made(member) {
				kind, name, _ := strings.Cut(member, ":")
				return invalid("%s %s does not exist.", kindWord(kind), name)
			}
		}
	}
	return nil
}

func kindWord(kind string) string {
	if kind == "serviceAccount" {
		return "Service account"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const conflict = "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."

// emptyEtag is the etag of a policy that was never written: "ACAB" in base64.
var emptyEtag = []byte{0x00, 0x20, 0x01}

// policies holds the allow policy of every resource of every service. All
// reads go through get, all writes through set.
type policies struct {
	made func(member string) bool          // whether a member was made
	role func(role, resource string) error // refuses a custom role that cannot be bound there

	mu     sync.Mutex
	absent map[string]bool // members that do not exist, unless they are made
	stored map[string]*iampb.Policy
	writes uint64
}

func newPolicies(seed *Seed, canonical func(string) string) *policies {
	p := &policies{absent: map[string]bool{}, stored: map[string]*iampb.Policy{}}
	for _, member := range seed.missing {
		p.absent[member] = true
	}
	for _, s := range seed.policies {
		if s.policy == nil {
			p.stored[canonical(s.resource)] = &iampb.Policy{Etag: emptyEtag}
		} else {
			p.put(canonical(s.resource), &iampb.Policy{Bindings: mergeBindings(s.policy.Bindings)})
		}
	}
	return p
}

func (p *policies) all() map[string]*iampb.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]*iampb.Policy, len(p.stored))
	for resource, policy := range p.stored {
		out[resource] = inVersion(policy, 3)
	}
	return out
}

// whole is the policy with everything that is in it.
func (p *policies) whole(resource string) *iampb.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return inVersion(p.current(resource), 3)
}

func (p *policies) get(resource string, version int32) (*iampb.Policy, error) {
	if err := checkVersion(version); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return inVersion(p.current(resource), version), nil
}

// set replaces the parts of the policy that the mask names. An etag that is
// not the current one is a conflict; no etag overwrites what is there.
func (p *policies) set(resource string, policy *iampb.Policy, mask []string) (*iampb.Policy, error) {
	if err := checkWrite(policy, mask); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.current(resource)
	if len(policy.GetEtag()) > 0 && !bytes.Equal(policy.GetEtag(), old.GetEtag()) {
		return nil, status.Error(codes.Aborted, conflict)
	}
	next := proto.CloneOf(old)
	if slices.Contains(mask, "bindings") {
		bindings, err := newBindings(old, policy)
		if err != nil {
			return nil, err
		}
		if err := p.checkExist(resource, old.GetBindings(), bindings); err != nil {
			return nil, err
		}
		next.Bindings = mergeBindings(bindings)
	}
	if slices.Contains(mask, "audit_configs") {
		next.AuditConfigs = proto.CloneOf(policy).GetAuditConfigs()
	}
	p.put(resource, next)
	return inVersion(next, policy.GetVersion()), nil
}

// forget takes the policy of what was deleted away.
func (p *policies) forget(resource string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.stored, resource)
}

// rename has every policy name a member as one that was deleted, as it is now.
func (p *policies) rename(member, as string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.absent[member] = true
	for resource, policy := range p.stored {
		next := proto.CloneOf(policy)
		for _, b := range next.GetBindings() {
			for i := range b.GetMembers() {
				if b.Members[i] == member {
					b.Members[i] = as
				}
			}
		}
		if !proto.Equal(policy, next) {
			p.put(resource, next)
		}
	}
}

func (p *policies) current(resource string) *iampb.Policy {
	if policy, ok := p.stored[resource]; ok {
		return policy
	}
	return &iampb.Policy{Etag: emptyEtag}
}

func (p *policies) put(resource string, policy *iampb.Policy) {
	p.writes++
	policy.Etag = binary.BigEndian.AppendUint64(nil, 0x0706<<48|p.writes)
	p.stored[resource] = policy
}

// inVersion is the policy as a caller who speaks that version sees it: below
// version 3 a conditional binding shows a made-up role and no condition.
func inVersion(policy *iampb.Policy, version int32) *iampb.Policy {
	out := proto.CloneOf(policy)
	out.Version = 1
	for _, b := range out.GetBindings() {
		switch {
		case b.GetCondition() == nil:
		case version >= 3:
			out.Version = 3
		default:
			b.Role, b.Condition = hiddenRole(b), nil
		}
	}
	return out
}

func hiddenRole(b *iampb.Binding) string {
	c := b.GetCondition()
	sum := sha256.Sum256([]byte(c.GetTitle() + "\x00" + c.GetDescription() + "\x00" + c.GetExpression() + "\x00" + c.GetLocation()))
	return b.GetRole() + "_withcond_" + hex.EncodeToString(sum[:10])
}

// newBindings is what a write leaves behind. A writer below version 3 who read
// a policy with conditions has seen made-up roles: they stand for the bindings
// they came from, which such a writer may neither change nor take away. A
// blind write is not held to that, and loses the conditions.
func newBindings(old, policy *iampb.Policy) ([]*iampb.Binding, error) {
	out := proto.CloneOf(policy).GetBindings()
	if policy.GetVersion() < 3 && len(policy.GetEtag()) > 0 && hasCondition(old) {
		if err := unhide(old.GetBindings(), out); err != nil {
			return nil, err
		}
	}
	return out, checkRoles(out)
}

func unhide(old, bindings []*iampb.Binding) error {
	for _, b := range old {
		role := b.GetRole()
		if b.GetCondition() != nil {
			role = hiddenRole(b)
		}
		i := slices.IndexFunc(bindings, func(n *iampb.Binding) bool { return n.GetRole() == role })
		if i < 0 || b.GetCondition() != nil && !sameMembers(b.GetMembers(), bindings[i].GetMembers()) {
			return status.Errorf(codes.InvalidArgument,
				"The policy has conditional role bindings: a write that changes or removes the binding of %q must specify version 3.", role)
		}
		bindings[i].Role, bindings[i].Condition = b.GetRole(), proto.CloneOf(b.GetCondition())
	}
	return nil
}

func sameMembers(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func hasCondition(policy *iampb.Policy) bool {
	return slices.ContainsFunc(policy.GetBindings(), func(b *iampb.Binding) bool { return b.GetCondition() != nil })
}

// mergeBindings joins bindings of the same role and condition, and drops
// repeated members and bindings without any.
func mergeBindings(bindings []*iampb.Binding) []*iampb.Binding {
	type key struct{ role, title, description, expression, location string }
	var out []*iampb.Binding
	at := map[key]*iampb.Binding{}
	for _, b := range bindings {
		c := b.GetCondition()
		k := key{b.GetRole(), c.GetTitle(), c.GetDescription(), c.GetExpression(), c.GetLocation()}
		for _, member := range b.GetMembers() {
			if at[k] == nil {
				at[k] = &iampb.Binding{Role: b.GetRole(), Condition: proto.CloneOf(c)}
				out = append(out, at[k])
			}
			if !slices.Contains(at[k].Members, member) {
				at[k].Members = append(at[k].Members, member)
			}
		}
	}
	return out
}

// policyServer answers the three IAM methods that every service has.
type policyServer struct {
	policies *policies
	resolve  func(resource string) (string, error) // the full name of what exists, or the service's own error
}

func (s policyServer) GetIamPolicy(_ context.Context, req *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	resource, err := s.resolve(req.GetResource())
	if err != nil {
		return nil, err
	}
	return s.policies.get(resource, req.GetOptions().GetRequestedPolicyVersion())
}

func (s policyServer) SetIamPolicy(_ context.Context, req *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	resource, err := s.resolve(req.GetResource())
	if err != nil {
		return nil, err
	}
	mask := req.GetUpdateMask().GetPaths()
	if len(mask) == 0 {
		mask = []string{"bindings", "etag"}
	}
	return s.policies.set(resource, req.GetPolicy(), mask)
}

// TestIamPermissions answers as to an owner; for what does not exist nobody
// has any permission.
func (s policyServer) TestIamPermissions(_ context.Context, req *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	res := &iampb.TestIamPermissionsResponse{}
	if _, err := s.resolve(req.GetResource()); err == nil {
		res.Permissions = req.GetPermissions()
	}
	return res, nil
}

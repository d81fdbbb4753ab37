package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/remediate"
)

// undoer carries out what is to be done about one grant.
type undoer interface {
	// remove takes the member away. now is the change as a rehearsal made it.
	remove(ctx context.Context, grant audit.Record, away remediate.Removal, now remediate.Change) error
	// finish records what an earlier run has done and could not record.
	finish(ctx context.Context, intent audit.Record, away remediate.Removal) error
}

// rehearsal says what would be done.
type rehearsal struct{ out io.Writer }

func (r rehearsal) remove(_ context.Context, _ audit.Record, away remediate.Removal, now remediate.Change) error {
	fmt.Fprintf(r.out, "would remove %s; the etag of the policy is %s\n", words(away), now.EtagBefore)
	return nil
}

func (r rehearsal) finish(_ context.Context, _ audit.Record, away remediate.Removal) error {
	fmt.Fprintf(r.out, "would record that an earlier run removed %s\n", words(away))
	return nil
}

// removing does it. Without the record there is no act.
type removing struct{ *undoing }

func (u removing) remove(ctx context.Context, grant audit.Record, away remediate.Removal, _ remediate.Change) error {
	ctx = context.WithoutCancel(ctx) // what has begun goes on, so that its result is known
	grant.Cause, grant.EtagBefore, grant.EtagAfter, grant.Error = audit.CauseUndo, "", "", ""
	intent := grant
	intent.Phase, intent.Outcome, intent.Reason = audit.PhaseIntent, "", u.reason
	if err := u.book.write(ctx, intent); err != nil {
		return fmt.Errorf("nothing was removed, because that could not be recorded: %w", err)
	}
	granter := remediate.Granter{Services: u.services, Calls: u.calls}
	change, err := granter.Remove(ctx, away, intent.RequestReason())
	result := ended(intent, change, err)
	if lost := u.book.write(ctx, result); lost != nil {
		return errors.Join(err, fmt.Errorf("the removal of %s ended %s, and that could not be recorded: %w; run it again", words(away), result.Outcome, lost))
	}
	switch {
	case err != nil:
		return again(err)
	case !change.Made:
		return refuse("%s meanwhile, so that nothing was removed", missing(away))
	}
	fmt.Fprintf(u.out, "removed %s; the etag of the policy is now %s\n", words(away), change.EtagAfter)
	u.hint(grant)
	return nil
}

// ended is the record of how a removal ended.
func ended(intent audit.Record, change remediate.Change, err error) audit.Record {
	r := intent
	r.Phase, r.EtagBefore, r.EtagAfter = audit.PhaseResult, change.EtagBefore, change.EtagAfter
	transient := (*retry.Transient)(nil)
	switch {
	case err == nil && change.Made:
		r.Outcome = audit.OutcomeUndone
	case err == nil:
		r.Outcome = audit.OutcomeRefused
		r.Reason += "; the member was gone when it was to be removed"
	case errors.As(err, &transient):
		r.Outcome, r.Error = audit.OutcomeFailed, err.Error()
	default:
		r.Outcome, r.Error = audit.OutcomeRefused, err.Error()
	}
	return r
}

func (u removing) finish(ctx context.Context, intent audit.Record, away remediate.Removal) error {
	r := intent
	r.Phase, r.Outcome = audit.PhaseResult, audit.OutcomeUndone
	r.Reason += "; the member is gone, and the run that was to remove it was cut off before it recorded a result"
	if err := u.book.write(ctx, r); err != nil {
		return err
	}
	fmt.Fprintf(u.out, "recorded that an earlier run removed %s\n", words(away))
	u.hint(intent)
	return nil
}

// hint says what the undo does not change.
func (u removing) hint(grant audit.Record) {
	if grant.Rule != "" {
		fmt.Fprintf(u.out, "rule %q still allows it: the next denial grants it again, unless the rule is changed\n", grant.Rule)
	}
}

func words(away remediate.Removal) string {
	b := away.Binding()
	return fmt.Sprintf("%s from %s on %s", b.Member, b.Role, b.Resource)
}

func missing(away remediate.Removal) string {
	b := away.Binding()
	return fmt.Sprintf("the policy of %s no longer has %s in %s without a condition", b.Resource, b.Member, b.Role)
}

// elsewhere says where else in the policy the member is.
func elsewhere(policy *iampb.Policy, away remediate.Removal) string {
	var held []string
	for _, b := range policy.GetBindings() {
		for _, member := range b.GetMembers() {
			if strings.EqualFold(member, away.Binding().Member.String()) {
				held = append(held, inBinding(b))
			}
		}
	}
	if held == nil {
		return "somebody else removed it"
	}
	return "it is only in " + strings.Join(held, " and in ") + ", where pullfix has not put it"
}

func inBinding(b *iampb.Binding) string {
	if c := b.GetCondition(); c != nil {
		return fmt.Sprintf("%s under the condition %q", b.GetRole(), c.GetTitle())
	}
	return b.GetRole()
}

// rehearse makes a removal on the policy as it is now and does not write it. It
// returns the change, and the policy as it was read.
func rehearse(ctx context.Context, services remediate.Services, calls retry.Calls, away remediate.Removal) (
	remediate.Change, *iampb.Policy, error,
) {
	seen := &iampb.Policy{}
	granter := remediate.Granter{Calls: calls, Services: func(ctx context.Context, of iam.ResourceType) (remediate.Policies, error) {
		policies, err := services(ctx, of)
		return unwritten{policies, seen}, err
	}}
	change, err := granter.Remove(ctx, away, "")
	return change, seen, err
}

// unwritten are policies that are read, and answer as if they were written.
type unwritten struct {
	remediate.Policies
	seen *iampb.Policy // what was read last
}

func (u unwritten) GetIamPolicy(ctx context.Context, req *iampb.GetIamPolicyRequest, opts ...gax.CallOption) (*iampb.Policy, error) {
	policy, err := u.Policies.GetIamPolicy(ctx, req, opts...)
	if err == nil {
		proto.Reset(u.seen)
		proto.Merge(u.seen, policy)
	}
	return policy, err
}

func (unwritten) SetIamPolicy(_ context.Context, req *iampb.SetIamPolicyRequest, _ ...gax.CallOption) (*iampb.Policy, error) {
	return req.GetPolicy(), nil
}

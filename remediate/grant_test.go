package remediate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

func TestGrantAddsOneMemberAndChangesNothingElse(t *testing.T) {
	cloud, _, granter := start(t, world)
	before := cloud.Policies()[repository]
	change, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	after := cloud.Policies()[repository]
	want := proto.CloneOf(before)
	want.Bindings[0].Members = append(want.Bindings[0].Members, agent111)
	want.Etag = after.Etag
	if diff := cmp.Diff(want, after, protocmp.Transform()); diff != "" {
		t.Errorf("policy -want +got\n%s", diff)
	}
	if wantChange := (Change{Made: true, EtagBefore: etag(before), EtagAfter: etag(after)}); change != wantChange {
		t.Errorf("got %+v, want %+v", change, wantChange)
	}
}

// TestGrantKeepsAuditConfigs sets an audit configuration as an administrator
// would, and wants to find it after a grant.
func TestGrantKeepsAuditConfigs(t *testing.T) {
	cloud, _, granter := start(t, world)
	registry := must(granter.Services(t.Context(), iam.RepositoryType))
	policy := cloud.Policies()[repository]
	policy.AuditConfigs = []*iampb.AuditConfig{{
		Service:         "artifactregistry.googleapis.com",
		AuditLogConfigs: []*iampb.AuditLogConfig{{LogType: iampb.AuditLogConfig_DATA_READ, ExemptedMembers: []string{"user:ann@example.com"}}},
	}}
	if _, err := registry.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{
		Resource: repository, Policy: policy, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"bindings", "etag", "audit_configs"}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), nil, ""); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(policy.AuditConfigs, cloud.Policies()[repository].GetAuditConfigs(), protocmp.Transform()); diff != "" {
		t.Errorf("audit configs -want +got\n%s", diff)
	}
}

func TestGrantTwiceWritesOnce(t *testing.T) {
	cloud, _, granter := start(t, world)
	grant := must(planned().Grant(iam.Principal{}))
	for n := range 2 {
		change, err := granter.Grant(t.Context(), grant, nil, "")
		if err != nil || change.Made != (n == 0) {
			t.Fatalf("time %d: got %+v, %v", n+1, change, err)
		}
	}
	if n := cloud.Calls()["SetIamPolicy"]; n != 1 {
		t.Errorf("got %d writes, want 1", n)
	}
}

func TestGrantUnderFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []string
		want   Change // etags left out
		fails  string
		again  bool // the error is a Transient
		landed bool // the member is in the policy in the end
		writes int
	}{
		{name: "conflict", faults: []string{"{method: SetIamPolicy, code: ABORTED, times: 2}"}, want: Change{Made: true}, landed: true, writes: 3},
		{name: "unavailable", faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 2}"}, want: Change{Made: true}, landed: true, writes: 3},
		{name: "answer lost", faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}"}, want: Change{Made: true, Found: true}, landed: true, writes: 1},
		{name: "answer late", faults: []string{"{method: SetIamPolicy, code: DEADLINE_EXCEEDED, times: 1, afterWrite: true}"}, want: Change{Made: true, Found: true}, landed: true, writes: 1},
		{name: "answer lost after a conflict", faults: []string{
			"{method: SetIamPolicy, code: ABORTED, times: 1}", "{method: SetIamPolicy, code: INTERNAL, times: 1, afterWrite: true}",
		}, want: Change{Made: true, Found: true}, landed: true, writes: 2},
		{name: "read fails for a while", faults: []string{"{method: GetIamPolicy, code: UNAVAILABLE, times: 3}"}, want: Change{Made: true}, landed: true, writes: 1},
		{name: "read fails for long", faults: []string{"{method: GetIamPolicy, code: UNAVAILABLE, times: 99}"}, fails: "read the policy of " + repository, again: true},
		{name: "write fails for long", faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 99}"}, want: Change{Unsure: true}, fails: "write the policy of " + repository, again: true, writes: 4},
		{
			name: "answer lost, and the policy cannot be read after it", want: Change{Unsure: true}, landed: true, writes: 1,
			faults: []string{
				"{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}",
				"{method: GetIamPolicy, code: UNAVAILABLE, after: 1, times: 99}",
			},
			fails: "read the policy of " + repository, again: true,
		},
		{name: "conflict for long", faults: []string{"{method: SetIamPolicy, code: ABORTED, times: 99}"}, fails: "write the policy of " + repository, again: true, writes: 4},
		{
			name:   "the last answer is lost",
			faults: []string{"{method: SetIamPolicy, code: UNAVAILABLE, times: 3}", "{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}"},
			want:   Change{Made: true, Found: true}, landed: true, writes: 4,
		},
		{
			name:   "may not write, after an answer that never came",
			faults: []string{"{method: SetIamPolicy, code: DEADLINE_EXCEEDED, times: 1}", "{method: SetIamPolicy, code: PERMISSION_DENIED, times: 9}"},
			want:   Change{Unsure: true}, fails: "PermissionDenied", again: true, writes: 2,
		},
		{name: "may not write", faults: []string{"{method: SetIamPolicy, code: PERMISSION_DENIED, times: 9}"}, fails: "PermissionDenied", writes: 1},
		{name: "organisation policy", faults: []string{"{method: SetIamPolicy, code: FAILED_PRECONDITION, times: 9}"}, fails: "FailedPrecondition", writes: 1},
		{name: "may not read", faults: []string{"{method: GetIamPolicy, code: PERMISSION_DENIED, times: 9}"}, fails: "PermissionDenied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cloud, _, granter := start(t, withFaults(world, test.faults...))
			change, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), nil, "")
			change.EtagBefore, change.EtagAfter = "", ""
			if change != test.want {
				t.Errorf("got %+v, want %+v", change, test.want)
			}
			switch transient := (*retry.Transient)(nil); {
			case test.fails == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)):
				t.Errorf("got error %v, want one with %q", err, test.fails)
			case errors.As(err, &transient) != test.again:
				t.Errorf("error %v: got transient %t, want %t", err, !test.again, test.again)
			}
			if got := heldBy(cloud.Policies()[repository], planned().Binding) != ""; got != test.landed {
				t.Errorf("got member in the policy %t, want %t", got, test.landed)
			}
			if got := cloud.Calls()["SetIamPolicy"]; got != test.writes {
				t.Errorf("got %d writes, want %d", got, test.writes)
			}
		})
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	const writers = 20
	cloud, _, granter := start(t, world)
	granter.Calls.Attempts = 100
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			p := planned()
			p.Binding.Member = iam.CloudRunAgent(must(iam.ParseProject(fmt.Sprint(1000 + n))))
			if _, err := granter.Grant(t.Context(), must(p.Grant(iam.Principal{})), nil, ""); err != nil {
				t.Errorf("writer %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	if got := len(cloud.Policies()[repository].GetBindings()[0].GetMembers()); got != writers+1 {
		t.Errorf("got %d members, want %d", got, writers+1)
	}
}

func TestGrantEndsWithItsContext(t *testing.T) {
	_, _, granter := start(t, withFaults(world, "{method: SetIamPolicy, code: UNAVAILABLE, times: 99}"))
	granter.Calls = retry.Default
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := granter.Grant(ctx, must(planned().Grant(iam.Principal{})), nil, "")
	if transient := (*retry.Transient)(nil); !errors.As(err, &transient) {
		t.Errorf("got %v, want a transient error", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it went on for %s after its context had ended", took)
	}
}

// noEtag is a service whose policies come without an etag.
type noEtag struct{ written bool }

func (n *noEtag) GetIamPolicy(context.Context, *iampb.GetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error) {
	return &iampb.Policy{}, nil
}

func (n *noEtag) SetIamPolicy(context.Context, *iampb.SetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error) {
	n.written = true
	return &iampb.Policy{}, nil
}

func TestNothingIsWrittenWithoutAnEtag(t *testing.T) {
	policies := &noEtag{}
	granter := &Granter{Services: fixed(policies), Calls: quick}
	_, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), nil, "")
	if !errors.Is(err, errNoEtag) || policies.written {
		t.Errorf("got error %v and written %t, want %v and nothing written", err, policies.written, errNoEtag)
	}
}

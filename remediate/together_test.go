package remediate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

// agentPlan is the plan for the agent of the project with the number.
func agentPlan(number int) Plan {
	p := planned()
	p.Binding.Member = iam.CloudRunAgent(must(iam.ParseProject(fmt.Sprint(number))))
	return p
}

// atOnce makes the grants of agents 1000, 1001, … side by side, spread over the
// granters, and returns how each ended.
func atOnce(ctx context.Context, n int, granters ...*Granter) []outcome {
	outcomes := make([]outcome, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			change, err := granters[i%len(granters)].Grant(ctx, must(agentPlan(1000+i).Grant(iam.Principal{})), nil, reasonFor(1000+i))
			outcomes[i] = outcome{change, err}
		})
	}
	wg.Wait()
	return outcomes
}

// wantAdded wants exactly these agents in the policy, besides what was there.
func wantAdded(t *testing.T, cloud *emulator.Cloud, before map[string]int, agents []int) {
	t.Helper()
	got := membersOf(cloud)
	for _, n := range agents {
		before[agentPlan(n).Binding.Member.String()]++
	}
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("members of the policy -want +got\n%s", diff)
	}
}

// membersOf counts how often each member appears, with the condition.
func membersOf(cloud *emulator.Cloud) map[string]int {
	counts := map[string]int{}
	for _, b := range cloud.Policies()[repository].GetBindings() {
		for _, m := range b.GetMembers() {
			if b.GetRole() != reader {
				m = b.GetRole() + " " + m
			}
			counts[m]++
		}
	}
	return counts
}

func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = 1000 + i
	}
	return numbers
}

// TestFiveHundredAgentsAtOnce is a platform's worst morning: every project
// deploys at the same time, and nobody may pull.
func TestFiveHundredAgentsAtOnce(t *testing.T) {
	const agents, mostWrites = 500, 25
	cloud, _, granter := start(t, world+"latency: 20ms\n")
	before := membersOf(cloud)
	for n, o := range atOnce(t.Context(), agents, granter) {
		if o.err != nil || !o.change.Made || o.change.EtagBefore == "" || o.change.EtagAfter == "" {
			t.Errorf("agent %d: got %+v, %v, want it made", n, o.change, o.err)
		}
	}
	wantAdded(t, cloud, before, upTo(agents))
	if writes := cloud.Calls()["SetIamPolicy"]; writes > mostWrites {
		t.Errorf("got %d writes for %d grants, want at most %d", writes, agents, mostWrites)
	}
}

// TestInstancesContend lets several instances, and an administrator with them,
// write one policy.
func TestInstancesContend(t *testing.T) {
	const agents, instances = 200, 4
	cloud, _, first := start(t, world+"latency: 2ms\n")
	granters := []*Granter{first}
	for len(granters) < instances {
		granters = append(granters, &Granter{Services: first.Services, Calls: first.Calls})
	}
	for _, g := range granters {
		g.Calls.Attempts = 100
	}
	before := membersOf(cloud)
	for n, o := range atOnce(t.Context(), agents, granters...) {
		if o.err != nil || !o.change.Made {
			t.Errorf("agent %d: got %+v, %v, want it made", n, o.change, o.err)
		}
	}
	wantAdded(t, cloud, before, upTo(agents))
}

// TestOneOfManyIsRefused puts agents that do not exist among others: each gets
// its own answer.
func TestOneOfManyIsRefused(t *testing.T) {
	const agents = 40
	missing := map[int]bool{3: true, 17: true, 18: true}
	seed := world + "latency: 5ms\nmissingMembers:\n"
	for n := range missing {
		seed += fmt.Sprintf("  - %q\n", agentPlan(1000+n).Binding.Member)
	}
	cloud, _, granter := start(t, seed)
	before := membersOf(cloud)
	var added []int
	for n, o := range atOnce(t.Context(), agents, granter) {
		var r *RefusedError
		errors.As(o.err, &r)
		switch {
		case missing[n] && (r == nil || r.Cause != MemberMissing || o.change.Made || o.change.Unsure):
			t.Errorf("agent %d does not exist: got %+v, %v, want cause %s", n, o.change, o.err, MemberMissing)
		case !missing[n] && (o.err != nil || !o.change.Made):
			t.Errorf("agent %d: got %+v, %v, want it made", n, o.change, o.err)
		case !missing[n]:
			added = append(added, 1000+n)
		}
	}
	wantAdded(t, cloud, before, added)
}

// TestManyGrantsOfOneMember are the many entries of one failed deploy.
func TestManyGrantsOfOneMember(t *testing.T) {
	cloud, _, granter := start(t, world+"latency: 5ms\n")
	before := membersOf(cloud)
	var wg sync.WaitGroup
	made := make(chan bool, 20)
	for range cap(made) {
		wg.Go(func() {
			change, err := granter.Grant(t.Context(), must(agentPlan(1000).Grant(iam.Principal{})), nil, "")
			if err != nil {
				t.Errorf("got %v", err)
			}
			made <- change.Made
		})
	}
	wg.Wait()
	close(made)
	n := 0
	for m := range made {
		if m {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of the grants say that they added the member, want 1", n)
	}
	wantAdded(t, cloud, before, []int{1000})
}

// TestTwoRolesOfOneMember grants one member a role and a wider one at the same time.
// Whether the narrow one is needed hangs on what becomes of the wide one.
func TestTwoRolesOfOneMember(t *testing.T) {
	narrow := agentPlan(1000).Binding
	wide := narrow
	wide.Role = iam.ArtifactWriter
	for _, test := range []struct {
		name, seed   string
		failed, held bool
	}{
		{"written", world, false, true},
		{"never written", withFaults(world, "{method: SetIamPolicy, code: ABORTED, times: 99}"), true, false},
	} {
		_, _, granter := start(t, test.seed)
		outcomes := granter.run(t.Context(), []*change{{binding: wide}, {binding: narrow}})
		for n, o := range outcomes {
			transient := (*retry.Transient)(nil)
			if errors.As(o.err, &transient) != test.failed {
				t.Errorf("%s: change %d: got %v, want a failure that may pass: %t", test.name, n, o.err, test.failed)
			}
		}
		if got := outcomes[1].change.Wider; got != test.held {
			t.Errorf("%s: got that the member has the narrow role by a wider one: %t, want %t", test.name, got, test.held)
		}
	}
}

func TestManyFailTogether(t *testing.T) {
	const agents = 10
	for _, test := range []struct {
		fault             string
		transient, unsure bool
		cause             Cause
	}{
		{fault: "{method: SetIamPolicy, code: UNAVAILABLE, times: 99}", transient: true, unsure: true},
		{fault: "{method: SetIamPolicy, code: ABORTED, times: 99}", transient: true},
		{fault: "{method: GetIamPolicy, code: INTERNAL, times: 99}", transient: true},
		{fault: "{method: SetIamPolicy, code: PERMISSION_DENIED, times: 99}", cause: WriteDenied},
		{fault: "{method: SetIamPolicy, code: FAILED_PRECONDITION, times: 99, message: 'One or more users named in the policy do not belong to a permitted customer, perhaps due to an organization policy.'}", cause: OrgPolicy},
	} {
		t.Run(test.fault, func(t *testing.T) {
			cloud, _, granter := start(t, withFaults(world, test.fault))
			before := membersOf(cloud)
			for n, o := range atOnce(t.Context(), agents, granter) {
				var r *RefusedError
				errors.As(o.err, &r)
				transient := (*retry.Transient)(nil)
				if errors.As(o.err, &transient) != test.transient || o.change.Unsure != test.unsure || test.cause != "" && (r == nil || r.Cause != test.cause) {
					t.Errorf("agent %d: got %+v, %v, want transient %t, unsure %t, cause %q", n, o.change, o.err, test.transient, test.unsure, test.cause)
				}
			}
			wantAdded(t, cloud, before, nil)
		})
	}
}

// TestAnswerLostForMany loses the answer to the write of many, while somebody
// else writes too: each is told that it was made.
func TestAnswerLostForMany(t *testing.T) {
	const agents = 30
	cloud, _, granter := start(t, withFaults(world, "{method: SetIamPolicy, code: DEADLINE_EXCEEDED, times: 2, afterWrite: true}")+"latency: 5ms\n")
	before := membersOf(cloud)
	for n, o := range atOnce(t.Context(), agents, granter) {
		if o.err != nil || !o.change.Made || o.change.Unsure {
			t.Errorf("agent %d: got %+v, %v, want it made", n, o.change, o.err)
		}
	}
	wantAdded(t, cloud, before, upTo(agents))
}

// TestALoneGrantTrustsItsCheck counts the reads of a grant that follows a check.
func TestALoneGrantTrustsItsCheck(t *testing.T) {
	cloud, _, granter := start(t, world)
	seen := cloud.Policies()[repository]
	was := proto.CloneOf(seen)
	if change, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), seen, ""); err != nil || !change.Made {
		t.Fatalf("got %+v, %v", change, err)
	}
	if n := cloud.Calls()["GetIamPolicy"]; n != 0 {
		t.Errorf("the policy was read %d times, want 0", n)
	}
	if diff := cmp.Diff(was, seen, protocmp.Transform()); diff != "" {
		t.Errorf("the caller's policy was changed\n%s", diff)
	}
	// The policy has moved on since: the old one is refused, and read anew.
	if change, err := granter.Grant(t.Context(), must(agentPlan(1000).Grant(iam.Principal{})), seen, ""); err != nil || !change.Made {
		t.Errorf("with a policy of before: got %+v, %v", change, err)
	}
	wantAdded(t, cloud, map[string]int{"group:dev@example.com": 1, "user:guest@example.com": 1, "roles/artifactregistry.writer serviceAccount:build@shared.iam.gserviceaccount.com": 1, agent111: 1}, []int{1000})
}

func TestWhoWaitsTooLong(t *testing.T) {
	cloud, _, granter := start(t, world+"latency: 200ms\n")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	first := make(chan error, 1)
	go func() {
		_, err := granter.Grant(t.Context(), must(agentPlan(1000).Grant(iam.Principal{})), nil, "")
		first <- err
	}()
	for cloud.Calls()["GetIamPolicy"] == 0 {
		time.Sleep(time.Millisecond)
	}
	change, err := granter.Grant(ctx, must(agentPlan(1001).Grant(iam.Principal{})), nil, "")
	if transient := (*retry.Transient)(nil); !errors.As(err, &transient) || change.Unsure {
		t.Errorf("nobody has begun with it: got %+v, %v, want a transient error and nothing unsure", change, err)
	}
	if err := <-first; err != nil {
		t.Errorf("the other one: %v", err)
	}
}

// TestNothingIsSentForWhoIsGone writes the change of one together with that of
// another, whose time is up before the write is.
func TestNothingIsSentForWhoIsGone(t *testing.T) {
	cloud, _, granter := start(t, world)
	before := membersOf(cloud)
	ended := make(chan struct{})
	var once sync.Once
	cloud.Spoil(func(_ context.Context, c emulator.Call) (err error) {
		if c.Method == "SetIamPolicy" && !c.Done {
			once.Do(func() {
				close(ended)
				err = status.Error(codes.Aborted, "somebody else was faster")
			})
		}
		return err
	})
	gone := &change{binding: agentPlan(1000).Binding, gone: ended}
	there := &change{binding: agentPlan(1001).Binding}
	outcomes := granter.run(t.Context(), []*change{gone, there})
	if transient := (*retry.Transient)(nil); !errors.As(outcomes[0].err, &transient) {
		t.Errorf("who is gone: got %v, want a transient error", outcomes[0].err)
	}
	if got := outcomes[1]; got.err != nil || !got.change.Made {
		t.Errorf("who is there: got %+v, want the change", got)
	}
	wantAdded(t, cloud, before, []int{1001})
}

func TestRemove(t *testing.T) {
	cloud, _, granter := start(t, withFaults(world, "{method: SetIamPolicy, code: ABORTED, after: 1, times: 1}", "{method: SetIamPolicy, code: UNAVAILABLE, times: 1, after: 1, afterWrite: true}"))
	was := cloud.Policies()[repository]
	if _, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), nil, ""); err != nil {
		t.Fatal(err)
	}
	removal := must(NewRemoval(planned().Binding))
	if change, err := granter.Remove(t.Context(), removal, ""); err != nil || !change.Made || change.EtagBefore == change.EtagAfter {
		t.Errorf("got %+v, %v, want it removed", change, err)
	}
	is := cloud.Policies()[repository]
	was.Etag, is.Etag = nil, nil
	if diff := cmp.Diff(was, is, protocmp.Transform()); diff != "" {
		t.Errorf("the policy before and after -want +got\n%s", diff)
	}
	if change, err := granter.Remove(t.Context(), removal, ""); err != nil || change.Made {
		t.Errorf("a second time: got %+v, %v, want nothing to be done", change, err)
	}
}

// TestEveryServiceHasOneWritePath grants on each type of resource.
func TestEveryServiceHasOneWritePath(t *testing.T) {
	cloud, checker, granter := start(t, everyType)
	for _, test := range attempts {
		if test.want != "" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			plan := NewPlan(test.kind, iam.Access{Principal: principal(test.member), Resource: resource(test.target)})
			grant := must(plan.Grant(iam.Principal{}))
			q := Question{Grant: grant, Project: plan.Binding.Member.Home()}
			if a, err := checker.Check(t.Context(), q); err != nil || a.Cause != WouldHelp && a.Cause != AlreadyHeld {
				t.Fatalf("check: got %+v, %v", a, err)
			}
			if _, err := granter.Grant(t.Context(), grant, nil, ""); err != nil {
				t.Fatal(err)
			}
			if got := heldBy(cloud.Policies()[test.target], grant.Binding()); got == "" {
				t.Errorf("%s is not in the policy", grant.Binding())
			}
			if a, err := checker.Check(t.Context(), q); err != nil || a.Cause != AlreadyHeld {
				t.Errorf("check after the grant: got %+v, %v, want %s", a, err, AlreadyHeld)
			}
		})
	}
}

package remediate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/iam"
)

// told collects what the calls of a cloud say of why they are made.
type told struct {
	mu    sync.Mutex
	calls []string
}

func listen(cloud *emulator.Cloud) *told {
	heard := &told{}
	cloud.Watch(func(c emulator.Call) {
		heard.mu.Lock()
		defer heard.mu.Unlock()
		if !c.Done {
			heard.calls = append(heard.calls, c.Method+": "+c.Reason)
		}
	})
	return heard
}

// TestGoogleIsToldWhy grants on every type of resource, and takes it back.
func TestGoogleIsToldWhy(t *testing.T) {
	for _, test := range attempts {
		if test.want != "" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			cloud, _, granter := start(t, everyType)
			heard := listen(cloud)
			grant := must(NewPlan(test.kind, iam.Access{Principal: principal(test.member), Resource: resource(test.target)}).Grant(iam.Principal{}))
			if change, err := granter.Grant(t.Context(), grant, nil, "pullfix event=1"); err != nil || !change.Made {
				t.Fatalf("grant: got %+v, %v", change, err)
			}
			if change, err := granter.Remove(t.Context(), must(NewRemoval(grant.Binding())), "pullfix event=2"); err != nil || !change.Made {
				t.Fatalf("removal: got %+v, %v", change, err)
			}
			want := []string{"GetIamPolicy: ", "SetIamPolicy: pullfix event=1", "GetIamPolicy: ", "SetIamPolicy: pullfix event=2"}
			if diff := cmp.Diff(want, heard.calls); diff != "" {
				t.Errorf("calls -want +got\n%s", diff)
			}
		})
	}
}

func TestWithoutAReasonThereIsNoHeader(t *testing.T) {
	cloud, _, granter := start(t, world)
	heard := listen(cloud)
	if _, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), nil, " \n"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GetIamPolicy: ", "SetIamPolicy: ?"}; !slices.Equal(heard.calls, want) {
		t.Errorf("a line feed: got %q, want %q", heard.calls, want)
	}
	heard.calls = nil
	if _, err := granter.Grant(t.Context(), must(agentPlan(1000).Grant(iam.Principal{})), nil, ""); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GetIamPolicy: ", "SetIamPolicy: "}; !slices.Equal(heard.calls, want) {
		t.Errorf("nothing: got %q, want %q", heard.calls, want)
	}
}

// reasonFor is the reason that grants at once are made with.
func reasonFor(agent int) string { return fmt.Sprintf("pullfix agent=%d", agent) }

// auditEntry is what the audit log says of one write.
type auditEntry struct {
	ProtoPayload struct {
		RequestMetadata struct{ RequestAttributes struct{ Reason string } }
		ServiceData     struct {
			PolicyDelta struct{ BindingDeltas []struct{ Member string } }
		}
	}
}

func auditLog(t *testing.T, cloud *emulator.Cloud) []auditEntry {
	t.Helper()
	var all []auditEntry
	for _, e := range cloud.Entries() {
		var entry auditEntry
		if err := json.Unmarshal(must(protojson.Marshal(e)), &entry); err != nil {
			t.Fatal(err)
		}
		all = append(all, entry)
	}
	return all
}

// TestOneWriteSaysWhyForAll combines grants, of which some are refused: each
// write has the reasons of the members that it brought, and of no other.
func TestOneWriteSaysWhyForAll(t *testing.T) {
	const agents = 12
	for name, missing := range map[string][]int{"combined": nil, "bisected": {1, 5, 6}} {
		t.Run(name, func(t *testing.T) {
			seed := world + "latency: 5ms\nmissingMembers: [\"serviceAccount:nobody@shared.iam.gserviceaccount.com\""
			for _, n := range missing {
				seed += fmt.Sprintf(", %q", agentPlan(1000+n).Binding.Member)
			}
			cloud, _, granter := start(t, seed+"]\n")
			heard := listen(cloud)
			atOnce(t.Context(), agents, granter)
			told, most := 0, 0
			for n, entry := range auditLog(t, cloud) {
				var want []string
				for _, d := range entry.ProtoPayload.ServiceData.PolicyDelta.BindingDeltas {
					want = append(want, whyFor(d.Member))
				}
				if diff := cmp.Diff(strings.Join(want, "; "), entry.ProtoPayload.RequestMetadata.RequestAttributes.Reason); diff != "" {
					t.Errorf("write %d: reasons of what it added -want +got\n%s", n, diff)
				}
				told += len(want)
				most = max(most, len(want))
			}
			if most < 2 {
				t.Error("no write has more than one grant, want them combined")
			}
			if want := agents - len(missing); told != want {
				t.Errorf("%d grants have their reason in the audit log, want %d", told, want)
			}
			for _, n := range missing {
				if alone := "SetIamPolicy: " + reasonFor(1000+n); !slices.Contains(heard.calls, alone) {
					t.Errorf("agent %d was not tried alone with its own reason: %q", n, heard.calls)
				}
			}
		})
	}
}

// whyFor is the reason with which a member is granted.
func whyFor(member string) string {
	for n := range 100 {
		if agentPlan(1000+n).Binding.Member.String() == member {
			return reasonFor(1000 + n)
		}
	}
	return "nobody granted " + member
}

// TestWhoAddsNothingGivesNoReason has several events grant the same member: the
// write has the reason of the one that brings it.
func TestWhoAddsNothingGivesNoReason(t *testing.T) {
	const agents, each = 3, 4
	cloud, _, granter := start(t, world+"latency: 5ms\n")
	var wg sync.WaitGroup
	for n := range agents * each {
		wg.Go(func() {
			grant := must(agentPlan(1000 + n%agents).Grant(iam.Principal{}))
			if _, err := granter.Grant(t.Context(), grant, nil, reasonFor(n)); err != nil {
				t.Errorf("grant %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	added := 0
	for n, entry := range auditLog(t, cloud) {
		deltas, reason := entry.ProtoPayload.ServiceData.PolicyDelta.BindingDeltas, entry.ProtoPayload.RequestMetadata.RequestAttributes.Reason
		if got := strings.Count(reason, "pullfix "); got != len(deltas) {
			t.Errorf("write %d added %d members and has %d reasons: %s", n, len(deltas), got, reason)
		}
		added += len(deltas)
	}
	if added != agents {
		t.Errorf("the audit log has %d members, want %d", added, agents)
	}
}

// TestEveryAttemptSaysWhy has two writes fail before one is made.
func TestEveryAttemptSaysWhy(t *testing.T) {
	cloud, _, granter := start(t, withFaults(world, "{method: SetIamPolicy, code: UNAVAILABLE}", "{method: SetIamPolicy, code: ABORTED}"))
	heard := listen(cloud)
	if _, err := granter.Grant(t.Context(), must(planned().Grant(iam.Principal{})), nil, "why"); err != nil {
		t.Fatal(err)
	}
	var writes []string
	for _, call := range heard.calls {
		if strings.HasPrefix(call, "Set") {
			writes = append(writes, call)
		}
	}
	if want := slices.Repeat([]string{"SetIamPolicy: why"}, 3); !slices.Equal(writes, want) {
		t.Errorf("got writes %q, want %q", writes, want)
	}
}

func TestReasonsInAHeader(t *testing.T) {
	numbered := func(n, length int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("%0*d", length, i)
		}
		return all
	}
	for name, test := range map[string]struct {
		reasons []string
		whole   int // how many of them are in it
		end     string
	}{
		"one":                {numbered(1, 100), 1, ""},
		"all fit":            {numbered(20, 100), 20, ""},
		"just fit":           {numbered(2, (longestReason-2)/2), 2, ""},
		"just too long":      {numbered(2, (longestReason-2)/2+1), 1, "; and 1 more"},
		"one too many":       {numbered(21, 100), 19, "; and 2 more"},
		"many":               {numbered(2000, 100), 19, "; and 1981 more"},
		"many short":         {numbered(2000, 6), 254, "; and 1746 more"},
		"longest and others": {numbered(1000, longestOne), 1, "; and 999 more"},
	} {
		t.Run(name, func(t *testing.T) {
			want := strings.Join(test.reasons[:test.whole], "; ") + test.end
			got := joined(test.reasons)
			if got != want {
				t.Errorf("got %d bytes that end in %q, want %d that end in %q", len(got), got[max(0, len(got)-30):], len(want), want[max(0, len(want)-30):])
			}
			if len(got) > longestReason {
				t.Errorf("got %d bytes, want at most %d", len(got), longestReason)
			}
		})
	}
}

func TestReasonsAreSafeInAHeader(t *testing.T) {
	for in, want := range map[string]string{
		"pullfix event=e1 rule=r key=0": "pullfix event=e1 rule=r key=0",
		"a\r\nx-goog-user-project: b":   "a??x-goog-user-project: b",
		"caf\u00e9 \u202e\x00\x7f":      "caf? ???",
		"  a  ":                         "a",
		"\xff\xfe":                      "??",
		"":                              "",
		strings.Repeat("a", 9000):       strings.Repeat("a", longestOne),
	} {
		if got := headerText(in); got != want {
			t.Errorf("%.40q: got %.40q with %d bytes, want %.40q with %d", in, got, len(got), want, len(want))
		}
	}
}

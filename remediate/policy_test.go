package remediate

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/pullfix/pullfix/iam"
)

var agentBinding = iam.Binding{
	Resource: must(iam.ParseResource(repository)), Role: iam.ArtifactReader, Member: must(iam.ParsePrincipal(agent111)),
}

func binding(role string, members ...string) *iampb.Binding {
	return &iampb.Binding{Role: role, Members: members}
}

var conditional = &iampb.Binding{Role: reader, Members: []string{agent111}, Condition: &expr.Expr{Title: "t", Expression: "true"}}

// TestWider tells the role that a change would give from what includes it.
func TestWider(t *testing.T) {
	for _, test := range []struct {
		name string
		by   *iampb.Binding
		want bool
	}{
		{"the role", binding(reader, agent111), false},
		{"a wider role", binding("roles/artifactregistry.repoAdmin", agent111), true},
		{"the role, of everyone", binding(reader, "allUsers"), true},
	} {
		c := &change{binding: agentBinding, sent: "an etag"}
		if len(apply(&iampb.Policy{Bindings: []*iampb.Binding{test.by}}, []*change{c})) > 0 {
			t.Fatalf("%s: something is to be written", test.name)
		}
		if c.change.Wider != test.want || c.change.Made == test.want {
			t.Errorf("%s: got %+v, want wider %t, and that the change was made otherwise", test.name, c.change, test.want)
		}
	}
}

// TestApply makes a change to a policy; want is nil where there is nothing to
// change.
func TestApply(t *testing.T) {
	for _, test := range []struct {
		name         string
		away         bool
		before, want []*iampb.Binding
	}{
		{"no policy", false, nil, []*iampb.Binding{binding(reader, agent111)}},
		{"another role", false, []*iampb.Binding{binding("roles/viewer", agent111)}, []*iampb.Binding{binding("roles/viewer", agent111), binding(reader, agent111)}},
		{"the role", false, []*iampb.Binding{binding(reader, "user:a@b.c")}, []*iampb.Binding{binding(reader, "user:a@b.c", agent111)}},
		{"the role with a condition", false, []*iampb.Binding{conditional}, []*iampb.Binding{conditional, binding(reader, agent111)}},
		{"held", false, []*iampb.Binding{binding(reader, agent111)}, nil},
		{"held in other letters", false, []*iampb.Binding{binding(reader, strings.Replace(agent111, "service-", "Service-", 1))}, nil},
		{"held through a wider role", false, []*iampb.Binding{binding("roles/artifactregistry.repoAdmin", agent111)}, nil},
		{"held by everyone", false, []*iampb.Binding{binding(reader, "allUsers")}, nil},
		{"deleted account", false, []*iampb.Binding{binding(reader, "deleted:"+agent111+"?uid=1")}, []*iampb.Binding{binding(reader, "deleted:"+agent111+"?uid=1", agent111)}},

		{"away from others", true, []*iampb.Binding{binding(reader, "user:a@b.c", agent111, "user:d@e.f")}, []*iampb.Binding{binding(reader, "user:a@b.c", "user:d@e.f")}},
		{"away, the last one", true, []*iampb.Binding{binding("roles/viewer", agent111), binding(reader, agent111)}, []*iampb.Binding{binding("roles/viewer", agent111)}},
		{"away, not there", true, []*iampb.Binding{binding(reader, "user:a@b.c")}, nil},
		{"away, no policy", true, nil, nil},
		{"away, only under a condition", true, []*iampb.Binding{conditional}, nil},
		{"away, only through a wider role", true, []*iampb.Binding{binding("roles/artifactregistry.repoAdmin", agent111)}, nil},
		{"away, only through everyone", true, []*iampb.Binding{binding(reader, "allUsers")}, nil},
		{"away, the condition stays", true, []*iampb.Binding{conditional, binding(reader, agent111)}, []*iampb.Binding{conditional}},
		{"away, a deleted account stays", true, []*iampb.Binding{binding(reader, "deleted:"+agent111+"?uid=1", agent111)}, []*iampb.Binding{binding(reader, "deleted:"+agent111+"?uid=1")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := proto.CloneOf(&iampb.Policy{Bindings: test.before})
			c := &change{binding: agentBinding, away: test.away}
			changed := len(apply(policy, []*change{c})) > 0
			want := test.want
			if want == nil {
				want = test.before
			}
			if changed != (test.want != nil) || changed == c.settled {
				t.Errorf("got changed %t and settled %t, want changed %t and settled otherwise", changed, c.settled, test.want != nil)
			}
			if diff := cmp.Diff(want, policy.GetBindings(), protocmp.Transform()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAPolicyThatIsFull(t *testing.T) {
	members := make([]string, mostPrincipals-1)
	for n := range members {
		members[n] = fmt.Sprintf("user:u%d@example.com", n)
	}
	policy := &iampb.Policy{Bindings: []*iampb.Binding{binding("roles/viewer", members...)}}
	second := agentBinding
	second.Member = iam.CloudRunAgent(must(iam.ParseProject("222")))
	first, c := &change{binding: agentBinding}, &change{binding: second}
	if got := apply(policy, []*change{first, c}); len(got) != 1 || got[0] != first || c.settled {
		t.Fatalf("with %d principals, got %d changes, want the first, and the second to wait for it: %v", len(members), len(got), c.err)
	}
	if len(apply(policy, []*change{c})) > 0 {
		t.Errorf("with %d principals, one was added", mostPrincipals)
	}
	var r *RefusedError
	if !errors.As(c.err, &r) || r.Cause != PolicyFull {
		t.Errorf("got %v, want a refusal with cause %s", c.err, PolicyFull)
	}
	policy.AuditConfigs = []*iampb.AuditConfig{{AuditLogConfigs: []*iampb.AuditLogConfig{{ExemptedMembers: []string{"user:a@b.c"}}}}}
	if got := principals(policy); got != mostPrincipals+1 {
		t.Errorf("got %d principals with an exempted one, want %d", got, mostPrincipals+1)
	}
}

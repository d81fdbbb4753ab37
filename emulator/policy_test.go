package emulator_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/iam/apiv1/iampb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const conditional = "projects/shared-images/locations/us-central1/repositories/conditional"

func TestReadModifyWrite(t *testing.T) {
	l := start(t, seed)
	c := registry(t, l)

	first := policyOf(t, c, apps, 3)
	if first.GetVersion() != 1 {
		t.Errorf("a policy without conditions has version %d, want 1", first.GetVersion())
	}
	grant := proto.CloneOf(first)
	grant.Bindings[0].Members = append(grant.Bindings[0].Members, agent)
	second, err := setPolicy(t, c, apps, grant)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(first.GetEtag(), second.GetEtag()) {
		t.Error("the etag did not change with the write")
	}
	diff(t, policyOf(t, c, apps, 3), second)
	diff(t, l.Policies()[apps], second)

	_, err = setPolicy(t, c, apps, grant)
	wantError(t, err, codes.Aborted, "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.")

	third, err := setPolicy(t, c, apps, second)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(second.GetEtag(), third.GetEtag()) {
		t.Error("the etag did not change with a write of the same policy")
	}
}

func TestAnEmptyEtagOverwrites(t *testing.T) {
	c := registry(t, start(t, seed))
	blind, err := setPolicy(t, c, conditional, &iampb.Policy{Bindings: []*iampb.Binding{binding(writer, agent)}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, blind.GetBindings(), []*iampb.Binding{binding(writer, agent)})
}

func TestAPolicyThatWasNeverWritten(t *testing.T) {
	c := registry(t, start(t, seed))
	p := policyOf(t, c, empty, 3)
	if got := base64.StdEncoding.EncodeToString(p.GetEtag()); got != "ACAB" || len(p.GetBindings()) != 0 {
		t.Errorf("got etag %q and %d bindings, want ACAB and none", got, len(p.GetBindings()))
	}
	p.Bindings = []*iampb.Binding{binding(reader, agent)}
	if _, err := setPolicy(t, c, empty, p); err != nil {
		t.Error(err)
	}
	_, err := setPolicy(t, c, empty, p)
	wantError(t, err, codes.Aborted, "concurrent policy changes")
}

func TestConditions(t *testing.T) {
	condition := &expr.Expr{Title: "t", Expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}
	plain := binding(reader, "group:dev@example.com")
	dated := &iampb.Binding{Role: reader, Members: []string{"user:a@example.com"}, Condition: condition}

	t.Run("version 3 shows them", func(t *testing.T) {
		p := policyOf(t, registry(t, start(t, seed)), conditional, 3)
		diff(t, p.GetBindings(), []*iampb.Binding{plain, dated})
		if p.GetVersion() != 3 {
			t.Errorf("version %d, want 3", p.GetVersion())
		}
	})
	t.Run("version 1 hides them", func(t *testing.T) {
		c := registry(t, start(t, seed))
		p := policyOf(t, c, conditional, 1)
		role := p.GetBindings()[1].GetRole()
		if !strings.HasPrefix(role, reader+"_withcond_") || p.GetBindings()[1].GetCondition() != nil || p.GetVersion() != 1 {
			t.Errorf("got %v", p)
		}
		diff(t, policyOf(t, c, conditional, 0), p)
	})
	t.Run("what version 1 read it may write back with more", func(t *testing.T) {
		c := registry(t, start(t, seed))
		p := policyOf(t, c, conditional, 1)
		p.Bindings = append(p.Bindings, binding(writer, agent))
		if _, err := setPolicy(t, c, conditional, p); err != nil {
			t.Fatal(err)
		}
		diff(t, policyOf(t, c, conditional, 3).GetBindings(), []*iampb.Binding{plain, dated, binding(writer, agent)})
	})
	t.Run("but not with less", func(t *testing.T) {
		c := registry(t, start(t, seed))
		p := policyOf(t, c, conditional, 1)
		p.Bindings = p.Bindings[:1]
		_, err := setPolicy(t, c, conditional, p)
		wantError(t, err, codes.InvalidArgument, "must specify version 3")
	})
	t.Run("a write with one has version 3", func(t *testing.T) {
		c := registry(t, start(t, seed))
		p := policyOf(t, c, apps, 3)
		p.Bindings = append(p.Bindings, dated)
		_, err := setPolicy(t, c, apps, p)
		wantError(t, err, codes.InvalidArgument, "must specify version 3")
		p.Version = 3
		got, err := setPolicy(t, c, apps, p)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, got.GetBindings(), []*iampb.Binding{plain, dated})
	})
}

func TestWritesThatAreRefused(t *testing.T) {
	many := make([]string, 1501)
	groups := make([]string, 251)
	for i := range many {
		many[i] = fmt.Sprintf("user:u%d@example.com", i)
	}
	for i := range groups {
		groups[i] = fmt.Sprintf("group:g%d@example.com", i)
	}
	for name, test := range map[string]struct {
		policy *iampb.Policy
		mask   []string
		want   string
	}{
		"no policy":           {nil, nil, "policy must be specified"},
		"member without kind": {&iampb.Policy{Bindings: []*iampb.Binding{binding(reader, "a@example.com")}}, nil, `The member "a@example.com" is malformed`},
		"damaged member":      {&iampb.Policy{Bindings: []*iampb.Binding{binding(reader, "user:m@test.com evil")}}, nil, "malformed"},
		"role without prefix": {&iampb.Policy{Bindings: []*iampb.Binding{binding("artifactregistry.reader", agent)}}, nil, "The role name"},
		"made-up role":        {&iampb.Policy{Bindings: []*iampb.Binding{binding(reader+"_withcond_0123456789abcdef0123", agent)}}, nil, "not supported"},
		"missing member":      {&iampb.Policy{Bindings: []*iampb.Binding{binding(reader, agent, nobody)}}, nil, "Service account service-9@serverless-robot-prod.iam.gserviceaccount.com does not exist."},
		"too many members":    {&iampb.Policy{Bindings: []*iampb.Binding{binding(reader, many...)}}, nil, "1501"},
		"too many groups":     {&iampb.Policy{Bindings: []*iampb.Binding{binding(reader, groups...)}}, nil, "251"},
		"empty condition":     {&iampb.Policy{Version: 3, Bindings: []*iampb.Binding{{Role: reader, Members: []string{agent}, Condition: &expr.Expr{}}}}, nil, "no expression"},
		"version 2":           {&iampb.Policy{Version: 2}, nil, "Invalid policy version 2"},
		"unknown mask":        {&iampb.Policy{}, []string{"members"}, "update_mask"},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, seed)
			before := l.Policies()
			_, err := registry(t, l).SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{
				Resource: apps, Policy: test.policy, UpdateMask: &fieldmaskpb.FieldMask{Paths: test.mask},
			})
			wantError(t, err, codes.InvalidArgument, test.want)
			diff(t, l.Policies(), before)
		})
	}
}

func TestAMissingMemberThatIsAlreadyThereStays(t *testing.T) {
	c := registry(t, start(t, `
repositories:
  - name: projects/p/locations/l/repositories/r
    policy: {bindings: [{role: roles/artifactregistry.reader, members: ["serviceAccount:gone@p.iam.gserviceaccount.com"]}]}
missingMembers: ["serviceAccount:gone@p.iam.gserviceaccount.com"]
`))
	p := policyOf(t, c, "projects/p/locations/l/repositories/r", 3)
	p.Bindings = append(p.Bindings, binding(writer, agent))
	if _, err := setPolicy(t, c, "projects/p/locations/l/repositories/r", p); err != nil {
		t.Error(err)
	}
}

func TestTheMaskKeepsAuditConfigs(t *testing.T) {
	c := registry(t, start(t, seed))
	audited := &iampb.Policy{AuditConfigs: []*iampb.AuditConfig{{
		Service:         "allServices",
		AuditLogConfigs: []*iampb.AuditLogConfig{{LogType: iampb.AuditLogConfig_DATA_READ}},
	}}}
	after, err := c.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{
		Resource: apps, Policy: audited, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"audit_configs"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, after.GetBindings(), []*iampb.Binding{binding(reader, "group:dev@example.com")})

	after, err = setPolicy(t, c, apps, &iampb.Policy{Etag: after.GetEtag(), Bindings: []*iampb.Binding{binding(reader, agent)}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, after.GetAuditConfigs(), audited.GetAuditConfigs())
	diff(t, after.GetBindings(), []*iampb.Binding{binding(reader, agent)})
}

func TestBindingsAreMerged(t *testing.T) {
	c := registry(t, start(t, seed))
	got, err := setPolicy(t, c, apps, &iampb.Policy{Bindings: []*iampb.Binding{
		binding(reader, agent), binding(writer), binding(reader, "user:a@example.com", agent),
	}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got.GetBindings(), []*iampb.Binding{binding(reader, agent, "user:a@example.com")})
}

func TestFaults(t *testing.T) {
	l := start(t, seed+`
faults:
  - {method: SetIamPolicy, code: UNAVAILABLE, times: 2}
  - {method: SetIamPolicy, code: DEADLINE_EXCEEDED, afterWrite: true, message: the answer is lost}
  - {method: "*", resource: projects/shared-images/locations/us-central1/repositories/empty, code: PERMISSION_DENIED}
`)
	c := registry(t, l)
	grant := &iampb.Policy{Bindings: []*iampb.Binding{binding(reader, agent)}}
	for range 2 {
		_, err := setPolicy(t, c, apps, grant)
		wantError(t, err, codes.Unavailable, "SetIamPolicy: a fault of the seed")
	}
	diff(t, policyOf(t, c, apps, 3).GetBindings(), []*iampb.Binding{binding(reader, "group:dev@example.com")})

	_, err := setPolicy(t, c, apps, grant)
	wantError(t, err, codes.DeadlineExceeded, "the answer is lost")
	diff(t, policyOf(t, c, apps, 3).GetBindings(), grant.GetBindings())

	if _, err := setPolicy(t, c, apps, grant); err != nil {
		t.Error(err)
	}
	_, err = c.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: empty})
	wantError(t, err, codes.PermissionDenied, "")
	policyOf(t, c, empty, 3)
	if n := l.Calls()["SetIamPolicy"]; n != 4 {
		t.Errorf("%d calls counted, want 4", n)
	}
}

func TestLatency(t *testing.T) {
	c := registry(t, start(t, seed+"\nlatency: 60ms"))
	began := time.Now()
	policyOf(t, c, apps, 3)
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("took %v, want at least 60ms", took)
	}
}

func TestLatencyEndsWithTheCaller(t *testing.T) {
	l := start(t, seed+"\nlatency: 1h")
	c := registry(t, l)
	ctx, cancel := contextWithTimeout(t, 50*time.Millisecond)
	defer cancel()
	_, err := c.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: apps})
	wantError(t, err, codes.DeadlineExceeded, "")
}

func TestConcurrentWritersAllLand(t *testing.T) {
	l := start(t, seed)
	c := registry(t, l)
	var writers errgroup.Group
	for i := range 50 {
		writers.Go(func() error { return grantWithRetry(t, c, fmt.Sprintf("user:u%d@example.com", i)) })
	}
	if err := writers.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := len(l.Policies()[apps].GetBindings()[0].GetMembers()); n != 51 {
		t.Errorf("%d members, want 51", n)
	}
}

func grantWithRetry(t *testing.T, c *artifactregistry.Client, member string) error {
	for range 2000 {
		p, err := c.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: apps})
		if err != nil {
			return err
		}
		p.Bindings[0].Members = append(p.Bindings[0].Members, member)
		_, err = setPolicy(t, c, apps, p)
		if status.Code(err) != codes.Aborted {
			return err
		}
	}
	return errors.New("never landed")
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	artifactregistry "cloud.google.com/go/artifactregistry/apiv1"
	"cloud.google.com/go/iam/apiv1/iampb"
	cloudrun "cloud.google.com/go/run/apiv2"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/torture/check"
	"github.com/pullfix/pullfix/torture/world"
)

// otherWriters are so many that change policies at the same time.
const otherWriters = 4

// others change the policies that events are about, as careful people do: with
// the official clients, and with the etag of what they have read.
type others struct {
	policies map[string]policies // by the collection of the resource
	busy     []string
	rivals   []world.Binding // what events are about: sometimes somebody else is faster

	mu        sync.Mutex
	left      map[check.Held]bool
	changes   int
	conflicts int
}

// policies are what the clients have in common.
type policies interface {
	GetIamPolicy(context.Context, *iampb.GetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
	SetIamPolicy(context.Context, *iampb.SetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
}

func newOthers(ctx context.Context, address string, w world.World, events []world.Event) (*others, error) {
	options := clientOptions(address)
	registry, err := artifactregistry.NewClient(ctx, options...)
	if err != nil {
		return nil, err
	}
	secrets, err := secretmanager.NewClient(ctx, options...)
	if err != nil {
		return nil, err
	}
	services, err := cloudrun.NewServicesClient(ctx, options...)
	if err != nil {
		return nil, err
	}
	o := &others{
		policies: map[string]policies{"repositories": registry, "secrets": secrets, "services": services}, busy: w.Busy(), left: map[check.Held]bool{},
	}
	for _, e := range events {
		for _, f := range e.Findings {
			if f.End == world.Granted {
				o.rivals = append(o.rivals, f.Binding)
			}
		}
	}
	return o, nil
}

// work changes policies until the context ends. Who does what, in which order, is
// certain by the seed; when, is not.
func (o *others) work(ctx context.Context, seed uint64) error {
	errs := make(chan error, otherWriters)
	for n := range otherWriters {
		go func() { errs <- o.one(ctx, n, chances(seed, "other writer", uint64(n))) }()
	}
	var first error
	for range otherWriters {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// pauseOfOthers is the longest between two changes of one writer.
const pauseOfOthers = 200 * time.Millisecond

func (o *others) one(ctx context.Context, writer int, chance *rand.Rand) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "x-goog-request-reason", theirs)
	var mine []check.Held
	for n := 0; pause(ctx, time.Duration(chance.Int64N(int64(pauseOfOthers)))) == nil; n++ {
		var h check.Held
		there := true
		switch i := chance.IntN(100); {
		case i < 2 && len(o.rivals) > 0:
			b := o.rivals[chance.IntN(len(o.rivals))]
			h = check.Held{Resource: b.Resource, Member: check.Member{Role: b.Role, Name: b.Member}}
		case i < 40 && len(mine) > 0:
			last := len(mine) - 1
			k := chance.IntN(len(mine))
			h, there = mine[k], false
			mine[k] = mine[last]
			mine = mine[:last]
		default:
			h = check.Held{Resource: o.busy[chance.IntN(len(o.busy))], Member: own(writer, n, chance)}
			h.Role = roleOn(h.Resource)
			mine = append(mine, h)
		}
		if err := o.change(ctx, h, there); err != nil {
			return fmt.Errorf("another writer changes %s: %w", h.Resource, err)
		}
	}
	return nil
}

func own(writer, n int, chance *rand.Rand) check.Member {
	m := check.Member{Name: fmt.Sprintf("serviceAccount:other-%d-%06d@others.iam.gserviceaccount.com", writer, n)}
	if chance.IntN(5) == 0 {
		m.Condition = "request.time < timestamp('2030-01-01T00:00:00Z')"
	}
	return m
}

// roleOn is the role that pullfix grants there as well.
func roleOn(resource string) string {
	switch collection(resource) {
	case "repositories":
		return "roles/artifactregistry.reader"
	case "secrets":
		return "roles/secretmanager.secretAccessor"
	default:
		return "roles/run.invoker"
	}
}

func collection(resource string) string {
	parts := strings.Split(resource, "/")
	return parts[len(parts)-2]
}

// change makes one change, and starts over where somebody else was faster. It
// goes on when the context ends, so that it is certain what was left.
func (o *others) change(ctx context.Context, h check.Held, there bool) error {
	ctx = context.WithoutCancel(ctx)
	service := o.policies[collection(h.Resource)]
	for {
		policy, err := service.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{
			Resource: h.Resource, Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: 3},
		})
		if err != nil {
			return err
		}
		put(policy, h.Member, there)
		policy.Version = 3
		_, err = service.SetIamPolicy(ctx, &iampb.SetIamPolicyRequest{Resource: h.Resource, Policy: policy}, gax.WithRetry(nil))
		o.mu.Lock()
		if err == nil {
			o.changes++
			o.left[h] = there
		} else {
			o.conflicts++
		}
		o.mu.Unlock()
		if status.Code(err) != codes.Aborted {
			return err
		}
	}
}

// put makes a member be in a policy, or not.
func put(policy *iampb.Policy, m check.Member, there bool) {
	var of *iampb.Binding
	for _, b := range policy.GetBindings() {
		if b.GetRole() == m.Role && b.GetCondition().GetExpression() == m.Condition {
			of = b
			kept := b.Members[:0]
			for _, name := range b.GetMembers() {
				if name != m.Name {
					kept = append(kept, name)
				}
			}
			b.Members = kept
		}
	}
	if !there {
		return
	}
	if of == nil {
		of = &iampb.Binding{Role: m.Role}
		if m.Condition != "" {
			of.Condition = &expr.Expr{Title: "until-2030", Expression: m.Condition}
		}
		policy.Bindings = append(policy.Bindings, of)
	}
	of.Members = append(of.Members, m.Name)
}

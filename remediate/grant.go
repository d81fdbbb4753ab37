package remediate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/combine"
	"github.com/pullfix/pullfix/internal/retry"
)

// Policies reads and writes the allow policies of one service. The official
// clients of Artifact Registry, Secret Manager and Cloud Run have these methods.
type Policies interface {
	GetIamPolicy(context.Context, *iampb.GetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
	SetIamPolicy(context.Context, *iampb.SetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
}

// Services returns the service that holds the policies of a type of resource.
type Services func(context.Context, iam.ResourceType) (Policies, error)

// Granter changes policies. Grants that come for one policy while it is at
// work on it are made together by its next write.
type Granter struct {
	Services Services
	Calls    retry.Calls

	queue combine.Group[iam.Resource, *change, outcome]
}

// Change is what became of a policy.
type Change struct {
	Made       bool   // false where it was so already
	Found      bool   // with Made: a write got no answer, and the change is there, whoever made it
	Wider      bool   // the member holds as much by a wider role, and the change is not made
	Unsure     bool   // with an error: a write was sent that may have landed
	EtagBefore string // base64, as gcloud prints it
	EtagAfter  string
}

type outcome struct {
	change Change
	err    error
}

// change is one member on its way into a policy, or out of it.
type change struct {
	binding iam.Binding
	seen    *iampb.Policy   // as the check read it; nil where that is not known
	reason  string          // for Google's audit log
	away    bool            // out of the policy
	gone    <-chan struct{} // nothing is sent for it when this is closed
	until   time.Time       // when it will be at the latest; zero where that is not known
	sent    string          // etag before the first write that may have made it although it failed
	lost    bool            // a write got no answer that says what became of it, and may arrive yet
	settled bool
	outcome
}

// Grant adds the member to the one unconditional binding of the role, and
// leaves everything else as it is. seen is the policy as it was read a moment
// ago, which saves another read, or nil. On a conflict the policy is read again
// and everything starts over. A write whose answer was lost is looked for before
// anything is said about it. The error is a [retry.Transient] where the same
// event may succeed later, and a [RefusedError] where it may not.
//
// reason is for Google's audit log, which has it beside the write
// (https://cloud.google.com/apis/docs/system-parameters), and beside it those of
// the other grants that the write makes: 2 KiB of printable ASCII in all, and
// how many there are besides. "" says nothing.
func (g *Granter) Grant(ctx context.Context, grant Grant, seen *iampb.Policy, reason string) (Change, error) {
	return g.do(ctx, &change{binding: grant.binding, seen: seen, reason: reason})
}

// Remove takes the member out of the one unconditional binding of the role, as
// carefully as [Granter.Grant] adds one, and with a reason like there. Made is
// false where it was not there.
func (g *Granter) Remove(ctx context.Context, removal Removal, reason string) (Change, error) {
	return g.do(ctx, &change{binding: removal.binding, away: true, reason: reason})
}

func (g *Granter) do(ctx context.Context, c *change) (Change, error) {
	c.gone = ctx.Done()
	c.until, _ = ctx.Deadline()
	end, taken, err := g.queue.Do(ctx, c.binding.Resource, c, func(changes []*change) []outcome {
		return g.run(ctx, changes)
	})
	if err != nil {
		return Change{Unsure: taken}, retry.Failure(retry.Write, "wait for the policy of "+c.binding.Resource.String(), err)
	}
	return end.change, end.err
}

// run makes the changes of one policy together, and answers each.
func (g *Granter) run(ctx context.Context, changes []*change) []outcome {
	of := changes[0].binding.Resource
	policies, err := g.Services(ctx, of.Type())
	if err != nil {
		settle(changes, func(c *change) { c.fail(&retry.Transient{Err: fmt.Errorf("reach the policy of %s: %w", of, err)}) })
	}
	(&writer{policies, g.Calls, of}).make(ctx, changes)
	outcomes := make([]outcome, len(changes))
	for n, c := range changes {
		outcomes[n] = c.outcome
	}
	return outcomes
}

func settled(changes []*change) bool {
	return !slices.ContainsFunc(changes, func(c *change) bool { return !c.settled })
}

func settle(changes []*change, end func(*change)) {
	for _, c := range changes {
		if !c.settled {
			end(c)
		}
	}
}

func (c *change) end(ch Change, err error) {
	c.outcome, c.settled = outcome{ch, err}, true
}

// fail ends a change that is not known to be made. One that may have been made
// after all is not given up.
func (c *change) fail(err error) {
	transient := (*retry.Transient)(nil)
	if c.sent != "" && !errors.As(err, &transient) {
		err = &retry.Transient{Err: err}
	}
	c.end(Change{Unsure: c.sent != "", EtagBefore: c.sent}, err)
}

// expire fails a change that nobody waits for any more. Another one may go on for
// longer, and writes without it.
func (c *change) expire() {
	select {
	case <-c.gone:
		c.fail(&retry.Transient{Err: fmt.Errorf("write the policy of %s: %w", c.binding.Resource, context.DeadlineExceeded)})
	default:
	}
}

// refused notes that the last write was refused, and that the change is not there.
// One before it of which nothing was heard may arrive all the same.
func (c *change) refused() {
	if !c.lost {
		c.sent = ""
	}
}

// apply puts the change into the policy. It reports false, and leaves the policy as
// it is, where that would make no difference, or cannot be.
func (c *change) apply(policy *iampb.Policy) bool {
	switch {
	case c.standing(policy) != different:
		return false
	case c.away:
		remove(policy, c.binding)
	default:
		add(policy, c.binding)
	}
	return true
}

// standing is how a change stands to a policy.
type standing uint8

const (
	different standing = iota // the change would make a difference
	so                        // the policy is so already
	byWider                   // the member holds as much by a wider role
	noRoom                    // the policy is full
)

func (c *change) standing(policy *iampb.Policy) standing {
	if c.away {
		if has(unconditional(policy, c.binding.Role), c.binding.Member) {
			return different
		}
		return so
	}
	switch {
	case includes(policy, c.binding):
		return so
	case heldBy(policy, c.binding) != "":
		return byWider
	case principals(policy) >= mostPrincipals:
		return noRoom
	default:
		return different
	}
}

// decided ends the change where the policy as it was read leaves nothing to write.
func (c *change) decided(read *iampb.Policy) bool {
	there := etag(read)
	switch s := c.standing(read); {
	case s == different:
		return false
	case s == so && c.sent != "":
		c.end(Change{Made: true, Found: true, EtagBefore: c.sent, EtagAfter: there}, nil)
	case s == noRoom:
		c.fail(full(c.binding.Resource))
	default:
		c.end(Change{Wider: s == byWider, EtagBefore: there, EtagAfter: there}, nil)
	}
	return true
}

// writer changes one policy.
type writer struct {
	policies Policies
	calls    retry.Calls
	of       iam.Resource
}

// make settles all changes. Where Google Cloud refuses a write that holds
// several and may mean only one of them, each half is tried without the other.
func (w *writer) make(ctx context.Context, changes []*change) {
	open := make([]*change, 0, len(changes))
	settle(changes, func(c *change) { open = append(open, c) })
	if len(open) == 0 {
		return
	}
	err := w.write(ctx, open)
	if len(open) > 1 && err != nil && retry.Apart(err) {
		w.make(ctx, open[:len(open)/2])
		w.make(ctx, open[len(open)/2:])
		return
	}
	settle(open, func(c *change) { c.fail(refusal(err, c.binding)) })
}

// write reads, changes and writes until all changes are settled, or Google
// Cloud refuses a write. On a conflict, or without an answer, it starts over; a
// write that may have landed is looked for before it is given up.
func (w *writer) write(ctx context.Context, changes []*change) error {
	pause := w.calls.Pauses()
	var last error // of a write, when there is no other attempt
	for policy := seen(changes); ; policy = nil {
		settle(changes, (*change).expire)
		if settled(changes) {
			return nil
		}
		if policy == nil {
			policy = w.current(ctx, changes, last)
		}
		before := etag(policy)
		open := apply(policy, changes)
		switch {
		case len(open) == 0:
			return nil
		case last != nil && retry.React(retry.Write, last) == retry.GiveUp:
			settle(open, func(c *change) { c.refused() })
			return last
		case last != nil:
			return last
		case before == "":
			return fmt.Errorf("write the policy of %s: %w", w.of, errNoEtag)
		}
		after, err := w.send(explained(ctx, open), policy, earliest(open))
		if err == nil {
			settle(open, func(c *change) { c.end(Change{Made: true, EtagBefore: before, EtagAfter: etag(after)}, nil) })
			continue
		}
		if retry.Landed(err) {
			unknown := retry.React(retry.Write, err) != retry.GiveUp
			settle(open, func(c *change) { c.sent, c.lost = cmp.Or(c.sent, before), c.lost || unknown })
		}
		if retry.React(retry.Write, err) != retry.Here || !pause(ctx, retry.Write, err) {
			last = err
		}
	}
}

// apply ends the changes that the policy as it was read decides, and puts the others
// into it. It returns those. A change that makes no difference only because of
// another one waits until that is written: it may never be.
func apply(policy *iampb.Policy, changes []*change) []*change {
	var undecided, open []*change
	settle(changes, func(c *change) {
		if !c.decided(policy) {
			undecided = append(undecided, c)
		}
	})
	for _, c := range undecided {
		if c.apply(policy) {
			open = append(open, c)
		}
	}
	return open
}

// seen is the policy as the check of a lone change has read it: nobody else in
// this process has written it since.
func seen(changes []*change) *iampb.Policy {
	if len(changes) > 1 {
		return nil
	}
	return proto.CloneOf(changes[0].seen)
}

// errNoEtag: without an etag a write would overwrite whatever another writer
// has changed meanwhile (https://cloud.google.com/iam/docs/allow-policies#etag).
var errNoEtag = errors.New("the policy has no etag: a write could overwrite the change of another writer")

// current reads the policy. Where it can not, all changes fail for that.
func (w *writer) current(ctx context.Context, changes []*change, last error) *iampb.Policy {
	policy, err := retry.Do(ctx, w.calls, retry.Read, "read the policy of "+w.of.String(), func(ctx context.Context) (*iampb.Policy, error) {
		return w.policies.GetIamPolicy(ctx, policyRequest(w.of), retry.Once)
	})
	if err != nil {
		err = errors.Join(err, last)
		settle(changes, func(c *change) { c.fail(refusal(err, c.binding)) })
	}
	return policy
}

// earliest is until when all changes may be sent, zero where there is no end.
func earliest(changes []*change) (until time.Time) {
	for _, c := range changes {
		if until.IsZero() || !c.until.IsZero() && c.until.Before(until) {
			until = c.until
		}
	}
	return until
}

func (w *writer) send(ctx context.Context, policy *iampb.Policy, until time.Time) (*iampb.Policy, error) {
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	after, err := retry.Attempt(ctx, w.calls, func(ctx context.Context) (*iampb.Policy, error) {
		return w.policies.SetIamPolicy(ctx, &iampb.SetIamPolicyRequest{Resource: w.of.String(), Policy: policy}, retry.Once)
	})
	if err != nil {
		return nil, retry.Failure(retry.Write, "write the policy of "+w.of.String(), err)
	}
	return after, nil
}

package main

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/torture/check"
)

// clock tells what was seen first. All that is seen is seen by this process.
type clock struct{ last atomic.Int64 }

func (c *clock) tick() int64 { return c.last.Add(1) }

// witness notes what the local Google Cloud carries out.
type witness struct {
	clock *clock

	mu      sync.Mutex
	before  map[string]check.Policy
	now     map[string]*known
	arrived map[*iampb.SetIamPolicyRequest]int64 // and not carried out yet
	writes  []check.Write
	records []check.Record
}

// known is a policy as it was when it was last written, and the writes that were
// seen before the one that they follow.
type known struct {
	etag    []byte
	policy  check.Policy
	waiting []pendingWrite
}

type pendingWrite struct {
	check.Write
	from  []byte // etag
	to    []byte
	after check.Policy
}

func newWitness(clock *clock, policies map[string]*iampb.Policy) *witness {
	w := &witness{clock: clock, before: map[string]check.Policy{}, now: map[string]*known{}, arrived: map[*iampb.SetIamPolicyRequest]int64{}}
	for resource, policy := range policies {
		w.before[resource] = members(policy)
		w.now[resource] = &known{etag: policy.GetEtag(), policy: w.before[resource]}
	}
	return w
}

func members(policy *iampb.Policy) check.Policy {
	all := check.Policy{}
	for _, b := range policy.GetBindings() {
		for _, name := range b.GetMembers() {
			all[check.Member{Role: b.GetRole(), Name: name, Condition: b.GetCondition().GetExpression()}] = true
		}
	}
	return all
}

// arrives notes a call that is about to be carried out. That is the date of the write
// of a policy: what it makes of the policy can be read before it is seen here again.
func (w *witness) arrives(c emulator.Call) {
	if request, ok := c.Request.(*iampb.SetIamPolicyRequest); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.arrived[request] = w.clock.tick()
	}
}

// see notes a call that was carried out and is about to be answered.
func (w *witness) see(c emulator.Call) {
	switch request := c.Request.(type) {
	case *loggingpb.WriteLogEntriesRequest:
		if c.Err == nil {
			w.recorded(request)
		}
	case *iampb.SetIamPolicyRequest:
		w.mu.Lock()
		defer w.mu.Unlock()
		if after, ok := c.Answer.(*iampb.Policy); ok && c.Err == nil {
			w.wrote(c, w.arrived[request], request.GetPolicy().GetEtag(), after)
		}
		delete(w.arrived, request)
	}
}

func (w *witness) recorded(request *loggingpb.WriteLogEntriesRequest) {
	for _, e := range request.GetEntries() {
		if log := cmp.Or(e.GetLogName(), request.GetLogName()); !strings.HasSuffix(log, "/logs/pullfix") {
			continue
		}
		fields := e.GetJsonPayload().GetFields()
		text := func(name string) string { return strings.Clone(fields[name].GetStringValue()) }
		r := check.Record{
			At: w.clock.tick(), ID: e.GetInsertId(), Stamp: e.GetTimestamp().AsTime().Format(time.RFC3339Nano),
			Phase: text("phase"), Event: text("event"), Principal: text("principal"), Resource: text("resource"), Role: text("role"),
			Verdict: text("verdict"), Outcome: text("outcome"), Cause: text("cause"),
		}
		w.mu.Lock()
		w.records = append(w.records, r)
		w.mu.Unlock()
	}
}

// The reason of a request names the events, and how many more there are, as
// docs/compliance.md says.
var (
	event = regexp.MustCompile(`\bpullfix event=(\S+) `)
	more  = regexp.MustCompile(`; and \d+ more$`)
)

// wrote notes the write of a policy. Two of one policy may be seen in the wrong
// order: the etags tell which followed which.
func (w *witness) wrote(c emulator.Call, at int64, from []byte, after *iampb.Policy) {
	made := check.Write{At: at, Resource: c.Resource, Ours: c.Reason != theirs, More: more.MatchString(c.Reason)}
	for _, named := range event.FindAllStringSubmatch(c.Reason, -1) {
		made.For = append(made.For, strings.Clone(named[1]))
	}
	p := pendingWrite{made, from, after.GetEtag(), members(after)}
	k := w.now[c.Resource]
	if k == nil {
		k = &known{etag: from, policy: check.Policy{}}
		w.now[c.Resource] = k
	}
	k.waiting = append(k.waiting, p)
	for {
		n := slices.IndexFunc(k.waiting, func(p pendingWrite) bool { return bytes.Equal(p.from, k.etag) })
		if n < 0 {
			return
		}
		next := k.waiting[n]
		k.waiting = slices.Delete(k.waiting, n, n+1)
		next.Added, next.Removed = missing(k.policy, next.after), missing(next.after, k.policy)
		k.etag, k.policy = next.to, next.after
		w.writes = append(w.writes, next.Write)
	}
}

// missing are the members of one policy that another does not have.
func missing(from, policy check.Policy) []check.Member {
	var all []check.Member
	for m := range policy {
		if !from[m] {
			all = append(all, m)
		}
	}
	return all
}

// blind are the writes that followed no policy that there was.
func (w *witness) blind() (all []check.Write) {
	for _, k := range w.now {
		for _, p := range k.waiting {
			all = append(all, p.Write)
		}
	}
	return all
}

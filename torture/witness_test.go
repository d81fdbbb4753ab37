package main

import (
	"context"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/torture/check"
)

const viewer = "roles/viewer"

func policy(etag string, members ...string) *iampb.Policy {
	return &iampb.Policy{Etag: []byte(etag), Bindings: []*iampb.Binding{{Role: viewer, Members: members}}}
}

func write(reason, from string, after *iampb.Policy) emulator.Call {
	return emulator.Call{
		Method: "SetIamPolicy", Resource: "r", Reason: reason, Done: true, Answer: after,
		Request: &iampb.SetIamPolicyRequest{Resource: "r", Policy: &iampb.Policy{Etag: []byte(from)}},
	}
}

// TestWitnessOrdersWrites shows two writes in the wrong order, one that failed,
// and one that followed nothing.
func TestWitnessOrdersWrites(t *testing.T) {
	w := newWitness(&clock{}, map[string]*iampb.Policy{"r": policy("0", "a")})
	failed := write("x", "0", nil)
	failed.Err = status.Error(codes.Aborted, "conflict")
	calls := []emulator.Call{write("pullfix event=e rule=r key=0; pullfix event=f rule=r key=1; and 2 more", "1", policy("2", "b", "c")), write(theirs, "0", policy("1", "a", "b")), failed, write("x", "", policy("3"))}
	for _, n := range []int{1, 0, 2, 3} {
		w.arrives(calls[n])
	}
	for _, call := range calls {
		w.see(call)
	}
	member := func(name string) check.Member { return check.Member{Role: viewer, Name: name} }
	want := []check.Write{
		{At: 1, Resource: "r", Added: []check.Member{member("b")}},
		{At: 2, Resource: "r", Ours: true, For: []string{"e", "f"}, More: true, Added: []check.Member{member("c")}, Removed: []check.Member{member("a")}},
	}
	if diff := cmp.Diff(want, w.writes); diff != "" {
		t.Errorf("writes -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]check.Write{{At: 4, Resource: "r", Ours: true}}, w.blind()); diff != "" {
		t.Errorf("blind writes -want +got\n%s", diff)
	}
}

func TestWitnessReadsRecords(t *testing.T) {
	payload, err := structpb.NewStruct(map[string]any{"phase": "intent", "event": "e", "role": viewer})
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness(&clock{}, nil)
	entry := func(log string) *loggingpb.LogEntry {
		return &loggingpb.LogEntry{LogName: log, InsertId: "i", Payload: &loggingpb.LogEntry_JsonPayload{JsonPayload: payload}}
	}
	w.see(emulator.Call{Done: true, Request: &loggingpb.WriteLogEntriesRequest{
		LogName: "projects/ops/logs/pullfix", Entries: []*loggingpb.LogEntry{entry(""), entry("projects/ops/logs/diagnostic-log")},
	}})
	want := []check.Record{{At: 1, ID: "i", Stamp: "1970-01-01T00:00:00Z", Phase: "intent", Event: "e", Role: viewer}}
	if diff := cmp.Diff(want, w.records); diff != "" {
		t.Errorf("records -want +got\n%s", diff)
	}
}

// TestFaultsOfASeed wants the nth call of a method to meet the same, whatever
// else is called, and nobody to be told of a conflict after a write has landed.
func TestFaultsOfASeed(t *testing.T) {
	meet := func(noise bool) (met []codes.Code) {
		f := newFaults(1, false)
		for range 2_000 {
			if noise {
				_ = f.answer(emulator.Call{Method: "Commit", Done: true})
			}
			err := f.answer(emulator.Call{Method: "SetIamPolicy", Done: true})
			met = append(met, status.Code(err))
			if status.Code(err) == codes.Aborted {
				t.Error("a write that has landed was answered with a conflict")
			}
		}
		return met
	}
	quiet, noisy := meet(false), meet(true)
	if diff := cmp.Diff(quiet, noisy); diff != "" {
		t.Errorf("faults of a method, alone and with another: -want +got\n%s", diff)
	}
	lost := 0
	for _, code := range quiet {
		if code != codes.OK {
			lost++
		}
	}
	if want := len(quiet) * lostRate / million; lost < want/3 || lost > want*3 {
		t.Errorf("%d answers of %d were lost, want about %d", lost, len(quiet), want)
	}
}

func TestFaultsSpare(t *testing.T) {
	f := newFaults(1, false)
	for range 5_000 {
		for _, c := range []emulator.Call{
			{Method: "SetIamPolicy", Reason: theirs},
			{Method: "SetIamPolicy", Reason: theirs, Done: true},
			{Method: "GetIamPolicy", Done: true},
			{Method: "Commit", Done: true, Err: status.Error(codes.Aborted, "conflict")},
		} {
			if err := f.meet(context.Background(), c); err != nil {
				t.Fatalf("%+v met %v", c, err)
			}
		}
	}
	const locked = "projects/images/locations/us-central1/repositories/locked-01"
	if err := f.meet(context.Background(), emulator.Call{Method: "SetIamPolicy", Resource: locked}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a write of a locked policy met %v", err)
	}
}

func TestFlat(t *testing.T) {
	grow := func(from, each int) (all []sample) {
		for n := range 30 {
			all = append(all, sample{Goroutines: from + each*n, Heap: 1, resident: 1})
		}
		return all
	}
	for _, test := range []struct {
		name    string
		samples []sample
		flat    bool
	}{
		{"steady", grow(100, 0), true},
		{"falling", grow(100, -1), true},
		{"growing", grow(10, 5), false},
		{"not measured", nil, false},
	} {
		if s := (&soak{samples: test.samples}); s.flat() != test.flat {
			t.Errorf("%s: got flat %t", test.name, s.flat())
		}
	}
}

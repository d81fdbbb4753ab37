package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/remediate"
)

// quick calls wait less than those of a person's command.
var quick = retry.Calls{
	Timeout: 5 * time.Second, Attempts: 3, Backoff: gax.Backoff{Initial: time.Millisecond, Max: 2 * time.Millisecond},
}

const (
	undoneRepository = "projects/shared/locations/us-central1/repositories/apps"
	undoneMember     = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	undoneSeed       = `
repositories:
  - name: projects/shared/locations/us-central1/repositories/apps
    format: docker
    mode: standard
    policy:
      bindings:
        - role: roles/artifactregistry.reader
          members: ["group:dev@example.com", "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"]
`
)

// applied is the record of the grant that the tests undo.
var applied = audit.Record{
	Phase: audit.PhaseResult, Event: "e1", Log: "projects/app-one/logs/l", At: time.Date(2026, 3, 4, 5, 8, 59, 0, time.UTC),
	Kind: "run-image", SourceProject: "app-one", Principal: undoneMember, Resource: undoneRepository, Verdict: "grant", Mode: "enforce",
	Rule: "apps", Reason: "allowed", Role: "roles/artifactregistry.reader", Outcome: audit.OutcomeApplied,
	EtagBefore: "before", EtagAfter: "after", Version: audit.FormatVersion,
}

// desk is where a person undoes a grant that a local Google Cloud holds and has
// on record.
type desk struct {
	*undoing
	cloud    *emulator.Cloud
	out      bytes.Buffer
	errs     bytes.Buffer
	connects *remediate.Clients
}

func newDesk(t *testing.T, faults string) *desk {
	t.Helper()
	cloud, address := emulatortest.Start(t, undoneSeed+faults)
	project, err := iam.ParseProject("ops")
	if err != nil {
		t.Fatal(err)
	}
	s := settings.Settings{Project: project, Endpoint: address}
	d := &desk{cloud: cloud, connects: remediate.NewClients(s.Options()...)}
	d.undoing = &undoing{
		event: "e1", reason: "undone with pullfix undo", book: &recordBook{settings: s}, services: d.connects.Policies,
		calls: quick, out: &d.out, errs: &d.errs,
	}
	t.Cleanup(func() {
		if err := errors.Join(d.book.close(), d.connects.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := d.book.write(t.Context(), applied); err != nil {
		t.Fatal(err)
	}
	return d
}

// run undoes, and returns the exit status and what a person reads.
func (d *desk) run(t *testing.T) (status int, told string) {
	t.Helper()
	d.out.Reset()
	d.errs.Reset()
	err := d.undoing.run(t.Context(), removing{d.undoing})
	switch told = d.out.String() + d.errs.String(); {
	case errors.Is(err, errFailed):
		return exitFailed, told
	case err != nil:
		return exitUsage, told + err.Error()
	default:
		return exitDone, told
	}
}

func (d *desk) holds(t *testing.T) bool {
	t.Helper()
	members := d.members()
	if !slices.Contains(members, "group:dev@example.com") {
		t.Errorf("the policy lost a member that is none of the undo's business: %q", members)
	}
	return slices.Contains(members, undoneMember)
}

func (d *desk) members() []string {
	var members []string
	for name, policy := range d.cloud.Policies() {
		if strings.HasSuffix(name, undoneRepository) {
			for _, b := range policy.GetBindings() {
				members = append(members, b.GetMembers()...)
			}
		}
	}
	return members
}

// recorded returns the undo's records as "phase outcome".
func (d *desk) recorded(t *testing.T) []string {
	t.Helper()
	records, err := d.book.find(t.Context(), "e1")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{}
	for _, r := range records {
		if r.Key() != applied.Key() || r.At != applied.At || r.Rule != applied.Rule {
			t.Errorf("got a record that is not about the grant: %+v", r)
		}
		if r.Cause == audit.CauseUndo {
			words = append(words, strings.TrimSpace(r.Phase+" "+r.Outcome))
		}
	}
	return words
}

func TestUndoUnderFaults(t *testing.T) {
	t.Parallel()
	type run struct {
		status   int
		told     string
		holds    bool
		recorded []string
	}
	done := run{exitDone, "removed " + undoneMember, false, []string{"intent", "result undone"}}
	already := run{exitFailed, "it was undone already", false, []string{"intent", "result undone"}}
	for name, test := range map[string]struct {
		faults string
		runs   []run
	}{
		"none":     {"", []run{done, already}},
		"conflict": {"faults: [{method: SetIamPolicy, code: ABORTED}]", []run{done, already}},
		"the answer is lost": {
			"faults: [{method: SetIamPolicy, code: UNAVAILABLE, afterWrite: true}]", []run{done, already},
		},
		"the answer is lost, and then the policy cannot be read": {
			"faults: [{method: SetIamPolicy, code: UNAVAILABLE, afterWrite: true}, {method: GetIamPolicy, code: UNAVAILABLE, after: 2, times: 3}]",
			[]run{
				{exitUsage, "code = Unavailable desc = GetIamPolicy: a fault of the seed; run it again", false, []string{"intent", "result failed"}},
				{exitDone, "recorded that an earlier run removed", false, []string{"intent", "result failed", "result undone"}},
			},
		},
		"the write fails for now": {
			"faults: [{method: SetIamPolicy, code: RESOURCE_EXHAUSTED, times: 3}]",
			[]run{
				{exitUsage, "a fault of the seed; run it again", true, []string{"intent", "result failed"}},
				{exitDone, "removed", false, []string{"intent", "result failed", "result undone"}},
			},
		},
		"the write is refused": {
			"faults: [{method: SetIamPolicy, code: PERMISSION_DENIED, message: not yours}]",
			[]run{
				{exitUsage, "not yours", true, []string{"intent", "result refused"}},
				{exitDone, "removed", false, []string{"intent", "result refused", "result undone"}},
			},
		},
		"the policy cannot be read": {
			"faults: [{method: GetIamPolicy, code: PERMISSION_DENIED, message: not yours}, {method: GetIamPolicy, code: UNAVAILABLE, times: 3}]",
			[]run{
				{exitUsage, "not yours", true, []string{}},
				{exitUsage, "a fault of the seed; run it again", true, []string{}},
				done,
			},
		},
		"the intent cannot be recorded": {
			"faults: [{method: WriteLogEntries, code: PERMISSION_DENIED, after: 1}]",
			[]run{{exitUsage, "nothing was removed, because that could not be recorded: ", true, []string{}}, done},
		},
		"the result cannot be recorded": {
			"faults: [{method: WriteLogEntries, code: PERMISSION_DENIED, after: 2}]",
			[]run{
				{exitUsage, "ended undone, and that could not be recorded: ", false, []string{"intent"}},
				{exitDone, "recorded that an earlier run removed", false, []string{"intent", "result undone"}},
			},
		},
		"the record cannot be read": {
			"faults: [{method: ListLogEntries, code: PERMISSION_DENIED, message: not yours}]",
			[]run{{exitUsage, `undo "e1": audit log of "ops": `, true, []string{}}, done},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, test.faults)
			for n, want := range test.runs {
				status, told := d.run(t)
				if status != want.status || !strings.Contains(told, want.told) {
					t.Errorf("run %d: got status %d, %q, want %d, %q", n, status, told, want.status, want.told)
				}
				if got := d.holds(t); got != want.holds {
					t.Errorf("run %d: the policy holds the member: %t, want %t", n, got, want.holds)
				}
				if diff := gocmp.Diff(want.recorded, d.recorded(t)); diff != "" {
					t.Errorf("run %d: records: -want +got\n%s", n, diff)
				}
			}
		})
	}
}

// errCut is what a run panics with where it is cut off.
var errCut = errors.New("cut off")

// cut ends a run at one of its steps.
type cut struct {
	remediate.Policies
	recordWriter
	step func()
}

func (c cut) SetIamPolicy(ctx context.Context, req *iampb.SetIamPolicyRequest, opts ...gax.CallOption) (*iampb.Policy, error) {
	c.step()
	defer c.step()
	return c.Policies.SetIamPolicy(ctx, req, opts...)
}

func (c cut) Write(ctx context.Context, r audit.Record) error {
	c.step()
	defer c.step()
	return c.recordWriter.Write(ctx, r)
}

// cutOff runs an undo that ends at a step, and reports whether it came so far.
func (d *desk) cutOff(t *testing.T, at int) (ended bool) {
	t.Helper()
	step := func() {
		if at--; at == 0 {
			panic(errCut)
		}
	}
	whole, _ := d.book.writer.Made()
	part := &undoing{event: d.event, reason: d.reason, book: &recordBook{settings: d.book.settings}, calls: quick, out: &d.out, errs: &d.errs}
	part.services = func(ctx context.Context, of iam.ResourceType) (remediate.Policies, error) {
		policies, err := d.services(ctx, of)
		return cut{Policies: policies, step: step}, err
	}
	if _, err := part.book.writer.Get(func() (recordWriter, error) { return cut{recordWriter: whole, step: step}, nil }); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if why := recover(); why != nil && why != any(errCut) {
			panic(why)
		} else if why != nil {
			ended = true
		}
	}()
	if err := part.run(t.Context(), removing{part}); err != nil {
		t.Fatal(err)
	}
	return false
}

func TestUndoIsCutOffAnywhere(t *testing.T) {
	t.Parallel()
	const steps = 6 // before and after the intent, the write and the result
	for at := 1; ; at++ {
		d := newDesk(t, "")
		if !d.cutOff(t, at) {
			if at != steps+1 {
				t.Errorf("cut off at %d steps, want %d", at-1, steps)
			}
			return
		}
		if !d.holds(t) && len(d.recorded(t)) == 0 {
			t.Errorf("cut off at step %d: the member is gone, and no intent is recorded", at)
		}
		if status, told := d.run(t); status != exitDone && at != steps {
			t.Errorf("after a cut at step %d: status %d: %s", at, status, told)
		}
		if d.holds(t) {
			t.Errorf("after a cut at step %d the policy holds the member", at)
		}
		if diff := gocmp.Diff([]string{"intent", "result undone"}, d.recorded(t)); diff != "" {
			t.Errorf("after a cut at step %d: records: -want +got\n%s", at, diff)
		}
	}
}

// What somebody else does between the look and the act is not claimed.
func TestSomebodyElseRemovesMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	other := remediate.Granter{Services: d.connects.Policies, Calls: quick}
	away, err := removal(applied)
	if err != nil {
		t.Fatal(err)
	}
	d.cloud.Watch(func(c emulator.Call) {
		if c.Method != "WriteLogEntries" || !c.Done {
			return
		}
		d.cloud.Watch(nil)
		if _, err := other.Remove(t.Context(), away, ""); err != nil {
			t.Error(err)
		}
	})
	for n, want := range []string{"in roles/artifactregistry.reader without a condition meanwhile, so that nothing was removed", "somebody else removed it"} {
		if status, told := d.run(t); status != exitFailed || !strings.Contains(told, want) {
			t.Errorf("run %d: got status %d, %q, want %d, %q", n, status, told, exitFailed, want)
		}
		if diff := gocmp.Diff([]string{"intent", "result refused"}, d.recorded(t)); diff != "" {
			t.Errorf("run %d: records: -want +got\n%s", n, diff)
		}
	}
}

// One finding that fails does not keep the others from being undone.
func TestUndoGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "faults: [{method: GetIamPolicy, code: UNAVAILABLE, times: 3, resource: projects/shared/secrets/gone}]")
	forged, unread := applied, applied
	forged.Image, forged.Role = "forged", "roles/owner"
	unread.Resource, unread.Role = "projects/shared/secrets/gone", "roles/secretmanager.secretAccessor"
	for _, r := range []audit.Record{forged, unread} {
		if err := d.book.write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	status, told := d.run(t)
	for _, want := range []string{"removed " + undoneMember, "roles/owner is not a role that pullfix writes", "read the policy of projects/shared/secrets/gone"} {
		if status != exitUsage || !strings.Contains(told, want) {
			t.Errorf("got status %d, %q, want %d, %q", status, told, exitUsage, want)
		}
	}
	if d.holds(t) {
		t.Error("the policy holds the member")
	}
}

// Google's audit log leads from the removal to its records.
func TestUndoTellsGoogleWhy(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	var reasons []string
	d.cloud.Watch(func(c emulator.Call) {
		if c.Method == "SetIamPolicy" && !c.Done {
			reasons = append(reasons, c.Reason)
		}
	})
	if status, told := d.run(t); status != exitDone {
		t.Fatalf("got status %d, %q", status, told)
	}
	if diff := gocmp.Diff([]string{applied.RequestReason()}, reasons); diff != "" {
		t.Errorf("reasons of the writes -want +got\n%s", diff)
	}
}

func TestUndoIsInterrupted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	d.cloud.Watch(func(c emulator.Call) {
		if c.Method == "WriteLogEntries" && c.Done {
			cancel()
		}
	})
	if err := d.undoing.run(ctx, removing{d.undoing}); err != nil {
		t.Errorf("an undo that has begun: %v", err)
	}
	if diff := gocmp.Diff([]string{"intent", "result undone"}, d.recorded(t)); diff != "" || d.holds(t) {
		t.Errorf("an undo that has begun does not end: -want +got\n%s", diff)
	}
	if err := d.undoing.run(ctx, removing{d.undoing}); !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "Canceled") {
		t.Errorf("interrupted before: got %v", err)
	}
}

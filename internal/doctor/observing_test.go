package doctor

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What only observes looks all the same, and needs no right to change anything.
func TestObserving(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Policy = s.Policy.Observing()
	const role = "projects/shared/roles/pullfixCheck"
	s.unbind("projects/shared", role)
	want := []Result{{
		Check: "bindings", On: "projects/shared", Status: Fail,
		Reason:  "pullfix@ops.iam.gserviceaccount.com lacks " + role,
		Command: "gcloud projects add-iam-policy-binding shared --member=" + account + " --role=" + role + " --condition=None",
	}}
	got := slices.DeleteFunc(s.notWell(), func(r Result) bool { return r.Check != "bindings" })
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Result{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

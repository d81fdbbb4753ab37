package doctor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/iam"
)

// watch makes what watches over the deployment.
func (s *site) watch() {
	s.Helper()
	for _, w := range watches {
		all, err := deploy.Watch{Project: "ops"}.Documents(w.kind)
		if err != nil {
			s.Fatal(err)
		}
		for _, d := range all {
			if d.Lacks == "" {
				s.call("POST", w.version+"/projects/ops/"+w.path, d.Fields)
			}
		}
	}
}

// TestNothingWatches wants a command for each document that is missing; those
// that are there are not looked into.
func TestNothingWatches(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.delete("v2/projects/ops/metrics/pullfix-stops")
	s.delete("v1/projects/ops/dashboards/pullfix")
	for name, made := range s.Made() {
		if made["displayName"] == "pullfix: events were given up" {
			s.delete("v3/" + name)
		}
		if made["displayName"] == "pullfix: entries do not leave the log" {
			s.patch("v3/"+name, "", doc{"enabled": false})
		}
	}
	want := []Result{
		{
			Check: "metrics", On: "pullfix-stops", Status: Fail, Reason: "there is none",
			Command: "pullfix monitoring show metrics stops --project=ops | gcloud logging metrics create pullfix-stops --config-from-file=- --project=ops",
		},
		{
			Check: "alerts", On: "pullfix: events were given up", Status: Fail, Reason: "there is none",
			Command: "pullfix monitoring show alerts dead-letters --project=ops | gcloud alpha monitoring policies create --policy-from-file=- --project=ops",
		},
		{
			Check: "dashboards", On: "pullfix", Status: Fail, Reason: "there is none",
			Command: "pullfix monitoring show dashboards dashboard --project=ops | gcloud monitoring dashboards create --config-from-file=- --project=ops",
		},
	}
	if diff := cmp.Diff(want, s.notWell(), cmpopts.IgnoreUnexported(Result{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestMonitoringOfAScopedProject says that a project scoped to a domain has none.
func TestMonitoringOfAScopedProject(t *testing.T) {
	t.Parallel()
	scoped, err := iam.ParseProject("example.com:ops")
	if err != nil {
		t.Fatal(err)
	}
	k := desk{Deployment: Deployment{Project: scoped}}
	got := k.lookAtDocuments(t.Context(), watches[0])
	if len(got) != 1 || got[0].Status != Skip || !strings.Contains(got[0].Reason, `"example.com:ops"`) {
		t.Errorf("got %+v", got)
	}
}

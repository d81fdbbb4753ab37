package scripttest

import (
	"slices"
	"strings"
	"testing"
)

const (
	channel = "projects/ops/notificationChannels/"
	planned = `the alert "pullfix: somebody changed the deployment" is not set up: give --deployer`
)

// channelsOf are the channels of each alert policy of pullfix's.
func (w *world) channelsOf(channels string) (with, without []string) {
	for _, name := range w.below("projects/ops/alertPolicies/") {
		switch t := w.Things[name]; {
		case t["userLabels"] != `{"pullfix":"alert"}`:
		case t["notificationChannels"] == channels:
			with = append(with, name)
		default:
			without = append(without, name)
		}
	}
	return with, without
}

// TestAlertsTellChannels wants alerts to tell the channels that are named, and
// those of an earlier run where none is.
func TestAlertsTellChannels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.says(planned, small...)
	if with, without := s.world().channelsOf(""); len(with) != 6 || len(without) != 0 {
		t.Errorf("without a channel: %q, and others %q", with, without)
	}
	told := append(slices.Clone(small), "--notification-channel="+channel+"1", "--notification-channel="+channel+"2", "--deployer=deployer@ops.iam.gserviceaccount.com")
	r := s.must(told...)
	const both = `["` + channel + `1","` + channel + `2"]`
	if with, without := s.world().channelsOf(both); len(with) != 8 || len(without) != 0 || strings.Contains(r.out, planned) {
		t.Errorf("with two channels: %q, and others %q\n%s", with, without, r.out)
	}
	s.edit(map[string]thing{"projects/ops/alertPolicies/1": {"severity": `"WARNING"`}})
	changes := s.must(small...).changes() // the channels stay, and so do the alerts about changes
	if with, without := s.world().channelsOf(both); len(with) != 8 || len(without) != 0 || len(changes) != 1 {
		t.Errorf("after one was mended with %q: %q, and others %q", changes, with, without)
	}
}

// TestMonitoringOfOthers wants what somebody else watches with to stay.
func TestMonitoringOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	others := map[string]thing{
		"projects/ops/alertPolicies/70": {"displayName": `"pullfix: events were given up"`, "userLabels": `{"team":"a"}`},
		"projects/ops/alertPolicies/71": {"displayName": `"web is slow"`},
		"projects/ops/dashboards/web":   {"displayName": `"pullfix"`},
		"projects/ops/metrics/pullfix":  {"filter": `"x"`},
	}
	for _, api := range []string{"monitoring", "logging"} {
		others["projects/ops/apis/"+api+".googleapis.com"] = thing{}
	}
	s.edit(others)
	s.must(small...)
	s.must(append(slices.Clone(small), "--destroy", "--yes")...)
	w := s.world()
	for name := range others {
		if w.Things[name] == nil {
			t.Errorf("%s is gone", name)
		}
	}
	for _, collection := range []string{"alertPolicies", "dashboards", "metrics"} {
		for _, name := range w.below("projects/ops/" + collection + "/") {
			if others[name] == nil {
				t.Errorf("%s is left", name)
			}
		}
	}
}

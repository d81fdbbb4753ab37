package monitoring

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/deploy"
)

type object = map[string]any

// wanted are an alert, a dashboard and a metric as files have them.
var wanted = map[string]deploy.Document{
	deploy.Alerts: {File: "late", Fields: object{
		"displayName": "pullfix: late", "userLabels": object{"pullfix": "alert"}, "enabled": true,
		"conditions": []any{object{"displayName": "old", "conditionThreshold": object{"thresholdValue": 0.0, "duration": "0s"}}},
	}},
	deploy.Dashboards: {File: "dashboard", Fields: object{
		"name": "projects/ops/dashboards/pullfix", "displayName": "pullfix", "mosaicLayout": object{"columns": 12.0, "tiles": []any{object{"widget": object{"incidentList": object{}}}}},
	}},
	deploy.Metrics: {File: "stops", Fields: object{
		"name": "pullfix-stops", "filter": "x", "disabled": false, "labelExtractors": object{"what": "EXTRACT(severity)"},
	}},
}

// there is what Google Cloud makes of it: it leaves out what is zero, and fills
// in what is its own.
var there = map[string]string{
	deploy.Alerts: `{"name": "projects/ops/alertPolicies/7", "displayName": "pullfix: late", "userLabels": {"pullfix": "alert", "team": "a"}, "enabled": true,
		"conditions": [{"name": "projects/ops/alertPolicies/7/conditions/8", "displayName": "old", "conditionThreshold": {"duration": "0s"}}],
		"notificationChannels": ["projects/ops/notificationChannels/1"], "mutationRecord": {"mutatedBy": "ann@example.com"}}`,
	deploy.Dashboards: `{"name": "projects/900/dashboards/pullfix", "displayName": "pullfix", "etag": "e1",
		"mosaicLayout": {"columns": 12, "tiles": [{"widget": {"incidentList": {}}}]}}`,
	deploy.Metrics: `{"name": "pullfix-stops", "filter": "x", "labelExtractors": {"what": "EXTRACT(severity)"}, "createTime": "2026-03-04T05:06:07Z"}`,
}

// TestSteps changes one thing at a time in what is there.
func TestSteps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, from, to string // in what is there; nothing is there where to is "none"
		want           string
		sent           object // of an update, besides what is wanted
	}{
		{deploy.Alerts, "", "", "keep projects/ops/alertPolicies/7", nil},
		{deploy.Dashboards, "", "", "keep projects/900/dashboards/pullfix", nil},
		{deploy.Metrics, "", "", "keep pullfix-stops", nil},
		{deploy.Alerts, "", "none", "create pullfix: late", nil},
		{deploy.Dashboards, "", "none", "create pullfix", nil},
		{deploy.Metrics, "", "none", "create pullfix-stops", nil},
		{
			deploy.Alerts, `"enabled": true,`, `"enabled": false,`, "update projects/ops/alertPolicies/7",
			object{"notificationChannels": []any{"projects/ops/notificationChannels/1"}},
		},
		{
			deploy.Alerts, `"enabled": true,`, ``, "update projects/ops/alertPolicies/7",
			object{"notificationChannels": []any{"projects/ops/notificationChannels/1"}},
		},
		{
			deploy.Alerts, `"duration": "0s"`, `"thresholdValue": 5, "duration": "0s"`, "update projects/ops/alertPolicies/7",
			object{"notificationChannels": []any{"projects/ops/notificationChannels/1"}},
		},
		{
			deploy.Alerts, `"conditions": [`, `"conditions": [{"displayName": "more"}, `, "update projects/ops/alertPolicies/7",
			object{"notificationChannels": []any{"projects/ops/notificationChannels/1"}},
		},
		{deploy.Alerts, `"pullfix": "alert"`, `"team": "b"`, "create pullfix: late", nil},
		{deploy.Alerts, `pullfix: late`, `pullfix: early`, "create pullfix: late", nil},
		{deploy.Dashboards, `"incidentList": {}`, `"text": {}`, "update projects/900/dashboards/pullfix", object{"name": "projects/900/dashboards/pullfix", "etag": "e1"}},
		{deploy.Dashboards, `dashboards/pullfix`, `dashboards/other`, "create pullfix", nil},
		{deploy.Metrics, `"filter": "x"`, `"filter": "x", "disabled": true`, "update pullfix-stops", object{}},
		{deploy.Metrics, `"what": "EXTRACT(severity)"`, ``, "update pullfix-stops", object{}},
	} {
		doc := strings.Replace(there[test.kind], test.from, test.to, 1)
		if test.to == "none" {
			doc = ""
		}
		is, err := Parse([]byte("[" + doc + "]"))
		if err != nil {
			t.Fatal(err)
		}
		w := wanted[test.kind]
		steps := Steps(test.kind, []deploy.Document{w}, is)
		if len(steps) != 1 || steps[0].Do+" "+steps[0].Name != test.want || steps[0].File != w.File {
			t.Errorf("%s: %s for %s: got %+v, want to %s", test.kind, test.to, test.from, steps, test.want)
			continue
		}
		want := maps.Clone(w.Fields)
		maps.Copy(want, test.sent)
		if steps[0].Do == Keep {
			want = nil
		}
		if diff := cmp.Diff(want, steps[0].Fields); diff != "" {
			t.Errorf("%s: %s for %s: sent (-want +got):\n%s", test.kind, test.to, test.from, diff)
		}
	}
}

func TestTwoOfOneAndRemoval(t *testing.T) {
	t.Parallel()
	two := there[deploy.Alerts] + "," + strings.ReplaceAll(there[deploy.Alerts], "alertPolicies/7", "alertPolicies/9")
	other := strings.ReplaceAll(there[deploy.Alerts], "pullfix: late", "web is slow")
	is, err := Parse([]byte("[" + two + "," + other + "]"))
	if err != nil {
		t.Fatal(err)
	}
	all := []deploy.Document{wanted[deploy.Alerts]}
	want := []Step{
		{Do: Keep, Title: "pullfix: late", Name: "projects/ops/alertPolicies/7", File: "late"},
		{Do: Delete, Title: "pullfix: late", Name: "projects/ops/alertPolicies/9"},
	}
	if diff := cmp.Diff(want, Steps(deploy.Alerts, all, is)); diff != "" {
		t.Errorf("two of one (-want +got):\n%s", diff)
	}
	want[0] = Step{Do: Delete, Title: "pullfix: late", Name: "projects/ops/alertPolicies/7"}
	if diff := cmp.Diff(want, Removal(deploy.Alerts, all, is)); diff != "" {
		t.Errorf("removal (-want +got):\n%s", diff)
	}
}

// TestLacks leaves alone what is not known well enough.
func TestLacks(t *testing.T) {
	t.Parallel()
	w := wanted[deploy.Alerts]
	w.Lacks = "deployer"
	is, err := Parse([]byte("[" + strings.Replace(there[deploy.Alerts], `"enabled": true`, `"enabled": false`, 1) + "]"))
	if err != nil {
		t.Fatal(err)
	}
	if got := Steps(deploy.Alerts, []deploy.Document{w}, is); len(got) != 1 || got[0].Do != Keep {
		t.Errorf("one that is there: got %+v", got)
	}
	if got := Steps(deploy.Alerts, []deploy.Document{w}, nil); len(got) != 1 || got[0].Do != Lack || got[0].Fields != nil {
		t.Errorf("one that is not: got %+v", got)
	}
	if got := Removal(deploy.Alerts, []deploy.Document{w}, is); len(got) != 1 || got[0].Do != Delete {
		t.Errorf("removal: got %+v", got)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, empty := range []string{"", " \n", "[]"} {
		if got, err := Parse([]byte(empty)); len(got) != 0 || err != nil {
			t.Errorf("%q: got %v, %v", empty, got, err)
		}
	}
	for _, bad := range []string{"Listed 0 items.", "{}", "[1]"} {
		if _, err := Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), "want a list as gcloud prints it") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// TestWrite wants what is written to be what is sent: a filter with < and & whole.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out strings.Builder
	send := object{"filter": `severity<"ERROR" AND a&b`}
	if err := Write(&out, dir, []Step{{Create, "pullfix-x", "pullfix-x", "x", send}, {Do: Delete, Title: "t", Name: "n"}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "x.json")
	if want := "create\tpullfix-x\tpullfix-x\t" + file + "\ndelete\tt\tn\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got object
	if err := json.Unmarshal(text, &got); err != nil || !cmp.Equal(send, got) || !strings.Contains(string(text), "<") {
		t.Errorf("got %s, %v", text, err)
	}
	if err := Write(&out, filepath.Join(dir, "none"), []Step{{Create, "x", "x", "x", send}}); err == nil || !strings.HasPrefix(err.Error(), "monitoring: ") {
		t.Errorf("into no folder: got %v", err)
	}
}

package deploy

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/logging/v2"
	dashboards "google.golang.org/api/monitoring/v1"

	"github.com/pullfix/pullfix/emulator"
)

// builtIn is a metric that Google Cloud measures by itself.
type builtIn struct {
	resource     string   // the type of what it is of
	labels       []string // besides those of the resource
	distribution bool
}

// builtIns are those that charts show, as the lists of Google have them:
// https://cloud.google.com/monitoring/api/metrics_gcp_p_z for Pub/Sub and Cloud Run,
// https://cloud.google.com/monitoring/api/metrics_gcp_i_o for Cloud Logging.
var builtIns = map[string]builtIn{
	"pubsub.googleapis.com/subscription/num_undelivered_messages":   {"pubsub_subscription", nil, false},
	"pubsub.googleapis.com/subscription/oldest_unacked_message_age": {"pubsub_subscription", nil, false},
	"pubsub.googleapis.com/subscription/push_request_count":         {"pubsub_subscription", []string{"response_class", "response_code", "delivery_type"}, false},
	"pubsub.googleapis.com/topic/send_message_operation_count":      {"pubsub_topic", nil, false},
	"logging.googleapis.com/exports/error_count":                    {"logging_sink", nil, false},
	"run.googleapis.com/request_latencies":                          {"cloud_run_revision", []string{"response_code", "response_code_class", "route"}, true},
	"run.googleapis.com/container/instance_count":                   {"cloud_run_revision", []string{"state"}, false},
	"run.googleapis.com/container/memory/utilizations":              {"cloud_run_revision", []string{"container_name"}, true},
	"run.googleapis.com/container/cpu/utilizations":                 {"cloud_run_revision", []string{"container_name"}, true},
	"run.googleapis.com/container/startup_latencies":                {"cloud_run_revision", []string{"container_name"}, true},
}

// labelsOf are the labels of the resources that charts show
// (https://cloud.google.com/monitoring/api/resources).
var labelsOf = map[string][]string{
	"pubsub_subscription": {"project_id", "subscription_id"}, "pubsub_topic": {"project_id", "topic_id"}, "logging_sink": {"project_id", "name", "destination"},
	"cloud_run_revision": {"project_id", "service_name", "revision_name", "location", "configuration_name"}, "global": {"project_id"},
}

// bounded are the labels that a metric may have: each has few values, whatever is
// denied. A principal or a resource would make a time series for each.
var bounded = []string{"kind", "verdict", "outcome", "cause", "severity", "what", "channel"}

var someone = Watch{Project: "ops", Deployer: "deployer@ops.iam.gserviceaccount.com", Channels: []string{"projects/ops/notificationChannels/1"}}

// read decodes the documents of a kind strictly, into what Google's client sends.
func read[T any](t *testing.T, kind string) map[string]*T {
	t.Helper()
	all, err := someone.Documents(kind)
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %d, %v", kind, len(all), err)
	}
	out := map[string]*T{}
	for _, d := range all {
		out[d.File] = new(T)
		strict(t, d.File, marshal(d.Fields), out[d.File])
	}
	return out
}

// TestMetrics holds what Cloud Logging wants of a metric
// (https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.metrics),
// and that few time series come of it.
func TestMetrics(t *testing.T) {
	for name, m := range read[logging.LogMetric](t, Metrics) {
		if m.Name != "pullfix-"+name || m.Description == "" || m.MetricDescriptor.MetricKind != "DELTA" || m.MetricDescriptor.ValueType != "INT64" {
			t.Errorf("%s: got %q, a %s of %s", name, m.Name, m.MetricDescriptor.MetricKind, m.MetricDescriptor.ValueType)
		}
		if _, err := emulator.ParseFilter(m.Filter); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var labels []string
		for _, l := range m.MetricDescriptor.Labels {
			labels = append(labels, l.Key)
			if !slices.Contains(bounded, l.Key) || l.Description == "" {
				t.Errorf("%s: label %q: want one of %q, with a description", name, l.Key, bounded)
			}
		}
		if extracted := slices.Sorted(maps.Keys(m.LabelExtractors)); !slices.Equal(slices.Sorted(slices.Values(labels)), extracted) {
			t.Errorf("%s: labels %q, extracted %q", name, labels, extracted)
		}
	}
}

func dashboard(t *testing.T) *dashboards.Dashboard {
	t.Helper()
	return read[dashboards.Dashboard](t, Dashboards)["dashboard"]
}

// charts are the charts of the dashboard, by their titles.
func charts(t *testing.T) map[string]*dashboards.XyChart {
	t.Helper()
	all := map[string]*dashboards.XyChart{}
	for _, tile := range dashboard(t).MosaicLayout.Tiles {
		if c := tile.Widget.XyChart; c != nil {
			if tile.Widget.Title == "" || all[tile.Widget.Title] != nil {
				t.Errorf("two charts are called %q", tile.Widget.Title)
			}
			all[tile.Widget.Title] = c
		}
	}
	return all
}

var (
	chartFilter = regexp.MustCompile(`^resource\.type="([a-z_]+)" AND metric\.type="([^"]+)"((?: AND \S+=(?:"[^"]*"|monitoring\.regex\.full_match\("[^"]*"\)))*)$`)
	filtered    = regexp.MustCompile(` AND (metric|resource)\.labels\.([a-z_]+)!?=`)
)

// TestCharts wants every metric of a chart to be one of Google's or of ours, every
// label to be one of that metric, and each to be shown in a way that it can.
func TestCharts(t *testing.T) {
	shown := map[string]bool{}
	for title, chart := range charts(t) {
		for _, set := range chart.DataSets {
			query := set.TimeSeriesQuery.TimeSeriesFilter
			m := chartFilter.FindStringSubmatch(query.Filter)
			if m == nil {
				t.Errorf("%s: filter %s: want a resource, a metric and labels", title, query.Filter)
				continue
			}
			shown[m[2]] = true
			is, ok := known(t, m[2])
			if !ok || is.resource != m[1] {
				t.Errorf("%s: %s of %s: want a metric of Google's, or of ours, of %q", title, m[2], m[1], is.resource)
			}
			var labels []string
			for _, f := range filtered.FindAllStringSubmatch(m[3], -1) {
				labels = append(labels, f[1]+"."+f[2])
			}
			for _, g := range query.Aggregation.GroupByFields {
				labels = append(labels, strings.Replace(g, ".label.", ".", 1))
			}
			for _, l := range labels {
				of, name, _ := strings.Cut(l, ".")
				if all := map[string][]string{"metric": is.labels, "resource": labelsOf[is.resource]}[of]; !slices.Contains(all, name) {
					t.Errorf("%s: label %s of %s: want one of %q", title, l, m[2], all)
				}
			}
			if percentile := strings.HasPrefix(query.Aggregation.CrossSeriesReducer, "REDUCE_PERCENTILE"); percentile != is.distribution {
				t.Errorf("%s: %s: a distribution wants a percentile, and nothing else does", title, m[2])
			}
		}
	}
	for _, m := range read[logging.LogMetric](t, Metrics) {
		if !shown[m.MetricDescriptor.Type] && !shown["logging.googleapis.com/user/"+m.Name] {
			t.Errorf("no chart shows %s", m.Name)
		}
	}
	if len(shown) < 10 {
		t.Errorf("%d metrics are shown", len(shown))
	}
}

// known finds a metric of Google's or of ours. What is counted is of what its log
// entries are of: the record is global, a log line is of the service.
func known(t *testing.T, metric string) (builtIn, bool) {
	t.Helper()
	if is, ok := builtIns[metric]; ok {
		return is, true
	}
	for _, m := range read[logging.LogMetric](t, Metrics) {
		if metric != "logging.googleapis.com/user/"+m.Name {
			continue
		}
		is := builtIn{resource: "global"}
		if strings.HasPrefix(m.Filter, `resource.type="cloud_run_revision" `) {
			is.resource = "cloud_run_revision"
		}
		for _, l := range m.MetricDescriptor.Labels {
			is.labels = append(is.labels, l.Key)
		}
		return is, true
	}
	return builtIn{}, false
}

// TestDashboard holds what Cloud Monitoring wants of a dashboard
// (https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards):
// tiles within the columns that lie on no other, and filters that it can read.
func TestDashboard(t *testing.T) {
	d := dashboard(t)
	if d.Name != "projects/ops/dashboards/pullfix" || d.DisplayName != "pullfix" {
		t.Errorf("got %q, %q", d.Name, d.DisplayName)
	}
	taken, panels := map[[2]int64]bool{}, 0
	for _, tile := range d.MosaicLayout.Tiles {
		if tile.XPos+tile.Width > d.MosaicLayout.Columns || tile.Width < 1 || tile.Height < 1 {
			t.Errorf("%q: %d wide at %d, of %d columns", tile.Widget.Title, tile.Width, tile.XPos, d.MosaicLayout.Columns)
		}
		for x := range tile.Width {
			for y := range tile.Height {
				at := [2]int64{tile.XPos + x, tile.YPos + y}
				if taken[at] {
					t.Errorf("%q lies on another tile", tile.Widget.Title)
				}
				taken[at] = true
			}
		}
		if p := tile.Widget.LogsPanel; p != nil {
			panels++
			if _, err := emulator.ParseFilter(p.Filter); err != nil || !slices.Equal(p.ResourceNames, []string{"projects/ops"}) {
				t.Errorf("%q: %v, of %q", tile.Widget.Title, err, p.ResourceNames)
			}
		}
		if text := tile.Widget.Text; text != nil && !strings.Contains(text.Content, "docs/operations.md#what-to-watch") {
			t.Errorf("the text does not lead to what the charts answer: %s", text.Content)
		}
	}
	if panels == 0 {
		t.Error("no panel shows logs")
	}
}

// TestWhatToWatch wants the page for who runs pullfix to say what each chart
// answers, and what to do on each alert.
func TestWhatToWatch(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for title := range charts(t) {
		if !strings.Contains(string(text), "\n| "+title+" | ") {
			t.Errorf("docs/operations.md does not say what the chart %q answers", title)
		}
	}
	for name := range alertPolicies(t) {
		if !strings.Contains(string(text), "\n| `"+name+"` | ") {
			t.Errorf("docs/operations.md does not say what to do on the alert %q", name)
		}
	}
	for name := range read[logging.LogMetric](t, Metrics) {
		for _, l := range read[logging.LogMetric](t, Metrics)[name].MetricDescriptor.Labels {
			if l.Key != "what" && !strings.Contains(string(text), "`"+l.Key+"`") {
				t.Errorf("docs/operations.md does not name the label %q", l.Key)
			}
		}
	}
}

// TestConditionsAreCounted holds the figures of the page on costs.
func TestConditionsAreCounted(t *testing.T) {
	policies, conditions, all := 0, 0, 0
	documents, err := Watch{Project: "ops"}.Documents(Alerts)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		n := len(d.Fields["conditions"].([]any))
		all += n
		if d.Lacks == "" {
			policies++
			conditions += n
		}
	}
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	want := fmt.Sprintf("makes %s with %s conditions, and with `--deployer` %s with %s.", words[policies], words[conditions], words[len(documents)], words[all])
	text, err := os.ReadFile("../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), want) {
		t.Errorf("docs/scale.md does not say %q", want)
	}
}

func TestWatchRefuses(t *testing.T) {
	for want, w := range map[string]Watch{
		`project "": want the id`:               {},
		`project "Ops": want the id`:            {Project: "Ops"},
		`deployer "me": want the e-mail`:        {Project: "ops", Deployer: "me"},
		`deployer "a@b\" OR \"": want`:          {Project: "ops", Deployer: `a@b" OR "`},
		`channel "1": want it as "projects/`:    {Project: "ops", Channels: []string{"1"}},
		`channel "projects/ops/notif": want it`: {Project: "ops", Channels: []string{"projects/ops/notif"}},
	} {
		if _, err := w.Documents(Alerts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", w, err, want)
		}
	}
	if _, err := someone.Documents("charts"); err == nil || !strings.Contains(err.Error(), `"charts": want metrics`) {
		t.Errorf("got %v", err)
	}
}

// TestWatchFills wants placeholders to be gone, channels to be those that are
// named, and what a deployer is missing for to be said.
func TestWatchFills(t *testing.T) {
	for _, kind := range []string{Metrics, Alerts, Dashboards} {
		for _, w := range []Watch{someone, {Project: "ops"}} {
			all, err := w.Documents(kind)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range all {
				if left := regexp.MustCompile(`PULLFIX_[A-Z]+|NOTIFICATION_CHANNEL`).FindString(string(marshal(d.Fields))); left != "" {
					t.Errorf("%s: %s is left", d.File, left)
				}
				_, tells := d.Fields["notificationChannels"]
				if wants := len(w.Channels) > 0 && kind == Alerts; tells != wants {
					t.Errorf("%s: tells somebody %t, want %t", d.File, tells, wants)
				}
				if lacks := w.Deployer == "" && (d.File == "deployment" || d.File == "rights"); (d.Lacks == "deployer") != lacks {
					t.Errorf("%s: lacks %q", d.File, d.Lacks)
				}
			}
		}
	}
}

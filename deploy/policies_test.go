package deploy

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/monitoring/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// client has connections of its own: a test server that closes would also close
// those of [http.DefaultClient].
var client = &http.Client{Transport: &http.Transport{}}

// filled are the values that the placeholders of the files get here.
var filled = map[string]string{
	"PULLFIX_PROJECT":      "ops",
	"PULLFIX_ACCOUNT":      "pullfix@ops.iam.gserviceaccount.com",
	"PULLFIX_DEPLOYER":     "deployer@ops.iam.gserviceaccount.com",
	"PULLFIX_TARGET":       "shared-images",
	"PULLFIX_ORGANIZATION": "123456789012",
	"NOTIFICATION_CHANNEL": "projects/ops/notificationChannels/1",
}

// placeholders matches what a file would want filled in.
var placeholders = regexp.MustCompile(`\b[A-Z]+_[A-Z_]+[A-Z]\b`)

// fill puts values in the place of placeholders, as sed does in the documented
// commands.
func fill(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return placeholders.ReplaceAllFunc(text, func(name []byte) []byte {
		if value, ok := filled[string(name)]; ok {
			return []byte(value)
		}
		return name
	})
}

// alertPolicies returns the alerts by the name of their file, with placeholders
// filled in.
func alertPolicies(t *testing.T) map[string]*monitoring.AlertPolicy {
	t.Helper()
	paths, err := filepath.Glob("monitoring/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no alerts", err)
	}
	all := map[string]*monitoring.AlertPolicy{}
	for _, path := range paths {
		p := new(monitoring.AlertPolicy)
		strict(t, path, fill(t, path), p)
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = p
	}
	return all
}

// strict decodes one JSON value of which each key is known.
func strict(t *testing.T, path string, text []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if d.More() {
		t.Fatalf("%s: want one value", path)
	}
}

// metrics are what the alerts look at, and of what: from the lists of Google
// (https://cloud.google.com/monitoring/api/metrics_gcp).
var metrics = map[string]string{
	"pubsub.googleapis.com/subscription/num_undelivered_messages":   "pubsub_subscription",
	"pubsub.googleapis.com/subscription/oldest_unacked_message_age": "pubsub_subscription",
	"pubsub.googleapis.com/subscription/push_request_count":         "pubsub_subscription",
	"logging.googleapis.com/exports/error_count":                    "logging_sink",
}

var metricOf = regexp.MustCompile(`^resource\.type="([a-z_]+)" AND resource\.labels\.[a-z_]+=\S.* AND metric\.type="([^"]+)"`)

// TestAlertPolicies holds what Cloud Monitoring wants of a policy
// (https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies).
func TestAlertPolicies(t *testing.T) {
	for name, p := range alertPolicies(t) {
		if !strings.HasPrefix(p.DisplayName, "pullfix: ") || p.Combiner != "OR" || !p.Enabled || len(p.Conditions) == 0 {
			t.Errorf("%s: got %q, combiner %q, enabled %t", name, p.DisplayName, p.Combiner, p.Enabled)
		}
		if p.Documentation == nil || p.Documentation.Content == "" || len(p.Documentation.Content) > 8<<10 {
			t.Errorf("%s: want some 8 KB at most of what to do", name)
		}
		if p.AlertStrategy == nil || !slices.Equal(p.NotificationChannels, []string{filled["NOTIFICATION_CHANNEL"]}) {
			t.Errorf("%s: want a strategy and the channel, got %q", name, p.NotificationChannels)
		}
		if !slices.Contains([]string{"CRITICAL", "ERROR", "WARNING"}, p.Severity) || p.UserLabels["pullfix"] != "alert" {
			t.Errorf("%s: severity %q, labels %q", name, p.Severity, p.UserLabels)
		}
		for _, c := range p.Conditions {
			switch {
			case c.ConditionMatchedLog != nil && len(p.Conditions) == 1:
				if p.AlertStrategy.NotificationRateLimit == nil {
					t.Errorf("%s: an alert on the log needs notificationRateLimit", name)
				}
			case c.ConditionThreshold != nil:
				checkThreshold(t, name, c.ConditionThreshold)
			default:
				t.Errorf("%s: want a threshold, or the log alone", name)
			}
		}
	}
}

// page matches a link from an alert to a section of a page.
var page = regexp.MustCompile(`https://github\.com/pullfix/pullfix/blob/main/(docs/[a-z]+\.md)#([a-z-]+)\)`)

// TestAlertsLeadSomewhere wants every link in an alert to lead to a heading.
func TestAlertsLeadSomewhere(t *testing.T) {
	found := 0
	for name, p := range alertPolicies(t) {
		for _, m := range page.FindAllStringSubmatch(p.Documentation.Content, -1) {
			found++
			text, err := os.ReadFile(filepath.Join("..", m[1]))
			if err != nil {
				t.Fatal(err)
			}
			heading := "\n## " + strings.ReplaceAll(m[2], "-", " ") + "\n"
			if !strings.Contains(strings.ToLower(string(text)), heading) {
				t.Errorf("%s: %s has no heading for %q", name, m[1], m[2])
			}
		}
	}
	if found == 0 {
		t.Error("no alert has a link")
	}
}

func checkThreshold(t *testing.T, name string, c *monitoring.MetricThreshold) {
	t.Helper()
	for _, filter := range []string{c.Filter, c.DenominatorFilter} {
		if filter == "" {
			continue
		}
		if m := metricOf.FindStringSubmatch(filter); len(m) != 3 || metrics[m[2]] != m[1] {
			t.Errorf("%s: filter %s: want the resource and the metric of one of %q", name, filter, slices.Sorted(maps.Keys(metrics)))
		}
	}
	if c.Comparison != "COMPARISON_GT" || len(c.Aggregations) != 1 || (c.DenominatorFilter == "") != (len(c.DenominatorAggregations) == 0) {
		t.Errorf("%s: got comparison %q and %d aggregations", name, c.Comparison, len(c.Aggregations))
	}
}

// TestPlaceholders wants every placeholder to be one that the pages tell to
// fill in, and none to be left.
func TestPlaceholders(t *testing.T) {
	paths, err := filepath.Glob("*/*")
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"REMOVE", "OR"}
	for _, path := range paths {
		if !strings.HasPrefix(path, "monitoring/") && !strings.HasPrefix(path, "org-policy/") {
			continue
		}
		for _, name := range placeholders.FindAllString(string(fill(t, path)), -1) {
			if !strings.HasPrefix(name, "COMPARISON_") && !strings.HasPrefix(name, "ALIGN_") && !strings.HasPrefix(name, "REDUCE_") && !slices.Contains(known, name) {
				t.Errorf("%s: %s is no placeholder: want one of %q", path, name, slices.Sorted(maps.Keys(filled)))
			}
		}
	}
}

// sample is a log entry, and the alerts that it fires.
type sample struct {
	name  string
	entry []byte
	fires []string
}

// unlike matches a comparison that a list meets where one element meets it, or
// where all do: Google does not say which. The alerts must not depend on it.
var unlike = regexp.MustCompile(`(\S+)!~("[^"]*")`)

// logFilters returns the filters of the alerts on the log, by their names.
func logFilters(t *testing.T, read func(filter string) string) map[string]*emulator.Filter {
	t.Helper()
	filters := map[string]*emulator.Filter{}
	for name, p := range alertPolicies(t) {
		if c := p.Conditions[0].ConditionMatchedLog; c != nil {
			f, err := emulator.ParseFilter(read(c.Filter))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			filters[name] = f
		}
	}
	return filters
}

// TestAlertsFire holds every entry against every alert on the log.
func TestAlertsFire(t *testing.T) {
	filters := logFilters(t, func(filter string) string { return filter })
	readings := logFilters(t, func(filter string) string { return unlike.ReplaceAllString(filter, "NOT $1=~$2") })
	silent := maps.Clone(filters)
	for _, s := range slices.Concat(changesOfPolicies(t), changesOfTheDeployment(), writesThatFailed(), ownEntries(t)) {
		var fired []string
		for name, f := range filters {
			matches, err := f.Matches(s.entry)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if matches {
				fired = append(fired, name)
				delete(silent, name)
			}
			if other, err := readings[name].Matches(s.entry); err != nil || other != matches {
				t.Errorf("%s: %s: fires %t, and %t in the other reading: %v", s.name, name, matches, other, err)
			}
		}
		slices.Sort(fired)
		slices.Sort(s.fires)
		if diff := cmp.Diff(s.fires, fired); diff != "" {
			t.Errorf("%s -want +got\n%s%s", s.name, diff, s.entry)
		}
	}
	if len(silent) > 0 {
		t.Errorf("no entry fires %q", slices.Sorted(maps.Keys(silent)))
	}
}

const (
	apps     = "projects/shared-images/locations/us-central1/repositories/apps"
	password = "projects/shared-images/secrets/password"
	service  = "projects/shared-images/locations/us-central1/services/web"
	agent    = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	web      = "serviceAccount:web@app-one.iam.gserviceaccount.com"
	person   = "ann@example.com"
)

// changesOfPolicies are the entries of policies that were really changed in the
// local Google Cloud.
func changesOfPolicies(t *testing.T) []sample {
	t.Helper()
	pullfix, deployer := filled["PULLFIX_ACCOUNT"], filled["PULLFIX_DEPLOYER"]
	self := "serviceAccount:" + pullfix
	role := "projects/shared-images/roles/pullfixGrantRepository"
	bound := map[string][]string{role: {"user:" + person}}
	stolen, moved := []string{"own-account"}, []string{"rights"}
	var all []sample
	for _, c := range []struct {
		name, caller, resource string
		before, after          map[string][]string // members by role
		fires                  []string
	}{
		{"a grant on a repository", pullfix, apps, nil, map[string][]string{"roles/artifactregistry.reader": {agent}}, nil},
		{"a grant beside others", pullfix, apps, map[string][]string{"roles/artifactregistry.reader": {"user:" + person}}, map[string][]string{"roles/artifactregistry.reader": {"user:" + person, agent}}, nil},
		{"a grant of the writer", pullfix, apps, nil, map[string][]string{"roles/artifactregistry.writer": {agent}}, nil},
		{"a grant on a secret", pullfix, password, nil, map[string][]string{"roles/secretmanager.secretAccessor": {agent}}, nil},
		{"a grant on a service", pullfix, service, nil, map[string][]string{"roles/run.invoker": {agent}}, nil},
		{"an undo by a person", person, apps, map[string][]string{"roles/artifactregistry.reader": {agent}}, nil, nil},
		{"a person's own grant", person, apps, nil, map[string][]string{"roles/artifactregistry.admin": {"user:" + person}}, nil},
		{"the deployer binds", deployer, apps, bound, map[string][]string{role: {"user:" + person, self}}, nil},

		{"another role", pullfix, apps, nil, map[string][]string{"roles/artifactregistry.repoAdmin": {agent}}, stolen},
		{"another role beside a grant", pullfix, apps, nil, map[string][]string{"roles/artifactregistry.reader": {agent}, "roles/artifactregistry.admin": {agent}}, stolen},
		{"a person gets it", pullfix, apps, nil, map[string][]string{"roles/artifactregistry.reader": {"user:" + person}}, stolen},
		{"a person gets it beside a grant", pullfix, apps, nil, map[string][]string{"roles/artifactregistry.reader": {agent, "user:" + person}}, stolen},
		{"everybody gets it", pullfix, service, nil, map[string][]string{"roles/run.invoker": {agent, "allUsers"}}, stolen},
		{"somebody loses it", pullfix, apps, map[string][]string{"roles/artifactregistry.reader": {agent, "group:dev@example.com"}}, map[string][]string{"roles/artifactregistry.reader": {agent}}, stolen},
		{"somebody loses it beside a grant", pullfix, apps, map[string][]string{"roles/artifactregistry.reader": {"group:dev@example.com"}}, map[string][]string{"roles/artifactregistry.reader": {agent}}, stolen},
		{"an account loses it beside a grant", pullfix, apps, map[string][]string{"roles/artifactregistry.reader": {web}}, map[string][]string{"roles/artifactregistry.reader": {agent}}, stolen},
		{"a harmless role", pullfix, service, nil, map[string][]string{"roles/run.viewer": {agent}}, stolen},
		{"on an account", pullfix, "projects/ops/serviceAccounts/web@ops.iam.gserviceaccount.com", nil, map[string][]string{"roles/iam.serviceAccountUser": {agent}}, stolen},
		{"on a project", pullfix, "projects/shared-images", nil, map[string][]string{"roles/artifactregistry.reader": {agent}}, stolen},
		{"a role of pullfix's for another account", pullfix, apps, bound, map[string][]string{role: {"user:" + person, agent}}, []string{"own-account", "rights"}},
		{"the right to change a policy, by a person", person, apps, bound, map[string][]string{role: {"user:" + person, "user:bob@example.com"}}, moved},
		{"more for pullfix, by a person", person, apps, nil, map[string][]string{"roles/artifactregistry.admin": {self}}, moved},
	} {
		all = append(all, sample{c.name, changed(t, c.caller, c.resource, c.before, c.after), c.fires})
	}
	return all
}

// binding is a role and who has it, as in a policy.
type binding struct {
	Role    string   `json:"role"`
	Members []string `json:"members"`
}

func bindings(members map[string][]string) (all []binding) {
	for _, role := range slices.Sorted(maps.Keys(members)) {
		all = append(all, binding{role, members[role]})
	}
	return all
}

// changed changes a policy as the caller, and returns the entry of that.
func changed(t *testing.T, caller, resource string, before, after map[string][]string) []byte {
	t.Helper()
	parts := strings.Split(resource, "/")
	seed := object{"projects": []object{{"id": parts[1], "number": 222222222222}}, "caller": caller}
	if len(parts) > 2 {
		seed[parts[len(parts)-2]] = []object{{"name": resource, "policy": object{"bindings": bindings(before)}}}
	}
	cloud, address := emulatortest.Start(t, string(marshal(seed)))
	url, method := "http://"+address+"/v1/"+resource, http.MethodGet
	switch {
	case strings.Contains(resource, "/services/"):
		url = "http://" + address + "/v2/" + resource
	case strings.Contains(resource, "/serviceAccounts/") || len(parts) == 2:
		method = http.MethodPost
	}
	var policy struct {
		Bindings []binding `json:"bindings"`
		Etag     string    `json:"etag"`
	}
	call(t, method, url+":getIamPolicy", nil, &policy)
	policy.Bindings = bindings(after)
	call(t, http.MethodPost, url+":setIamPolicy", object{"policy": policy}, &policy)
	entries := cloud.Entries()
	text, err := protojson.Marshal(entries[len(entries)-1])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func call(t *testing.T, method, url string, send, receive any) {
	t.Helper()
	body, err := json.Marshal(send)
	if err != nil {
		t.Fatal(err)
	}
	if send == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	if err := json.NewDecoder(resp.Body).Decode(receive); err != nil {
		t.Fatal(err)
	}
}

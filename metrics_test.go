package pullfix

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// logMetric is a metric of deploy/metrics, which counts log entries.
type logMetric struct {
	filter *emulator.Filter
	labels map[string]string // what extracts them
}

func logMetrics(t *testing.T) map[string]logMetric {
	t.Helper()
	documents, err := deploy.Watch{Project: "ops"}.Documents(deploy.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]logMetric{}
	for _, d := range documents {
		m := logMetric{labels: map[string]string{}}
		if m.filter, err = emulator.ParseFilter(d.Fields["filter"].(string)); err != nil {
			t.Fatal(err)
		}
		extractors, _ := d.Fields["labelExtractors"].(map[string]any)
		for label, extractor := range extractors {
			m.labels[label] = extractor.(string)
		}
		all[d.File] = m
	}
	return all
}

var extractor = regexp.MustCompile(`^(REGEXP_)?EXTRACT\(([A-Za-z.]+)(?:, "(.*)")?\)$`)

// extract does what Cloud Logging does with an extractor
// (https://cloud.google.com/logging/docs/logs-based-metrics/labels).
func extract(t *testing.T, how string, entry any) string {
	t.Helper()
	m := extractor.FindStringSubmatch(how)
	if m == nil {
		t.Fatalf("extractor %q: want EXTRACT(field) or REGEXP_EXTRACT(field, \"pattern\")", how)
	}
	for field := range strings.SplitSeq(m[2], ".") {
		entry = entry.(map[string]any)[field]
	}
	text, _ := entry.(string)
	if m[1] == "" {
		return text
	}
	found := regexp.MustCompile(m[3]).FindStringSubmatch(text)
	if len(found) != 2 {
		return ""
	}
	return found[1]
}

// counted returns how often the entries are counted, by metric and labels.
func counted(t *testing.T, entries [][]byte) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for name, m := range logMetrics(t) {
		for _, text := range entries {
			matches, err := m.filter.Matches(text)
			if err != nil {
				t.Fatal(err)
			}
			if !matches {
				continue
			}
			var entry any
			if err := json.Unmarshal(text, &entry); err != nil {
				t.Fatal(err)
			}
			var labels []string
			for _, label := range slices.Sorted(maps.Keys(m.labels)) {
				labels = append(labels, label+"="+extract(t, m.labels[label], entry))
			}
			counts[name+" "+strings.Join(labels, " ")]++
		}
	}
	return counts
}

// stdout is a line of the function as Cloud Run hands it to Cloud Logging: some
// fields become those of the entry
// (https://cloud.google.com/logging/docs/structured-logging).
func stdout(t *testing.T, line string) (entry []byte, fields map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatal(err)
	}
	payload := maps.Clone(fields)
	delete(payload, "severity")
	delete(payload, "time")
	entry, err := json.Marshal(map[string]any{
		"logName": "projects/ops/logs/run.googleapis.com%2Fstdout", "timestamp": fields["time"], "severity": fields["severity"],
		"resource":    map[string]any{"type": "cloud_run_revision", "labels": map[string]any{"service_name": "pullfix", "project_id": "ops"}},
		"jsonPayload": payload,
	})
	if err != nil {
		t.Fatal(err)
	}
	return entry, fields
}

// checkMetrics holds the metrics against all that is in the log of a story:
// what the function wrote, and what Google Cloud wrote about it.
func (s *stage) checkMetrics(t *testing.T) {
	t.Helper()
	var entries [][]byte
	want := map[string]int{}
	for _, e := range s.cloud.Entries() {
		text, err := protojson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, text)
		if e.GetLogName() == "projects/ops/logs/"+audit.LogID {
			payload, err := e.GetJsonPayload().MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			var r audit.Record
			if err := json.Unmarshal(payload, &r); err != nil {
				t.Fatal(err)
			}
			wantOfRecord(want, r)
		}
	}
	for line := range strings.Lines(s.log.String()) {
		entry, fields := stdout(t, line)
		entries = append(entries, entry)
		wantOfLine(want, fields)
	}
	if diff := gocmp.Diff(want, counted(t, entries)); diff != "" {
		t.Errorf("what the metrics count (-want +got):\n%s", diff)
	}
}

func wantOfRecord(want map[string]int, r audit.Record) {
	what, _, stops := strings.Cut(r.Event, "-")
	stops = stops && r.Log == "" && r.Kind == "" && slices.Contains([]string{"trip", "pause", "rearm"}, what)
	switch {
	case stops:
		want["stops what="+what]++
	case r.Outcome == audit.OutcomeUndone:
		want["undone "]++
	case r.Cause == audit.CauseUndo, r.Phase == audit.PhaseIntent, r.Phase == audit.PhaseNotice:
	default:
		want[fmt.Sprintf("decisions cause=%s kind=%s outcome=%s verdict=%s", r.Cause, r.Kind, r.Outcome, r.Verdict)]++
	}
}

// unsaid are the beginnings of the lines that stand in for a message.
var unsaid = regexp.MustCompile(`^(it is not known whether somebody was told|channel ".*" was not told|channel ".*" could not be told)`)

func wantOfLine(want map[string]int, fields map[string]any) {
	severity, channel := fields["severity"].(string), fields["channel"]
	switch message := fields["message"].(string); {
	case unsaid.MatchString(message):
		want[fmt.Sprintf("untold channel=%s", channel)]++
	case message == "the event must come again", message == "the ledger could not note that somebody was told":
	case severity != "INFO":
		want[fmt.Sprintf("alerts cause=%s kind=%s severity=%s", fields["cause"], fields["kind"], severity)]++
	}
}

// TestMetricsOfCommands holds the metrics against what the commands record: that
// grants were stopped or taken back is no decision of the function.
func TestMetricsOfCommands(t *testing.T) {
	t.Parallel()
	cloud, address := emulatortest.Start(t, "projects: [{id: ops, number: 1}]\n")
	book, err := audit.OpenCloud(t.Context(), "ops", emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	act := audit.Record{Event: "1", Log: "projects/app-one/logs/x", Kind: "run-image", Verdict: "grant", At: now}
	for _, change := range []func(*audit.Record){
		func(r *audit.Record) { r.Phase = audit.PhaseIntent },
		func(r *audit.Record) { r.Phase, r.Outcome = audit.PhaseResult, audit.OutcomeApplied },
		func(r *audit.Record) { r.Phase, r.Cause = audit.PhaseIntent, audit.CauseUndo },
		func(r *audit.Record) {
			r.Phase, r.Cause, r.Outcome = audit.PhaseResult, audit.CauseUndo, audit.OutcomeRefused
		},
		func(r *audit.Record) {
			r.Phase, r.Cause, r.Outcome = audit.PhaseResult, audit.CauseUndo, audit.OutcomeUndone
		},
		func(r *audit.Record) {
			*r = audit.Record{Phase: audit.PhaseDecision, Event: "pause-0-2026-03-04T05:10:00Z", At: now, Verdict: "alert", Cause: "paused"}
		},
		func(r *audit.Record) {
			*r = audit.Record{Phase: audit.PhaseDecision, Event: "rearm-0-2026-03-04T05:10:00Z", At: now, Verdict: "alert", Cause: "rearmed"}
		},
	} {
		r := act
		change(&r)
		if err := book.Write(context.WithoutCancel(t.Context()), r); err != nil {
			t.Fatal(err)
		}
	}
	var entries [][]byte
	for _, e := range cloud.Entries() {
		text, err := protojson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, text)
	}
	want := map[string]int{
		"decisions cause= kind=run-image outcome=applied verdict=grant": 1, "undone ": 1, "stops what=pause": 1, "stops what=rearm": 1,
	}
	if diff := gocmp.Diff(want, counted(t, entries)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

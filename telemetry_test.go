package pullfix

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/internal/telemetry/telemetrytest"
)

const (
	eventTrace   = "0af7651916cd43dd8448eb211c80319c"
	eventParent  = "00-" + eventTrace + "-b7ad6b7169203331-01"
	requestTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	requestSpan  = "00f067aa0ba902b7"
)

var ofRequest = map[string]string{"Traceparent": "00-" + requestTrace + "-" + requestSpan + "-01"}

// measuredStage is a stage whose telemetry goes to a collector at the end of
// each request, or so many milliseconds after the last time.
func measuredStage(t *testing.T, story *txtar.Archive, collector, every string) *stage {
	t.Helper()
	more := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_BSP_SCHEDULE_DELAY": every, "OTEL_METRIC_EXPORT_INTERVAL": every}
	for name, value := range more {
		t.Setenv(name, value)
	}
	cloud, address := emulatortest.Start(t, section(story, "seed.yaml"))
	return stageWith(t, story, cloud, address, more)
}

// sendWith sends an entry with more headers.
func (s *stage) sendWith(t *testing.T, number, envelope string, entry []byte, more map[string]string) int {
	t.Helper()
	headers, body, ok := wrap(number, envelope, entry)
	if !ok {
		t.Fatalf("no envelope %q", envelope)
	}
	maps.Copy(headers, more)
	return s.post(t, headers, body)
}

// TestTelemetry holds what a collector is sent about a mixed run: a grant whose
// first write meets a conflict, the same event again, an alert, an entry that
// cannot be read, and one that is no denial.
func TestTelemetry(t *testing.T) {
	collector := telemetrytest.Start(t)
	story, entry := load(t, "granted")
	_, boring := load(t, "success")
	story = withSeed(story, "faults:\n  - {method: SetIamPolicy, code: ABORTED, times: 1}\n")
	s := measuredStage(t, story, collector.URL, "1")
	other := bytes.ReplaceAll(bytes.ReplaceAll(entry, []byte("app-one"), []byte("sandbox-7")), []byte("111111111111"), []byte("777777777777"))
	other = bytes.ReplaceAll(other, []byte("entry-1"), []byte("entry-2"))
	for n, send := range []struct {
		envelope string
		entry    []byte
	}{{"binary", entry}, {"push", entry}, {"push", other}, {"push", []byte("{")}, {"structured", boring}} {
		if got := s.sendWith(t, fmt.Sprint(n), send.envelope, send.entry, ofRequest); got != http.StatusNoContent {
			t.Errorf("delivery %d: answered %d", n, got)
		}
	}
	if err := s.function.telemetry.Close(t.Context()); err != nil {
		t.Error(err)
	}

	t.Run("counts", func(t *testing.T) {
		for name, want := range map[string]map[string]int64{
			"pullfix.events": {
				"kind=run-image outcome=applied verdict=grant": 1, "kind=run-image verdict=alert": 1, "verdict=alert": 1,
			},
			"pullfix.delivery.duration": {"delivery.result=done": 4, "delivery.result=uninteresting": 1},
			"pullfix.alerts":            {"alert.result=sent channel=slack": 3},
			"pullfix.retries":           {"call.purpose=write rpc.response.status_code=ABORTED": 1},
			"pullfix.budget.left":       {"": 19},
		} {
			got := map[string]int64{}
			for _, p := range collector.Points(name) {
				got[words(p.Attributes)] = p.Value
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", name, diff)
			}
		}
	})
	t.Run("calls", func(t *testing.T) {
		calls, writes := s.cloud.Calls(), map[string]int64{}
		var all int64
		for _, p := range collector.Points("rpc.client.call.duration") {
			all += p.Value
			if strings.HasSuffix(p.Attributes["rpc.method"], "/SetIamPolicy") {
				writes[p.Attributes["rpc.response.status_code"]] = p.Value
			}
			if len(p.Attributes) != 3 {
				t.Errorf("a call has the attributes %v, want those of the table", p.Attributes)
			}
		}
		if writes["OK"] != 1 || writes["ABORTED"] != 1 || len(writes) != 2 {
			t.Errorf("SetIamPolicy: got %v, want one conflict and one success", writes)
		}
		var made int64
		for _, n := range calls {
			made += int64(n)
		}
		if all != made {
			t.Errorf("%d calls were measured, %d were made: %v", all, made, calls)
		}
	})
	t.Run("steps", func(t *testing.T) {
		got := map[string]bool{}
		for _, p := range collector.Points("pullfix.step.duration") {
			got[p.Attributes["pullfix.step"]] = p.Value > 0
		}
		for _, step := range telemetry.Steps() {
			if !got[string(step)] {
				t.Errorf("the step %s was not measured", step)
			}
		}
	})
	t.Run("trace", func(t *testing.T) { holdsTrace(t, collector.Spans()) })
	t.Run("names nobody", func(t *testing.T) {
		for name := range collector.Metrics() {
			for _, p := range collector.Points(name) {
				if text := words(p.Attributes); strings.Contains(text, "@") || strings.Contains(text, "entry-") || strings.Contains(text, "app-one") {
					t.Errorf("%s has attributes of no bounded number: %s", name, text)
				}
			}
		}
	})
}

// words are attributes in one line, without the name of pullfix.
func words(of telemetrytest.Attributes) string {
	var all []string
	for key, value := range of {
		all = append(all, strings.TrimPrefix(key, "pullfix.")+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// holdsTrace holds that the spans of the first delivery are one tree, from the
// request's span down to the calls.
func holdsTrace(t *testing.T, spans []*tracepb.Span) {
	t.Helper()
	byID, paths := map[string]*tracepb.Span{}, map[string]int{}
	for _, s := range spans {
		byID[string(s.GetSpanId())] = s
		if got := hex.EncodeToString(s.GetTraceId()); got != requestTrace {
			t.Errorf("%s: trace %s, want that of the request", s.GetName(), got)
		}
	}
	for _, s := range spans {
		path := s.GetName()
		for parent := byID[string(s.GetParentSpanId())]; parent != nil; parent = byID[string(parent.GetParentSpanId())] {
			path = parent.GetName() + " > " + path
		}
		paths[path]++
		if strings.HasPrefix(path, "delivery") == (s.GetName() == "delivery" && hex.EncodeToString(s.GetParentSpanId()) != requestSpan) {
			t.Errorf("%s: has the parent %x, want a span of pullfix, or of the request for a delivery", path, s.GetParentSpanId())
		}
	}
	for path, want := range map[string]int{
		"delivery": 5, "delivery > receive": 5, "delivery > parse": 4, "delivery > finding": 3, "delivery > finding > identify": 3,
		"delivery > finding > decide": 3, "delivery > finding > recall": 3, "delivery > finding > check": 3,
		"delivery > finding > reserve": 1, "delivery > finding > grant": 1, "delivery > finding > record": 4,
		"delivery > finding > tell > deliver": 2, "delivery > tell > deliver": 1,
		"delivery > finding > grant > google.iam.v1.IAMPolicy/SetIamPolicy":                              0, // Artifact Registry has a method of its own
		"delivery > finding > grant > google.devtools.artifactregistry.v1.ArtifactRegistry/SetIamPolicy": 2,
	} {
		if paths[path] != want {
			t.Errorf("%d spans %q, want %d", paths[path], path, want)
		}
	}
	if t.Failed() {
		t.Log(paths)
	}
	i := slices.IndexFunc(spans, func(s *tracepb.Span) bool { return s.GetName() == "finding" })
	want := telemetrytest.Attributes{
		"pullfix.event": "entry-1", "pullfix.kind": "run-image", "pullfix.verdict": "grant", "pullfix.outcome": "applied",
		"pullfix.rule": "apps-pull-shared-images", "pullfix.mode": "enforce",
	}
	if diff := gocmp.Diff(want, telemetrytest.Of(spans[i])); diff != "" {
		t.Errorf("the finding: -want +got\n%s", diff)
	}
}

// TestTraceOfAMessage holds that the trace of a message and of a CloudEvent come
// before that of the request, which is linked.
func TestTraceOfAMessage(t *testing.T) {
	story, entry := load(t, "success")
	attribute := fmt.Sprintf(`"message":{"attributes":{"a":"b","googclient_traceparent":%q},`, eventParent)
	for name, change := range map[string]func(headers map[string]string, body string) string{
		"message": func(_ map[string]string, body string) string {
			return strings.Replace(body, `"message":{`, attribute, 1)
		},
		"cloud event": func(h map[string]string, body string) string { h["Ce-Traceparent"] = eventParent; return body },
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.Start(t)
			s := measuredStage(t, story, collector.URL, "1")
			headers, body, _ := wrap("1", "binary", entry)
			headers["Traceparent"] = ofRequest["Traceparent"]
			if got := s.post(t, headers, change(headers, body)); got != http.StatusNoContent {
				t.Errorf("answered %d", got)
			}
			if err := s.function.telemetry.Close(t.Context()); err != nil {
				t.Error(err)
			}
			spans := collector.Spans()
			i := slices.IndexFunc(spans, func(s *tracepb.Span) bool { return s.GetName() == "delivery" })
			if i < 0 || hex.EncodeToString(spans[i].GetTraceId()) != eventTrace {
				t.Fatalf("got %v, want a delivery in the trace of the event", spans)
			}
			links := spans[i].GetLinks()
			if len(links) != 1 || hex.EncodeToString(links[0].GetTraceId()) != requestTrace {
				t.Errorf("linked to %v, want the request", links)
			}
		})
	}
}

// TestTraceInTheLog holds that the lines of an event have its trace, with and
// without a collector, and none where there is none.
func TestTraceInTheLog(t *testing.T) {
	story, entry := load(t, "granted")
	for name, test := range map[string]struct {
		measured bool
		headers  map[string]string
		trace    string
		span     string
	}{
		"off":         {headers: ofRequest, trace: "projects/ops/traces/" + requestTrace, span: requestSpan},
		"off, Google": {headers: map[string]string{"X-Cloud-Trace-Context": requestTrace + "/1;o=1"}, trace: "projects/ops/traces/" + requestTrace, span: "0000000000000001"},
		"off, none":   {},
		"on":          {measured: true, headers: ofRequest, trace: "projects/ops/traces/" + requestTrace},
	} {
		t.Run(name, func(t *testing.T) {
			s, collector := (*stage)(nil), telemetrytest.Start(t)
			if test.measured {
				s = measuredStage(t, story, collector.URL, "1")
			} else {
				s = newStage(t, story)
			}
			if got := s.sendWith(t, "1", "binary", entry, test.headers); got != http.StatusNoContent {
				t.Errorf("answered %d", got)
			}
			if err := s.function.telemetry.Close(t.Context()); err != nil {
				t.Error(err)
			}
			span := test.span
			for _, s := range collector.Spans() {
				if s.GetName() == "tell" {
					span = hex.EncodeToString(s.GetSpanId())
				}
			}
			for line := range strings.Lines(s.log.String()) {
				var got struct {
					Trace   string            `json:"logging.googleapis.com/trace"`
					Span    string            `json:"logging.googleapis.com/spanId"`
					Sampled *bool             `json:"logging.googleapis.com/trace_sampled"`
					Labels  map[string]string `json:"logging.googleapis.com/labels"`
				}
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatal(err)
				}
				if got.Trace != test.trace || got.Span != span || (got.Sampled != nil) != (test.trace != "") || got.Labels["event"] != "entry-1" {
					t.Errorf("got %+v, want trace %q and span %q in %s", got, test.trace, span, line)
				}
			}
		})
	}
}

// TestTelemetryHarmsNobody holds that events are done with while the collector
// hangs, refuses or is away.
func TestTelemetryHarmsNobody(t *testing.T) {
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hangs.Close()
	defer close(release)
	refuses := httptest.NewServer(http.NotFoundHandler())
	defer refuses.Close()
	for name, url := range map[string]string{"hangs": hangs.URL, "refuses": refuses.URL, "away": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			story, entry := load(t, "granted")
			_, boring := load(t, "success")
			s := measuredStage(t, story, url, "1")
			for n := range 200 {
				if got := s.sendWith(t, fmt.Sprint(n), "push", boring, nil); got != http.StatusNoContent {
					t.Fatalf("delivery %d: answered %d", n, got)
				}
			}
			if got := s.sendWith(t, "grant", "push", entry, nil); got != http.StatusNoContent {
				t.Errorf("answered %d", got)
			}
			if !strings.Contains(s.log.String(), "was granted") {
				t.Errorf("nothing was granted: %s", s.log)
			}
		})
	}
}

// TestNoTelemetry holds that what telemetry adds to an event costs nothing where
// nobody is told: an entry that is no denial allocates as much with a trace in
// its headers as without.
func TestNoTelemetry(t *testing.T) {
	story, entry := load(t, "success")
	s := newStage(t, story)
	cost := func(more map[string]string) float64 {
		headers, body, _ := wrap("1", "push", entry)
		return testing.AllocsPerRun(200, func() {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			for name, value := range headers {
				r.Header.Set(name, value)
			}
			for _, name := range []string{"Traceparent", "X-Cloud-Trace-Context"} {
				r.Header.Set(name, more[name])
			}
			s.function.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	without, with := cost(nil), cost(ofRequest)
	if underRace {
		t.Skip("the race detector allocates")
	}
	if with > without {
		t.Errorf("%g allocations with a trace, %g without", with, without)
	}
	if s.function.telemetry != nil || s.log.String() != "" {
		t.Errorf("got telemetry %v and the log %s, want none", s.function.telemetry, s.log)
	}
}

// TestDrain holds that what is left is sent when the process is told to end.
func TestDrain(t *testing.T) {
	collector := telemetrytest.Start(t)
	story, entry := load(t, "success")
	s := measuredStage(t, story, collector.URL, "3600000")
	for n := range 3 {
		s.sendWith(t, fmt.Sprint(n), "push", entry, nil)
	}
	end, ended := make(chan os.Signal, 1), make(chan int, 1)
	end <- syscall.SIGTERM
	s.function.drain(end, func(status int) { ended <- status })
	if got := <-ended; got != 143 {
		t.Errorf("ends with %d, want 143", got)
	}
	n := 0
	for _, span := range collector.Spans() {
		if span.GetName() == "delivery" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d deliveries were sent, want all", n)
	}
}

// TestDecidedOnce holds that redeliveries log and count a decision once, as long
// as there are not very many events meanwhile.
func TestDecidedOnce(t *testing.T) {
	var m memory
	for n := range 3 * mostRemembered {
		name := fmt.Sprint(n)
		if !m.first(name) || m.first(name) {
			t.Fatalf("%s: want it new once", name)
		}
	}
	if len(m.names) != mostRemembered || len(m.order) != mostRemembered {
		t.Errorf("%d and %d names are remembered, want %d", len(m.names), len(m.order), mostRemembered)
	}
	if m.first(fmt.Sprint(3*mostRemembered-1)) || m.first(fmt.Sprint(2*mostRemembered)) || !m.first("0") {
		t.Error("want the last to be remembered, and the first forgotten")
	}
}

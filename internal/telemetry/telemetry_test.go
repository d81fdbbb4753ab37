package telemetry

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/telemetry/telemetrytest"
)

// warnings keeps what is warned of.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) warn(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, what+": "+err.Error())
}

func (w *warnings) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// without returns what was warned of but for what the traces of another test, which
// has ended, failed with: OpenTelemetry has one handler of errors for a process.
func (w *warnings) without(url string) []string {
	return slices.DeleteFunc(w.list(), func(s string) bool {
		return strings.HasPrefix(s, "telemetry is not whole: traces") && !strings.Contains(s, url)
	})
}

// open reads the variables also as the exporters do, which ask the process.
func open(t *testing.T, env map[string]string) (*Telemetry, *warnings, error) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	w := &warnings{}
	tel, err := Open(t.Context(), func(name string) (string, bool) { v, ok := env[name]; return v, ok }, w.warn)
	return tel, w, err
}

func mustOpen(t *testing.T, env map[string]string) (*Telemetry, *warnings) {
	t.Helper()
	tel, w, err := open(t, env)
	if err != nil {
		t.Fatal(err)
	}
	return tel, w
}

// event does with the telemetry what an event does.
func event(ctx context.Context, t *Telemetry, from Origin) {
	begun := time.Now()
	t.Uninteresting(ctx, begun, from)
	ctx, delivery := t.Delivery(ctx, begun, from)
	_, step := t.Step(ctx, Check)
	step.Decided(Decision{Event: "e", Kind: "run-image", Verdict: "grant"})
	step.To("oncall")
	var err error
	step.End(ctx, &err)
	t.Count(ctx, Decision{Kind: "run-image", Verdict: "grant", Outcome: "applied"})
	t.Retry(ctx, retry.Write, errAway)
	t.Budget(3)
	t.Alert(ctx, "oncall", Sent)
	delivery.Delivered(ctx, err)
	t.Flush(ctx)
}

var errAway = errors.New("away")

// TestOff holds that nothing is made, started or allocated where no collector is
// named, or none is wanted.
func TestOff(t *testing.T) {
	collector := telemetrytest.Start(t)
	for name, env := range map[string]map[string]string{
		"nothing":    {},
		"other":      {"OTEL_SERVICE_NAME": "pullfix", "OTEL_TRACES_SAMPLER": "always_on", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
		"empty":      {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
		"disabled":   {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_SDK_DISABLED": "TRUE"},
		"no exports": {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			off, w := mustOpen(t, env)
			if off != nil {
				t.Fatal("there is telemetry, want none")
			}
			origin := Origin{Header: http.Header{"Content-Type": {"application/json"}}}
			if n := testing.AllocsPerRun(100, func() { event(context.Background(), off, origin) }); n != 0 {
				t.Errorf("an event allocates %g times, want none", n)
			}
			if err := off.Close(t.Context()); err != nil {
				t.Error(err)
			}
			for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; { // the collector has some for a moment
				if time.Now().After(end) {
					t.Fatalf("%d goroutines, there were %d", runtime.NumGoroutine(), before)
				}
				time.Sleep(time.Millisecond)
			}
			if got := w.list(); len(got) > 0 {
				t.Errorf("warned: %q", got)
			}
		})
	}
	if n := collector.Requests(); n != 0 {
		t.Errorf("the collector was sent something %d times", n)
	}
}

// TestSent holds that what is measured arrives, with what the variables say about
// the sender.
func TestSent(t *testing.T) {
	for _, protocol := range []string{"", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			collector := telemetrytest.Start(t)
			tel, w := mustOpen(t, map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
				"OTEL_SERVICE_NAME": "fixer", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
				"OTEL_EXPORTER_OTLP_HEADERS": "x-key=s%20ecret", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
			})
			event(t.Context(), tel, Origin{})
			if got := len(collector.Spans()); got == 0 {
				t.Error("the end of the first event sent no spans")
			}
			if err := tel.Close(t.Context()); err != nil {
				t.Error(err)
			}
			about := collector.Resource()
			if about["service.name"] != "fixer" || about["deployment.environment.name"] != "test" || about["service.instance.id"] == "" {
				t.Errorf("sent by %v", about)
			}
			if collector.Header().Get("X-Key") != "s ecret" {
				t.Errorf("sent with the header %v", collector.Header())
			}
			for _, of := range Instruments() {
				if of.Name == table[callTimes].Name {
					continue // there was no call
				}
				m := collector.Metrics()[of.Name]
				if m == nil || m.GetUnit() != of.Unit || m.GetDescription() != of.What {
					t.Errorf("%s: got %v, want unit %q and the description of the table", of.Name, m, of.Unit)
				}
				for _, p := range collector.Points(of.Name) {
					for key := range p.Attributes {
						if !slices.Contains(of.Attributes, key) {
							t.Errorf("%s has the attribute %s, which is not in the table", of.Name, key)
						}
					}
				}
			}
			if got := w.without(collector.URL); len(got) > 0 {
				t.Errorf("warned: %q", got)
			}
		})
	}
}

// TestOneSignal holds that each signal has its own switch.
func TestOneSignal(t *testing.T) {
	for _, test := range []struct {
		name           string
		env            func(url string) map[string]string
		spans, metrics bool
	}{
		{"traces by endpoint", func(url string) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + "/v1/traces"}
		}, true, false},
		{"metrics by endpoint", func(url string) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url + "/v1/metrics"}
		}, false, true},
		{"no traces", func(url string) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_EXPORTER": "none"}
		}, false, true},
		{"no span is sampled", func(url string) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_SAMPLER": "always_off"}
		}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			collector := telemetrytest.Start(t)
			tel, _ := mustOpen(t, test.env(collector.URL))
			event(t.Context(), tel, Origin{})
			if err := tel.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if spans, metrics := len(collector.Spans()) > 0, len(collector.Metrics()) > 0; spans != test.spans || metrics != test.metrics {
				t.Errorf("got spans %t and metrics %t, want %t and %t", spans, metrics, test.spans, test.metrics)
			}
		})
	}
}

// TestCollectorHangs holds that a collector that takes a request and never
// answers keeps no event waiting but the first, and that what waits for it is
// bounded.
func TestCollectorHangs(t *testing.T) {
	release := make(chan struct{})
	var asked counts
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.add(r.URL.Path)
		<-release
	}))
	defer server.Close()
	defer close(release)
	tel, _ := mustOpen(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_METRIC_EXPORT_INTERVAL": "1",
	})
	event(t.Context(), tel, Origin{})
	before := runtime.NumGoroutine()
	// Each of these would wait for as long as a test may take, were it to wait
	// for the collector.
	for range 20_000 {
		event(t.Context(), tel, Origin{})
	}
	if after := runtime.NumGoroutine(); after > before+10 {
		t.Errorf("%d goroutines after many events, %d after the first", after, before)
	}
	for path, n := range asked.all() {
		if n > 2 {
			t.Errorf("%s was asked %d times at once, want one at a time", path, n)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tel.Close(soon); err == nil {
		t.Error("closed without an error, and nothing was sent")
	}
}

// counts is how often each path was asked for.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[path]++
}

func (c *counts) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.of)
}

// TestCollectorRefuses holds that a collector that is not there, or refuses what
// it is sent, is warned of once, and of no secret.
func TestCollectorRefuses(t *testing.T) {
	away, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer refusing.Close()
	for name, url := range map[string]string{"away": "http://" + away.Addr().String(), "refuses": refusing.URL} {
		t.Run(name, func(t *testing.T) {
			tel, w := mustOpen(t, map[string]string{
				"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url, "OTEL_METRIC_EXPORT_INTERVAL": "1",
				"OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2", "OTEL_EXPORTER_OTLP_TIMEOUT": "200",
			})
			for len(w.list()) == 0 && t.Context().Err() == nil {
				event(t.Context(), tel, Origin{})
			}
			for range 100 {
				event(t.Context(), tel, Origin{})
			}
			soon, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := tel.Close(soon); err == nil {
				t.Error("closed without an error, and nothing was sent")
			}
			got := w.without(url)
			if len(got) != 1 || !strings.HasPrefix(got[0], "telemetry is not sent: ") || strings.Contains(got[0], "hunter2") {
				t.Errorf("warned %q, want once, without the header", got)
			}
		})
	}
}

// TestRecovers holds that a collector that comes back is waited for again.
func TestRecovers(t *testing.T) {
	fails := []error{errAway, nil, nil, errAway}
	sent := make(chan error, len(fails))
	w := &warnings{}
	p := &pulse{limit: time.Minute, warn: w.warn, export: func(context.Context) error {
		err := fails[0]
		fails = fails[1:]
		sent <- err
		return err
	}}
	for n, want := range []bool{true, false, true, true} {
		ended := p.beat()
		if (ended != nil) != want {
			t.Errorf("beat %d: waited for %t, want %t", n, ended != nil, want)
		}
		<-sent
		for p.busy() {
			runtime.Gosched()
		}
	}
	for len(w.list()) < 2 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	if got := w.list(); len(got) != 2 {
		t.Errorf("warned %q, want once for each time that it went away", got)
	}
}

func (p *pulse) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.going != nil
}

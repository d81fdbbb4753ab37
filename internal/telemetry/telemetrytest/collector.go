// Package telemetrytest has a collector for tests. What OpenTelemetry exporters
// send by HTTP over a real socket comes in; the spans and metrics go
// out as OTLP has them.
package telemetrytest

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	metricsservice "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traceservice "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector keeps what it is sent.
type Collector struct {
	URL string

	mu       sync.Mutex
	requests int
	header   http.Header
	resource Attributes
	spans    []*tracepb.Span
	metrics  map[string]*metricspb.Metric
}

// Start starts a collector.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{metrics: map[string]*metricspb.Metric{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// ServeHTTP takes what is exported by HTTP.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = plain
	}
	text, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.header = r.Header.Clone()
	c.mu.Unlock()
	switch r.URL.Path {
	case "/v1/traces":
		var request traceservice.ExportTraceServiceRequest
		if err = proto.Unmarshal(text, &request); err == nil {
			c.takeTraces(&request)
		}
	case "/v1/metrics":
		var request metricsservice.ExportMetricsServiceRequest
		if err = proto.Unmarshal(text, &request); err == nil {
			c.takeMetrics(&request)
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (c *Collector) takeTraces(r *traceservice.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	for _, of := range r.GetResourceSpans() {
		c.resource = attributes(of.GetResource().GetAttributes())
		for _, in := range of.GetScopeSpans() {
			c.spans = append(c.spans, in.GetSpans()...)
		}
	}
}

func (c *Collector) takeMetrics(r *metricsservice.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	for _, of := range r.GetResourceMetrics() {
		c.resource = attributes(of.GetResource().GetAttributes())
		for _, in := range of.GetScopeMetrics() {
			for _, m := range in.GetMetrics() {
				c.metrics[m.GetName()] = m
			}
		}
	}
}

// Requests is how often something was sent.
func (c *Collector) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// Header is that of the last request.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header
}

// Resource is what says who sends.
func (c *Collector) Resource() Attributes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Spans are all spans, in the order in which they came.
func (c *Collector) Spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*tracepb.Span(nil), c.spans...)
}

// Metrics are the metrics as they were sent last, by their names.
func (c *Collector) Metrics() map[string]*metricspb.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.metrics)
}

// Attributes are attributes by their keys, numbers as text.
type Attributes map[string]string

// Of returns the attributes of a span.
func Of(s *tracepb.Span) Attributes { return attributes(s.GetAttributes()) }

func attributes(all []*commonpb.KeyValue) Attributes {
	found := Attributes{}
	for _, a := range all {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			found[a.GetKey()] = v.StringValue
		default:
			found[a.GetKey()] = a.GetValue().String()
		}
	}
	return found
}

// Point is one series of a metric.
type Point struct {
	Attributes Attributes
	Value      int64 // of a counter or gauge; how many were measured of a histogram
}

// Points are the series of a metric, as they were sent last.
func (c *Collector) Points(name string) (points []Point) {
	m := c.Metrics()[name]
	for _, p := range m.GetSum().GetDataPoints() {
		points = append(points, Point{attributes(p.GetAttributes()), p.GetAsInt()})
	}
	for _, p := range m.GetGauge().GetDataPoints() {
		points = append(points, Point{attributes(p.GetAttributes()), p.GetAsInt()})
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		points = append(points, Point{attributes(p.GetAttributes()), int64(p.GetCount())}) //nolint:gosec // far below
	}
	return points
}

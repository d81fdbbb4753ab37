// Package telemetry tells an OpenTelemetry collector what the function does.
// Deliveries, the steps that they take and what comes of them go in; metrics and
// traces go out by OTLP, and nothing at all where no collector is named.
//
// The standard variables of OpenTelemetry decide
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables).
// Without them [Open] returns nil, and the nil [*Telemetry] measures nothing:
// each of its methods returns at once and allocates nothing.
//
// Cloud Run gives an instance no processor between requests, so nothing depends
// on a clock that ticks in the background. What is due is sent at the end of a
// request, which waits for that a moment at most, and not at all while the
// collector does not answer.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
)

// scope names what measures, in what is sent.
const scope = "github.com/pullfix/pullfix"

// Telemetry measures what the function does. Nil measures nothing.
type Telemetry struct {
	tracer      trace.Tracer
	instruments *instruments
	pulses      []*pulse
	shutdown    []func(context.Context) error
	clients     grpc.DialOption
}

// Warn tells of what is wrong with telemetry and changes nothing for the
// function.
type Warn func(what string, err error)

// Open returns what measures, nil where the variables name no collector. What
// OpenTelemetry's specification says to ignore is warned of; any other bad value
// is an error that names its variable. Nothing is called yet, but for the
// metadata server of Cloud Run.
func Open(ctx context.Context, lookup func(name string) (value string, ok bool), warn Warn) (*Telemetry, error) {
	e := environment{lookup: lookup, warn: warn}
	traces, metrics := e.signal("TRACES"), e.signal("METRICS")
	if !traces.on && !metrics.on {
		return nil, nil //nolint:nilnil // nil measures nothing
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	quiet(warn)
	about, err := e.resource(ctx)
	if err != nil {
		warn("a setting of telemetry is ignored", err)
	}
	t := &Telemetry{}
	spans, err := t.traces(ctx, e, traces, about)
	if err != nil {
		return nil, fmt.Errorf("telemetry: traces: %w", err)
	}
	meters, err := t.metrics(ctx, e, metrics, about)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("telemetry: metrics: %w", err), t.Close(ctx))
	}
	t.tracer = spans.Tracer(scope)
	if t.instruments, err = newInstruments(meters.Meter(scope)); err != nil {
		return nil, errors.Join(fmt.Errorf("telemetry: %w", err), t.Close(ctx))
	}
	// Nothing of a trace is sent to Google with a call.
	t.clients = grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(spans), otelgrpc.WithMeterProvider(meters),
		otelgrpc.WithPropagators(propagation.NewCompositeTextMapPropagator())))
	return t, nil
}

func (t *Telemetry) traces(ctx context.Context, e environment, s signal, about *resource.Resource) (trace.TracerProvider, error) {
	if !s.on {
		return tracenoop.NewTracerProvider(), nil
	}
	exporter, err := s.spanExporter(ctx)
	if err != nil {
		return nil, err
	}
	// The pulse has the rhythm: the processor's own clock would tick between
	// requests.
	const never = 24 * time.Hour
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(never)))
	t.pulses = append(t.pulses, &pulse{
		every: e.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5*time.Second), limit: e.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", 30*time.Second),
		export: provider.ForceFlush, warn: e.warn,
	})
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return provider, nil
}

func (t *Telemetry) metrics(ctx context.Context, e environment, s signal, about *resource.Resource) (metric.MeterProvider, error) {
	if !s.on {
		return metricnoop.NewMeterProvider(), nil
	}
	exporter, err := s.metricExporter(ctx)
	if err != nil {
		return nil, err
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(exporter.Temporality), sdkmetric.WithAggregationSelector(exporter.Aggregation))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(reader), sdkmetric.WithView(views()...))
	t.pulses = append(t.pulses, &pulse{
		every:  e.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", time.Minute),
		limit:  e.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", 30*time.Second),
		export: collect{reader, exporter}.export, warn: e.warn,
	})
	t.shutdown = append(t.shutdown, exporter.Shutdown)
	return provider, nil
}

// quiet keeps OpenTelemetry from writing to standard error. Its own logger would
// print the headers that it cannot read, which hold secrets; what is wrong with
// them is found before.
func quiet(warn Warn) {
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc((&seldom{warn: warn}).handle))
}

// ClientOptions are for every client of Google Cloud's whose calls are to be
// measured. Without telemetry they keep the clients from measuring for nobody.
func (t *Telemetry) ClientOptions() []option.ClientOption {
	off := option.WithTelemetryDisabled() // what the clients bring is for the providers of the process, which stay empty
	if t == nil {
		return []option.ClientOption{off}
	}
	return []option.ClientOption{off, option.WithGRPCDialOption(t.clients)}
}

// patience is how long the end of a request waits for what is due to be sent.
const patience = 500 * time.Millisecond

// Flush sends what is due, and waits for it a moment at most. While the
// collector does not answer it does not wait.
func (t *Telemetry) Flush(ctx context.Context) {
	if t == nil {
		return
	}
	var due []<-chan struct{}
	for _, p := range t.pulses {
		if ended := p.beat(); ended != nil { //nolint:contextcheck // what is sent is of many requests
			due = append(due, ended)
		}
	}
	if len(due) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, ended := range due {
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
}

// Close sends what there is and ends the exporters, or leaves it at the end of
// the context.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	var errs []error
	for _, p := range t.pulses {
		errs = append(errs, p.last(ctx))
	}
	for _, shutdown := range t.shutdown {
		errs = append(errs, shutdown(ctx))
	}
	return errors.Join(errs...)
}

package telemetry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/internal/retry"
)

// Instrument is a metric that is sent.
type Instrument struct {
	Name       string
	Kind       string // counter, histogram or gauge
	Unit       string // of UCUM
	Attributes []string
	What       string
}

// The attributes of pullfix's own. Each has few values: those of a list in the
// code, or the names of the policy's channels.
const (
	resultKey  = attribute.Key("pullfix.delivery.result")
	stepKey    = attribute.Key("pullfix.step")
	kindKey    = attribute.Key("pullfix.kind")
	verdictKey = attribute.Key("pullfix.verdict")
	outcomeKey = attribute.Key("pullfix.outcome")
	causeKey   = attribute.Key("pullfix.cause")
	ruleKey    = attribute.Key("pullfix.rule")
	modeKey    = attribute.Key("pullfix.mode")
	eventKey   = attribute.Key("pullfix.event")
	channelKey = attribute.Key("pullfix.channel")
	alertKey   = attribute.Key("pullfix.alert.result")
	purposeKey = attribute.Key("pullfix.call.purpose")
)

// The places of the instruments in their table.
const (
	deliveries = iota
	events
	stepTimes
	callTimes
	retries
	budget
	alerts
)

var table = [...]Instrument{
	deliveries: {"pullfix.delivery.duration", "histogram", "s", names(resultKey), "deliveries of events, from the first byte to the answer"},
	events:     {"pullfix.events", "counter", "{event}", names(kindKey, verdictKey, outcomeKey), "findings of events, once each is decided and recorded"},
	stepTimes:  {"pullfix.step.duration", "histogram", "s", names(stepKey, semconv.ErrorTypeKey), "steps of events"},
	callTimes: {
		"rpc.client.call.duration", "histogram", "s", names(semconv.RPCSystemNameKey, semconv.RPCMethodKey, semconv.RPCResponseStatusCodeKey),
		"calls to Google Cloud, each attempt for itself",
	},
	retries: {"pullfix.retries", "counter", "{retry}", names(purposeKey, semconv.RPCResponseStatusCodeKey), "calls that are made again, by what the last one was answered"},
	budget:  {"pullfix.budget.left", "gauge", "{grant}", nil, "grants that the budget of the hour had left when this instance last asked for one, for 5 minutes"},
	alerts:  {"pullfix.alerts", "counter", "{message}", names(channelKey, alertKey), "messages to channels"},
}

// Instruments are all metrics that are sent.
func Instruments() []Instrument { return table[:] }

func names(keys ...attribute.Key) (all []string) {
	for _, k := range keys {
		all = append(all, string(k))
	}
	return all
}

// views keep what others measure within the table: the address of a server is
// one of many.
func views() []sdkmetric.View {
	calls := table[callTimes]
	allowed := make([]attribute.Key, len(calls.Attributes))
	for n, name := range calls.Attributes {
		allowed[n] = attribute.Key(name)
	}
	return []sdkmetric.View{sdkmetric.NewView(sdkmetric.Instrument{Name: calls.Name}, sdkmetric.Stream{
		AttributeFilter: attribute.NewAllowKeysFilter(allowed...),
	})}
}

// buckets are bounds in seconds: a step takes microseconds or some calls, and an
// event may take 100 s.
var buckets = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100}

// instruments are those of the table but for the calls, which belong to another.
type instruments struct {
	deliveries, steps       metric.Float64Histogram
	events, retries, alerts metric.Int64Counter
	left                    atomic.Pointer[budgetSeen]
}

// budgetSeen is what was left of the budget, and when.
type budgetSeen struct {
	left int64
	at   time.Time
}

// budgetTime is how long what was seen of the budget is told: grants of an hour
// ago come back to it meanwhile.
const budgetTime = 5 * time.Minute

func newInstruments(m metric.Meter) (*instruments, error) {
	in, errs := &instruments{}, make([]error, 6)
	in.deliveries, errs[0] = histogram(m, deliveries)
	in.steps, errs[1] = histogram(m, stepTimes)
	in.events, errs[2] = counter(m, events)
	in.retries, errs[3] = counter(m, retries)
	in.alerts, errs[4] = counter(m, alerts)
	of := table[budget]
	_, errs[5] = m.Int64ObservableGauge(of.Name, metric.WithUnit(of.Unit), metric.WithDescription(of.What), metric.WithInt64Callback(in.observe))
	return in, errors.Join(errs...)
}

func histogram(m metric.Meter, n int) (metric.Float64Histogram, error) {
	of := table[n]
	return m.Float64Histogram(of.Name, metric.WithUnit(of.Unit), metric.WithDescription(of.What), metric.WithExplicitBucketBoundaries(buckets...))
}

func counter(m metric.Meter, n int) (metric.Int64Counter, error) {
	of := table[n]
	return m.Int64Counter(of.Name, metric.WithUnit(of.Unit), metric.WithDescription(of.What))
}

func (in *instruments) observe(_ context.Context, to metric.Int64Observer) error {
	if seen := in.left.Load(); seen != nil && time.Since(seen.at) < budgetTime {
		to.Observe(seen.left)
	}
	return nil
}

func (in *instruments) delivery(ctx context.Context, r Result, begun time.Time) {
	in.deliveries.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(resultKey.String(string(r))))
}

func (in *instruments) step(ctx context.Context, s Step, begun time.Time, err error) {
	of := []attribute.KeyValue{stepKey.String(string(s))}
	if err != nil {
		of = append(of, errorType(err))
	}
	in.steps.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(of...))
}

// Decision is what became of a finding, in the words of the record. What is not
// known is "".
type Decision struct {
	Event, Kind, Verdict, Outcome, Cause, Rule, Mode string
}

// Decided puts a decision on the span of its finding.
func (s Span) Decided(d Decision) {
	if s.t == nil {
		return
	}
	s.span.SetAttributes(known(
		eventKey.String(d.Event), kindKey.String(d.Kind), verdictKey.String(d.Verdict), outcomeKey.String(d.Outcome),
		causeKey.String(d.Cause), ruleKey.String(d.Rule), modeKey.String(d.Mode),
	)...)
}

// Count counts a decision.
func (t *Telemetry) Count(ctx context.Context, d Decision) {
	if t == nil {
		return
	}
	of := known(kindKey.String(d.Kind), verdictKey.String(d.Verdict), outcomeKey.String(d.Outcome))
	t.instruments.events.Add(ctx, 1, metric.WithAttributes(of...))
}

// known leaves out what is "".
func known(all ...attribute.KeyValue) (kept []attribute.KeyValue) {
	for _, a := range all {
		if a.Value.AsString() != "" {
			kept = append(kept, a)
		}
	}
	return kept
}

// Retry counts a call that is about to be made again after an error.
func (t *Telemetry) Retry(ctx context.Context, purpose retry.Step, err error) {
	if t == nil {
		return
	}
	t.instruments.retries.Add(ctx, 1, metric.WithAttributes(
		purposeKey.String(purpose.String()), semconv.RPCResponseStatusCode(codeName(status.Code(err)))))
}

// Budget notes how many grants the budget has left.
func (t *Telemetry) Budget(left int) {
	if t == nil {
		return
	}
	t.instruments.left.Store(&budgetSeen{int64(left), time.Now()})
}

// Alert is how the delivery of a message to a channel ends.
type Alert string

// The ways in which it ends.
const (
	Sent    Alert = "sent"
	Unsure  Alert = "unsure"  // it may have arrived
	Refused Alert = "refused" // for good
	Failed  Alert = "failed"  // for now: the event comes again
)

// Alert counts a message to a channel.
func (t *Telemetry) Alert(ctx context.Context, channel string, a Alert) {
	if t == nil {
		return
	}
	t.instruments.alerts.Add(ctx, 1, metric.WithAttributes(channelKey.String(channel), alertKey.String(string(a))))
}

// codeName is a code as OpenTelemetry's conventions have it, such as
// DEADLINE_EXCEEDED.
func codeName(c codes.Code) string { return code.Code(c).String() } //nolint:gosec // there are 17

package telemetry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/status"
)

// Step is a part of the way of an event.
type Step string

// The steps. A finding is the way of one denial that an event tells of; the
// steps below it are parts of it.
const (
	Receive  Step = "receive"  // the body is read and unpacked
	Parse    Step = "parse"    // the log entry becomes findings
	Finding  Step = "finding"  // one finding, from the entry to its end
	Identify Step = "identify" // names of projects and what holds them are looked up
	Decide   Step = "decide"   // the rules are asked
	Recall   Step = "recall"   // the ledger is asked what is known of the event
	Check    Step = "check"    // live state is read
	Reserve  Step = "reserve"  // a grant is taken out of the budget
	Record   Step = "record"   // one compliance record is written
	Grant    Step = "grant"    // one member is added to a policy
	Tell     Step = "tell"     // all channels of the finding are told
	Deliver  Step = "deliver"  // one message is sent to one channel
)

// Steps are all steps, in the order in which they begin.
func Steps() []Step {
	return []Step{Receive, Parse, Finding, Identify, Decide, Recall, Check, Reserve, Record, Grant, Tell, Deliver}
}

// Result is what becomes of a delivery.
type Result string

// The results.
const (
	Done          Result = "done"          // it is done with
	Uninteresting Result = "uninteresting" // its entry says nothing of a denial
	Again         Result = "again"         // it must come again
)

// Span is a piece of work that goes on. The zero Span measures nothing.
type Span struct {
	t     *Telemetry
	step  Step // "" for a delivery
	begun time.Time
	span  trace.Span
}

// Delivery continues the trace of a delivery that has been received since begun.
// The context has the trace also without telemetry, for the log.
func (t *Telemetry) Delivery(ctx context.Context, begun time.Time, from Origin) (context.Context, Span) {
	ctx = from.Context(ctx)
	if t == nil {
		return ctx, Span{}
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(begun),
		trace.WithAttributes(semconv.FaaSTriggerPubSub, semconv.HTTPRequestMethodPost),
	}
	if other := from.request(); other.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: other}))
	}
	ctx, span := t.tracer.Start(ctx, "delivery", options...)
	_, received := t.tracer.Start(ctx, string(Receive), trace.WithTimestamp(begun))
	received.End()
	t.instruments.step(ctx, Receive, begun, nil)
	return ctx, Span{t: t, begun: begun, span: span}
}

// Uninteresting is a delivery that is over as soon as it is received.
func (t *Telemetry) Uninteresting(ctx context.Context, begun time.Time, from Origin) {
	if t == nil {
		return
	}
	ctx, span := t.Delivery(ctx, begun, from)
	span.over(ctx, Uninteresting, http.StatusNoContent)
}

// Delivered ends the span of a delivery, which comes again where there is an
// error.
func (s Span) Delivered(ctx context.Context, err error) {
	switch {
	case s.t == nil:
	case err != nil:
		s.fail(err)
		s.over(ctx, Again, http.StatusInternalServerError)
	default:
		s.over(ctx, Done, http.StatusNoContent)
	}
}

func (s Span) over(ctx context.Context, r Result, answer int) {
	s.span.SetAttributes(resultKey.String(string(r)), semconv.HTTPResponseStatusCode(answer))
	s.span.End()
	s.t.instruments.delivery(ctx, r, s.begun)
}

// Step begins a step.
func (t *Telemetry) Step(ctx context.Context, step Step) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	begun := time.Now()
	ctx, span := t.tracer.Start(ctx, string(step), trace.WithTimestamp(begun))
	return ctx, Span{t: t, step: step, begun: begun, span: span}
}

// End ends a step, with the error that is there then. It takes a pointer so that
// it can be deferred.
func (s Span) End(ctx context.Context, err *error) { //nolint:gocritic // a pointer, as the doc says
	if s.t == nil {
		return
	}
	if *err != nil {
		s.fail(*err)
	}
	s.span.End()
	s.t.instruments.step(ctx, s.step, s.begun, *err)
}

// To says which channel a message is for.
func (s Span) To(channel string) {
	if s.t != nil {
		s.span.SetAttributes(channelKey.String(channel))
	}
}

// fail notes an error. The errors of the function hold no secrets: its log has
// them too.
func (s Span) fail(err error) {
	s.span.SetAttributes(errorType(err))
	s.span.SetStatus(codes.Error, err.Error())
}

// errorType is one of few words for an error.
func errorType(err error) attribute.KeyValue {
	switch s, ok := status.FromError(err); {
	case errors.Is(err, context.DeadlineExceeded):
		return semconv.ErrorTypeKey.String("DEADLINE_EXCEEDED")
	case errors.Is(err, context.Canceled):
		return semconv.ErrorTypeKey.String("CANCELLED")
	case ok:
		return semconv.ErrorTypeKey.String(codeName(s.Code()))
	default:
		return semconv.ErrorTypeOther
	}
}

package telemetry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Origin is the trace that a delivery belongs to, as it was told, not read yet.
type Origin struct {
	Header http.Header // of the request
	// Of the event: the attributes of its CloudEvent or of its Pub/Sub message,
	// in the form of https://www.w3.org/TR/trace-context.
	Parent, State string
}

// Context returns a context that continues the trace. The event's own comes
// first, because a request only carries the event, once for each delivery; then
// the request's, by the W3C's header and by Google's older one.
func (o Origin) Context(ctx context.Context) context.Context {
	for _, found := range [...]trace.SpanContext{
		read(o.Parent, o.State), read(o.Header.Get("Traceparent"), o.Header.Get("Tracestate")), readCloudTrace(o.Header.Get("X-Cloud-Trace-Context")),
	} {
		if found.IsValid() {
			return trace.ContextWithRemoteSpanContext(ctx, found)
		}
	}
	return ctx
}

// request is the trace of the request, where the event has one of its own.
func (o Origin) request() trace.SpanContext {
	if !read(o.Parent, o.State).IsValid() {
		return trace.SpanContext{}
	}
	o.Parent = ""
	return trace.SpanContextFromContext(o.Context(context.Background()))
}

func read(parent, state string) trace.SpanContext {
	if parent == "" {
		return trace.SpanContext{}
	}
	told := propagation.MapCarrier{"traceparent": parent, "tracestate": state}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), told))
}

// readCloudTrace reads TRACE_ID/SPAN_ID;o=OPTIONS, of which the span is a decimal
// number (https://cloud.google.com/trace/docs/trace-context).
func readCloudTrace(header string) trace.SpanContext {
	ids, options, _ := strings.Cut(header, ";")
	id, span, _ := strings.Cut(ids, "/")
	var config trace.SpanContextConfig
	if n, err := hex.Decode(config.TraceID[:], []byte(bounded(id))); err != nil || n != len(config.TraceID) {
		return trace.SpanContext{}
	}
	number, err := strconv.ParseUint(span, 10, 64)
	if err != nil {
		return trace.SpanContext{}
	}
	binary.BigEndian.PutUint64(config.SpanID[:], number)
	if options == "o=1" {
		config.TraceFlags = trace.FlagsSampled
	}
	return trace.NewSpanContext(config)
}

// bounded keeps an id that is too long from being decoded.
func bounded(id string) string {
	if len(id) != 2*len(trace.TraceID{}) {
		return ""
	}
	return id
}

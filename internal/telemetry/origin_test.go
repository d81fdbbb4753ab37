package telemetry

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// TestOrigin holds which trace is continued.
func TestOrigin(t *testing.T) {
	const (
		ofEvent   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		ofRequest = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
		ofGoogle  = "105445aa7843bc8bf206b12000100000/1;o=1"
	)
	for _, test := range []struct {
		name                   string
		event, request, google string
		trace, span            string
		sampled                bool
		linked                 string
	}{
		{name: "none"},
		{
			name: "of the event", event: ofEvent, request: ofRequest, google: ofGoogle,
			trace: "0af7651916cd43dd8448eb211c80319c", span: "b7ad6b7169203331", sampled: true, linked: "4bf92f3577b34da6a3ce929d0e0e4736",
		},
		{
			name: "of the event and Google's", event: ofEvent, google: ofGoogle,
			trace: "0af7651916cd43dd8448eb211c80319c", span: "b7ad6b7169203331", sampled: true, linked: "105445aa7843bc8bf206b12000100000",
		},
		{name: "of the request", request: ofRequest, google: ofGoogle, trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7"},
		{name: "Google's", google: ofGoogle, trace: "105445aa7843bc8bf206b12000100000", span: "0000000000000001", sampled: true},
		{
			name: "Google's, not sampled", google: "105445aa7843bc8bf206b12000100000/18446744073709551615;o=0",
			trace: "105445aa7843bc8bf206b12000100000", span: "ffffffffffffffff",
		},
		{name: "Google's without options", google: "105445aa7843bc8bf206b12000100000/7", trace: "105445aa7843bc8bf206b12000100000", span: "0000000000000007"},
		{name: "a broken one of the event", event: "00-nonsense", request: ofRequest, trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7"},
		{
			name: "a broken one of the request", request: ofEvent + "-more", google: ofGoogle,
			trace: "105445aa7843bc8bf206b12000100000", span: "0000000000000001", sampled: true,
		},
		{name: "no span", google: "105445aa7843bc8bf206b12000100000"},
		{name: "span 0", google: "105445aa7843bc8bf206b12000100000/0;o=1"},
		{name: "too long", google: "105445aa7843bc8bf206b1200010000000/1"},
		{name: "no hexadecimal", google: "x05445aa7843bc8bf206b12000100000/1"},
		{name: "trace 0", google: "00000000000000000000000000000000/1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			from := Origin{Parent: test.event, Header: http.Header{}}
			from.Header.Set("Traceparent", test.request)
			from.Header.Set("X-Cloud-Trace-Context", test.google)
			got := trace.SpanContextFromContext(from.Context(t.Context()))
			if test.trace == "" {
				if got.IsValid() {
					t.Errorf("got %v, want none", got)
				}
				return
			}
			if got.TraceID().String() != test.trace || got.SpanID().String() != test.span || got.IsSampled() != test.sampled || !got.IsRemote() {
				t.Errorf("got %s/%s sampled %t, want %s/%s sampled %t", got.TraceID(), got.SpanID(), got.IsSampled(), test.trace, test.span, test.sampled)
			}
			linked := from.request()
			if linked.IsValid() != (test.linked != "") || linked.IsValid() && linked.TraceID().String() != test.linked {
				t.Errorf("got a link to %v, want %q", linked, test.linked)
			}
		})
	}
}

// TestState holds that the state of a vendor goes on with its trace.
func TestState(t *testing.T) {
	from := Origin{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "congo=t61rcWkgMzE", Header: http.Header{}}
	if got := trace.SpanContextFromContext(from.Context(t.Context())).TraceState().Get("congo"); got != "t61rcWkgMzE" {
		t.Errorf("got the state %q", got)
	}
}

package emulator

import (
	"context"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pullfix/pullfix/emulator/admin"
)

// fault is an answer that takes the place of the real one, a few times.
type fault struct {
	method     string // "*" is any
	resource   string // "" is any
	code       codes.Code
	message    string
	after      int // calls that it lets pass first
	times      int
	afterWrite bool // the call is carried out and its answer lost
}

// gate is what every call passes, over gRPC and REST alike: it counts, delays
// and spoils.
type gate struct {
	latency   time.Duration
	canonical func(string) string
	trail     *trail

	mu     sync.Mutex
	faults []fault
	calls  map[string]int
	watch  func(Call)
	spoil  func(context.Context, Call) error
}

func newGate(seed *Seed, canonical func(string) string, trail *trail) *gate {
	return &gate{latency: seed.latency, canonical: canonical, trail: trail, faults: slices.Clone(seed.faults), calls: map[string]int{}}
}

func (g *gate) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	lost, err := g.enter(ctx, info.FullMethod, req)
	if err != nil {
		g.trail.refused(ctx, info.FullMethod, req, err)
		return nil, err
	}
	res, err := g.trail.intercept(ctx, req, info, next)
	spoilt := g.show(ctx, Call{
		Method: path.Base(info.FullMethod), Resource: g.resource(req), Reason: reasonOf(ctx), Done: true, Request: req, Answer: res, Err: err,
	})
	switch {
	case lost != nil:
		return nil, lost.Err()
	case spoilt != nil:
		return nil, spoilt
	}
	return res, err
}

// Call is a call as the local Google Cloud sees it.
type Call struct {
	Method   string // its gRPC name, without that of the service
	Resource string // what it is about, "" where the request does not say
	Reason   string // the header x-goog-request-reason, "" where there is none
	Done     bool   // it was carried out, and is about to be answered
	Request  any    // the message, nil of a stream; nobody may change it
	Answer   any    // the message of a call that is done, nil of a stream and of one that failed
	Err      error  // how a call that is done failed
}

// show has the call watched, and returns the error that is to be answered in
// its place.
func (g *gate) show(ctx context.Context, c Call) error {
	g.mu.Lock()
	watch, spoil := g.watch, g.spoil
	g.mu.Unlock()
	if watch != nil {
		watch(c)
	}
	if spoil != nil {
		return spoil(ctx, c)
	}
	return nil
}

// interceptStream lets a call pass when its one request is read. That of a
// caller who streams passes at once: it may never send one.
func (g *gate) interceptStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	s := &gatedStream{ServerStream: stream, gate: g, method: info.FullMethod}
	if info.IsClientStream {
		if err := s.enter(nil); err != nil {
			return err
		}
	}
	err := next(server, s)
	spoilt := g.show(stream.Context(), Call{Method: path.Base(info.FullMethod), Done: true, Err: err})
	switch {
	case s.lost != nil:
		return s.lost.Err()
	case spoilt != nil:
		return spoilt
	}
	return err
}

// gatedStream passes the gate with the first request.
type gatedStream struct {
	grpc.ServerStream
	gate   *gate
	method string
	passed bool
	lost   *status.Status // what takes the place of the answers, or nil
}

func (s *gatedStream) RecvMsg(req any) error {
	if err := s.ServerStream.RecvMsg(req); err != nil || s.passed {
		return err
	}
	return s.enter(req)
}

func (s *gatedStream) enter(req any) (err error) {
	s.passed = true
	s.lost, err = s.gate.enter(s.Context(), s.method, req)
	return err
}

func (s *gatedStream) SendMsg(res any) error {
	if s.lost != nil {
		return nil
	}
	return s.ServerStream.SendMsg(res)
}

// enter returns the error that refuses the call, or the status that takes the
// place of its answer after it is carried out.
func (g *gate) enter(ctx context.Context, fullMethod string, req any) (lost *status.Status, refused error) {
	method := path.Base(fullMethod)
	g.count(method)
	if err := g.show(ctx, Call{Method: method, Resource: g.resource(req), Reason: reasonOf(ctx), Request: req}); err != nil {
		return nil, err
	}
	if err := sleep(ctx, g.latency); err != nil {
		return nil, err
	}
	f, ok := g.take(method, g.resource(req))
	switch {
	case !ok:
		return nil, nil
	case f.afterWrite:
		return status.New(f.code, f.message), nil
	default:
		return nil, status.Error(f.code, f.message)
	}
}

func (g *gate) count(method string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls[method]++
}

func (g *gate) counts() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.calls)
}

// take uses up one turn of the first fault that fits.
func (g *gate) take(method, resource string) (fault, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.faults {
		f := &g.faults[i]
		fits := (f.method == "*" || f.method == method) && (f.resource == "" || g.canonical(f.resource) == resource)
		switch {
		case !fits || f.times == 0:
		case f.after > 0:
			f.after--
		default:
			f.times--
			return *f, true
		}
	}
	return fault{}, false
}

// resource is the name of what a request is about.
func (g *gate) resource(req any) string {
	if r, ok := req.(*admin.Request); ok {
		return r.Resource
	}
	m, ok := req.(proto.Message)
	if !ok {
		return ""
	}
	fields := m.ProtoReflect().Descriptor().Fields()
	for _, field := range []string{"resource", "name", "parent", "log_name", "database"} {
		if f := fields.ByTextName(field); f != nil && f.Kind() == protoreflect.StringKind && !f.IsList() {
			return g.canonical(m.ProtoReflect().Get(f).String())
		}
	}
	return ""
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

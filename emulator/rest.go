package emulator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// transcoder answers REST with the servers that answer gRPC. Its routes are
// what the services' own google.api.http annotations say.
type transcoder struct {
	intercept grpc.UnaryServerInterceptor
	routes    []*route
}

// httpPath is one way to call a method over HTTP.
type httpPath struct {
	httpMethod string
	path       string
	body       string               // the field that the body fills, "*" for the whole request, "" for none
	reshape    func(map[string]any) // turns the answer into that of an older version, or nil
}

// route leads from a path to the method of a server.
type route struct {
	httpPath
	template *template
	method   string // the full name, as gRPC writes it
	called   string // the same in the version of the API that the path is of
	request  protoreflect.MessageType
	handler  reflect.Value
}

func newTranscoder(intercept grpc.UnaryServerInterceptor, services map[protoreflect.FullName]any) *transcoder {
	t := &transcoder{intercept: intercept}
	for service, server := range services {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(service)
		described, ok := found.(protoreflect.ServiceDescriptor)
		if err != nil || !ok {
			continue // a test holds that there is none
		}
		for i := range described.Methods().Len() {
			t.addMethod(described.Methods().Get(i), server)
		}
	}
	slices.SortFunc(t.routes, func(a, b *route) int { return cmp.Compare(b.template.rank(), a.template.rank()) })
	return t
}

func (t *transcoder) addMethod(m protoreflect.MethodDescriptor, server any) {
	rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	request, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if rule == nil || err != nil || m.IsStreamingClient() || m.IsStreamingServer() {
		return
	}
	method := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	base := route{
		method:  method,
		called:  method,
		request: request,
		handler: reflect.ValueOf(server).MethodByName(string(m.Name())),
	}
	for _, rule := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		verb, path := methodAndPath(rule)
		t.add(base, httpPath{verb, path, rule.GetBody(), nil})
	}
	for _, older := range olderPaths[base.method] {
		base.called = inVersionOf(older.path, base.method)
		t.add(base, older)
	}
}

var apiVersion = lazily(`\.v[0-9]+\.`)

// inVersionOf is the name of a method in the version that the path begins with.
func inVersionOf(path, method string) string {
	version, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return apiVersion().ReplaceAllLiteralString(method, "."+version+".")
}

func (t *transcoder) add(r route, p httpPath) {
	if parsed, err := parseTemplate(p.path); err == nil {
		r.httpPath, r.template = p, parsed
		t.routes = append(t.routes, &r)
	}
}

func methodAndPath(rule *annotations.HttpRule) (method, path string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	default:
		return rule.GetCustom().GetKind(), rule.GetCustom().GetPath()
	}
}

func (t *transcoder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, fields := t.find(r)
	if route == nil {
		writeError(w, status.Errorf(codes.NotFound, "The emulator serves nothing at %s %q.", r.Method, r.URL.Path))
		return
	}
	req := route.request.New().Interface()
	if err := decodeRequest(req, route.body, http.MaxBytesReader(w, r.Body, maxRequest), r.URL.Query(), fields); err != nil {
		writeError(w, err)
		return
	}
	res, err := t.intercept(withHeaders(r.Context(), r.Header), req, &grpc.UnaryServerInfo{FullMethod: route.called}, route.call)
	if err != nil {
		writeError(w, err)
		return
	}
	route.write(w, res)
}

// withHeaders is the context of a request with its headers where those of a
// gRPC call are.
func withHeaders(ctx context.Context, headers http.Header) context.Context {
	incoming := metadata.MD{}
	for key, values := range headers {
		incoming.Append(key, values...)
	}
	return metadata.NewIncomingContext(ctx, incoming)
}

func (t *transcoder) find(r *http.Request) (*route, url.Values) {
	for _, route := range t.routes {
		if route.httpMethod != r.Method {
			continue
		}
		if fields, ok := route.template.match(r.URL.EscapedPath()); ok {
			return route, fields
		}
	}
	return nil, nil
}

func (r *route) call(ctx context.Context, req any) (any, error) {
	out := r.handler.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(req)})
	err, _ := reflect.TypeAssert[error](out[1])
	return out[0].Interface(), err
}

func (r *route) write(w http.ResponseWriter, res any) {
	answer, err := r.answer(res)
	if err != nil {
		writeError(w, status.Errorf(codes.Internal, "answer of %s: %v", r.method, err))
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (r *route) answer(res any) (any, error) {
	message, ok := res.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("want a message, found %T", res)
	}
	text, err := protojson.Marshal(message)
	if err != nil || r.reshape == nil {
		return json.RawMessage(text), err
	}
	doc, err := decodeObject(text)
	if err == nil {
		r.reshape(doc)
	}
	return doc, err
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	_, _ = w.Write(text.Bytes())
}

// writeError answers in the form that Google's REST services share.
func writeError(w http.ResponseWriter, err error) {
	type body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  string `json:"status"`
	}
	s := status.Convert(err)
	known, ok := httpCodes[s.Code()]
	if !ok {
		known = httpCodes[codes.Unknown]
	}
	writeJSON(w, known.http, map[string]body{"error": {known.http, s.Message(), known.name}})
}

// httpCodes is how google.rpc.Code maps to HTTP, and how REST spells it.
var httpCodes = map[codes.Code]struct {
	http int
	name string
}{
	codes.Canceled:           {499, "CANCELLED"},
	codes.Unknown:            {500, "UNKNOWN"},
	codes.InvalidArgument:    {400, "INVALID_ARGUMENT"},
	codes.DeadlineExceeded:   {504, "DEADLINE_EXCEEDED"},
	codes.NotFound:           {404, "NOT_FOUND"},
	codes.AlreadyExists:      {409, "ALREADY_EXISTS"},
	codes.PermissionDenied:   {403, "PERMISSION_DENIED"},
	codes.ResourceExhausted:  {429, "RESOURCE_EXHAUSTED"},
	codes.FailedPrecondition: {400, "FAILED_PRECONDITION"},
	codes.Aborted:            {409, "ABORTED"},
	codes.OutOfRange:         {400, "OUT_OF_RANGE"},
	codes.Unimplemented:      {501, "UNIMPLEMENTED"},
	codes.Internal:           {500, "INTERNAL"},
	codes.Unavailable:        {503, "UNAVAILABLE"},
	codes.DataLoss:           {500, "DATA_LOSS"},
	codes.Unauthenticated:    {401, "UNAUTHENTICATED"},
}

package emulator

import (
	"encoding/json"
	"io"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// lenient reads JSON as Google's services do: what they do not know they skip.
var lenient = protojson.UnmarshalOptions{DiscardUnknown: true}

// decodeRequest fills a request from the body, then the query, then the path.
func decodeRequest(req proto.Message, body string, text io.Reader, query, path url.Values) error {
	if body != "" {
		if err := decodeBody(req, body, text); err != nil {
			return err
		}
	}
	for _, values := range []url.Values{query, path} {
		if err := decodeValues(req, values); err != nil {
			return err
		}
	}
	return nil
}

func decodeBody(req proto.Message, field string, body io.Reader) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return invalid("The request body cannot be read: %v", err)
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil
	}
	if field != "*" {
		name, err := json.Marshal(field)
		if err != nil {
			return err
		}
		text = []byte("{" + string(name) + ":" + string(text) + "}")
	}
	if err := lenient.Unmarshal(text, req); err != nil {
		return invalid("Invalid JSON payload received. %v", err)
	}
	return nil
}

// decodeValues sets fields by their path, such as options.requestedPolicyVersion.
// Parameters that are no fields, such as alt and prettyPrint, are for the
// front end and not for the method.
func decodeValues(req proto.Message, values url.Values) error {
	doc := map[string]any{}
	for path, texts := range values {
		setValue(doc, req.ProtoReflect().Descriptor(), strings.Split(path, "."), texts)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	part := req.ProtoReflect().New().Interface()
	if err := lenient.Unmarshal(text, part); err != nil {
		return invalid("Invalid value in the URL. %v", err)
	}
	proto.Merge(req, part)
	return nil
}

func setValue(doc map[string]any, m protoreflect.MessageDescriptor, path, texts []string) {
	field := m.Fields().ByJSONName(path[0])
	if field == nil {
		field = m.Fields().ByTextName(path[0])
	}
	if field == nil || field.IsMap() {
		return
	}
	name := field.JSONName()
	if len(path) == 1 {
		doc[name] = jsonValue(field, texts)
		return
	}
	if field.Message() == nil || field.IsList() {
		return
	}
	inner, ok := doc[name].(map[string]any)
	if !ok {
		inner = map[string]any{}
		doc[name] = inner
	}
	setValue(inner, field.Message(), path[1:], texts)
}

// jsonValue is the JSON form of texts. protojson reads numbers and enums from
// strings by itself, and only asks for booleans.
func jsonValue(field protoreflect.FieldDescriptor, texts []string) any {
	var all []any
	for _, text := range texts {
		switch {
		case field.Kind() == protoreflect.BoolKind && text == "true":
			all = append(all, true)
		case field.Kind() == protoreflect.BoolKind && text == "false":
			all = append(all, false)
		default:
			all = append(all, text)
		}
	}
	if field.IsList() {
		return all
	}
	return all[len(all)-1]
}

// fromObject fills a message from its JSON.
func fromObject(doc object, m proto.Message) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return lenient.Unmarshal(text, m)
}

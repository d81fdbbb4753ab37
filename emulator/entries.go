package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	_ "google.golang.org/genproto/googleapis/cloud/audit" // an Any of an audit log must be known to be read
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// logEntry is an entry as callers get it, and in the JSON form that filters
// are about. The latter of a seeded entry is what the seed says, also where
// the message has no field for it.
type logEntry struct {
	proto *loggingpb.LogEntry
	doc   map[string]any
}

func newLogEntry(e *loggingpb.LogEntry) (*logEntry, error) {
	text, err := protojson.Marshal(e)
	if err != nil {
		return nil, invalid("The log entry cannot be read: %v", err)
	}
	doc, err := decodeObject(text)
	if err != nil {
		return nil, invalid("The log entry cannot be read: %v", err)
	}
	return &logEntry{e, doc}, nil
}

func decodeObject(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc map[string]any
	err := dec.Decode(&doc)
	return doc, err
}

// readEntries reads log entries as JSON, one after the other. An error names
// the line on which the entry begins.
func readEntries(file string, text []byte) ([]*logEntry, error) {
	var entries []*logEntry
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		rest := text[dec.InputOffset():]
		begin := len(text) - len(bytes.TrimLeft(rest, " \t\r\n"))
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		var e *logEntry
		if err == nil {
			e, err = readEntry(raw, len(entries)+1)
		}
		if err != nil {
			line := 1 + bytes.Count(text[:begin], []byte("\n"))
			return nil, fmt.Errorf("%s:%d: log entry: %w", file, line, err)
		}
		entries = append(entries, e)
	}
}

func readEntry(raw []byte, serial int) (*logEntry, error) {
	doc, err := decodeObject(raw)
	if err != nil {
		return nil, err
	}
	if doc == nil {
		return nil, errors.New("want an object, found null")
	}
	e, err := entryProto(doc)
	if err != nil {
		return nil, err
	}
	if e.InsertId == "" {
		e.InsertId = fmt.Sprintf("seed-%06d", serial)
		doc["insertId"] = e.InsertId
	}
	if e.Resource == nil {
		e.Resource = globalResource()
		doc["resource"] = map[string]any{"type": e.Resource.GetType()}
	}
	if e.Timestamp == nil {
		return nil, errors.New(`timestamp: want one, such as "2006-01-02T15:04:05Z"`)
	}
	return &logEntry{e, doc}, checkEntry(e)
}

func entryProto(doc map[string]any) (*loggingpb.LogEntry, error) {
	rest := maps.Clone(doc)
	delete(rest, "protoPayload")
	text, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	e := &loggingpb.LogEntry{}
	if err := lenient.Unmarshal(text, e); err != nil {
		return nil, err
	}
	if payload, ok := doc["protoPayload"]; ok {
		message, err := protoPayload(payload)
		if err != nil {
			return nil, fmt.Errorf("protoPayload: %w", err)
		}
		e.Payload = &loggingpb.LogEntry_ProtoPayload{ProtoPayload: message}
	}
	return e, nil
}

// protoPayload is the message that the payload names, or, where nobody here
// knows its type or one inside it, an object of the same content.
func protoPayload(payload any) (*anypb.Any, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	known := &anypb.Any{}
	if err := lenient.Unmarshal(text, known); err == nil {
		return known, nil
	}
	object := &structpb.Struct{}
	if err := protojson.Unmarshal(text, object); err != nil {
		return nil, err
	}
	return anypb.New(object)
}

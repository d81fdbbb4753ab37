package emulator

import (
	"errors"
	"fmt"

	"cloud.google.com/go/logging/apiv2/loggingpb"
)

// Filter says which log entries a sink routes, or a query finds. It is written
// in the language of Cloud Logging
// (https://cloud.google.com/logging/docs/view/logging-query-language), but for
// functions other than log_id and texts without a field, which are refused.
type Filter struct{ matches predicate }

// ParseFilter reads a filter.
func ParseFilter(text string) (*Filter, error) {
	matches, err := parseFilter(text, (*loggingpb.LogEntry)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	return &Filter{matches}, nil
}

// Matches reports whether the filter lets the log entry through, which is one
// in JSON.
func (f *Filter) Matches(entry []byte) (bool, error) {
	doc, err := decodeObject(entry)
	switch {
	case err != nil:
		return false, fmt.Errorf("log entry: %w", err)
	case doc == nil:
		return false, errors.New("log entry: want an object, found null")
	}
	return f.matches(doc), nil
}

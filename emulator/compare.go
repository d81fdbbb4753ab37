package emulator

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	ltype "google.golang.org/genproto/googleapis/logging/type"
)

// lookup returns what the path leads to. In a list it leads to every element.
func lookup(v any, path []string) []any {
	switch v := v.(type) {
	case []any:
		var all []any
		for _, element := range v {
			all = append(all, lookup(element, path)...)
		}
		return all
	case map[string]any:
		if len(path) == 0 {
			return []any{v}
		}
		if next, ok := v[path[0]]; ok {
			return lookup(next, path[1:])
		}
		return nil
	default:
		if len(path) > 0 {
			return nil
		}
		return []any{v}
	}
}

// hasDefault reports whether an absent field compares as if it were empty.
// Fields of payloads and labels are missing instead, and whatever is compared
// with a missing field, the answer is no.
func hasDefault(path []string) bool {
	switch path[0] {
	case "jsonPayload", "protoPayload", "labels":
		return false
	case "resource":
		return len(path) < 2 || path[1] != "labels"
	default:
		return true
	}
}

func comparison(path []string, op, value string) (func(any) bool, error) {
	if op == "=~" || op == "!~" {
		return compareRegexp(path, op, value)
	}
	switch strings.Join(path, ".") {
	case "severity":
		return compareSeverity(op, value)
	case "timestamp", "receiveTimestamp":
		return compareTime(op, value)
	}
	if op == ":" {
		value = strings.ToLower(value)
		return func(v any) bool { return contains(v, value) }, nil
	}
	return func(v any) bool {
		text, ok := leafText(v)
		_, isNumber := v.(json.Number)
		if (op == "=" || op == "!=") && !isNumber {
			return ok && strings.EqualFold(text, value) == (op == "=")
		}
		return ok && holds(op, compareText(text, value))
	}, nil
}

// compareRegexp finds the expression anywhere in a text, and heeds its case
// (https://cloud.google.com/logging/docs/view/logging-query-language#regular-expressions).
func compareRegexp(path []string, op, value string) (func(any) bool, error) {
	if name := path[len(path)-1]; len(path) == 1 && slices.Contains([]string{"severity", "timestamp", "receiveTimestamp"}, name) {
		return nil, fmt.Errorf("%s %s: want a field with a text", name, op)
	}
	expression, err := regexp.Compile(value)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", value, err)
	}
	return func(v any) bool {
		text, ok := v.(string)
		return ok && expression.MatchString(text) == (op == "=~")
	}, nil
}

// holds reports whether the operator accepts how a field compares to a value.
func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func compareSeverity(op, value string) (func(any) bool, error) {
	want, ok := severity(value)
	if !ok {
		return nil, fmt.Errorf("severity %q: want a name such as ERROR, or a number", value)
	}
	if op == ":" {
		op = "="
	}
	return func(v any) bool {
		text, _ := leafText(v)
		got, _ := severity(text)
		return holds(op, got-want)
	}, nil
}

func severity(text string) (int, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	n, ok := ltype.LogSeverity_value[strings.ToUpper(text)]
	return int(n), ok || text == ""
}

func compareTime(op, value string) (func(any) bool, error) {
	want, ok := parseTime(value)
	if !ok || op == ":" {
		return nil, fmt.Errorf("time %s %q: want one of = != < <= > >= and a time such as 2006-01-02T15:04:05Z", op, value)
	}
	return func(v any) bool {
		text, _ := leafText(v)
		got, ok := parseTime(text)
		return ok && holds(op, got.Compare(want))
	}, nil
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// leafText is the text of a value that is not an object.
func leafText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case nil:
		return "null", true
	default:
		return "", false
	}
}

// compareText compares as numbers where both are, else without regard to case.
func compareText(a, b string) int {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	if errA == nil && errB == nil && !math.IsNaN(x) && !math.IsNaN(y) {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// contains reports whether the lower-case text is in the value, or in anything
// below it.
func contains(v any, text string) bool {
	if m, ok := v.(map[string]any); ok {
		for _, element := range m {
			for _, leaf := range lookup(element, nil) {
				if contains(leaf, text) {
					return true
				}
			}
		}
		return false
	}
	leaf, _ := leafText(v)
	return strings.Contains(strings.ToLower(leaf), text)
}

package telemetry

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// environment reads OpenTelemetry's variables.
type environment struct {
	lookup func(string) (string, bool)
	warn   Warn
}

// get returns a value; an empty one is as if it were not set
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables).
func (e environment) get(name string) string {
	v, _ := e.lookup(name)
	return strings.TrimSpace(v)
}

// ignored warns of a value that the specification says to ignore.
func (e environment) ignored(name, want string) {
	e.warn("a setting of telemetry is ignored", fmt.Errorf("%s: %q: want %s", name, e.get(name), want))
}

// signal says where one signal goes.
type signal struct {
	on       bool
	endpoint string // as in its variable
}

const (
	otlp        = "OTEL_EXPORTER_OTLP_"
	disabled    = "OTEL_SDK_DISABLED"
	formOfBools = "true or false"
)

// signal reads what decides about one. It goes out where an endpoint is named,
// or where its exporter is.
func (e environment) signal(name string) signal {
	if e.boolean(disabled) {
		return signal{}
	}
	s := signal{endpoint: cmp.Or(e.get(otlp+name+"_ENDPOINT"), e.get(otlp+"ENDPOINT"))}
	s.on = s.endpoint != ""
	variable := "OTEL_" + name + "_EXPORTER"
	for exporter := range strings.SplitSeq(e.get(variable), ",") {
		switch strings.ToLower(strings.TrimSpace(exporter)) {
		case "":
		case "otlp":
			s.on = true
		case "none":
			s.on = false
		default:
			e.ignored(variable, "otlp or none")
		}
	}
	return s
}

// protocol is an error where it is gRPC: to send HTTP there instead would never
// arrive.
func (e environment) protocol(name string) error {
	switch v := e.get(name); v {
	case "", "http/protobuf", "http/json":
	case "grpc":
		return fmt.Errorf("%s: %q: want http/protobuf, and the port of the collector for HTTP, which is 4318 by default", name, v)
	default:
		e.ignored(name, "http/protobuf or http/json")
	}
	return nil
}

func (e environment) boolean(name string) bool {
	v := strings.ToLower(e.get(name))
	if v != "" && v != "true" && v != "false" {
		e.ignored(name, formOfBools)
	}
	return v == "true"
}

func (e environment) milliseconds(name string, otherwise time.Duration) time.Duration {
	n, err := strconv.Atoi(e.get(name))
	if err != nil || n <= 0 {
		return otherwise
	}
	return time.Duration(n) * time.Millisecond
}

// numbers are the variables that hold whole numbers.
var numbers = []string{
	"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
	"OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT",
}

// check reports what would send telemetry elsewhere than was meant, or not as
// safely: of that OpenTelemetry would only say something to its own log. It warns
// of the rest, and repeats no header: they hold secrets.
func (e environment) check() error {
	var errs []error
	all := append([]string(nil), numbers...)
	for _, of := range []string{"", "TRACES_", "METRICS_"} {
		prefix := otlp + of
		all = append(all, prefix+"TIMEOUT")
		errs = append(errs, e.endpoint(prefix+"ENDPOINT"), e.protocol(prefix+"PROTOCOL"))
		for _, file := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
			errs = append(errs, e.file(prefix+file))
		}
		errs = append(errs, e.headers(prefix+"HEADERS"))
		e.boolean(prefix + "INSECURE")
		if v := e.get(prefix + "COMPRESSION"); v != "" && v != "gzip" && v != "none" {
			e.ignored(prefix+"COMPRESSION", "gzip or none")
		}
	}
	for _, name := range all {
		if v := e.get(name); v != "" {
			if n, err := strconv.Atoi(v); err != nil || n <= 0 {
				e.ignored(name, "a whole number above 0")
			}
		}
	}
	return errors.Join(errs...)
}

// endpoint does not repeat a value that may hold a password.
func (e environment) endpoint(name string) error {
	v := e.get(name)
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	const want = "want http://HOST:PORT or https://HOST:PORT"
	if strings.Contains(v, "@") {
		return fmt.Errorf("%s: %s", name, want)
	}
	return fmt.Errorf("%s: %q: %s", name, v, want)
}

func (e environment) file(name string) error {
	path := e.get(name)
	if path == "" {
		return nil
	}
	if _, err := os.ReadFile(path); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (e environment) headers(name string) error {
	v := e.get(name)
	if v == "" {
		return nil
	}
	for pair := range strings.SplitSeq(v, ",") {
		key, value, found := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(value); !found || strings.TrimSpace(key) == "" || err != nil {
			return fmt.Errorf("%s: want NAME=VALUE, with commas between, and values in URL encoding", name)
		}
	}
	return nil
}

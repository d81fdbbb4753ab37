package telemetry

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestEnvironment holds what is an error, what is warned of, and that no value
// that may hold a secret is repeated.
func TestEnvironment(t *testing.T) {
	const endpoint = "http://127.0.0.1:1"
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for _, test := range []struct {
		name, value string
		fails       string // "" where it does not
		warns       string
	}{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", `OTEL_EXPORTER_OTLP_ENDPOINT: "127.0.0.1:4318": want http://HOST:PORT or https://HOST:PORT`, ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector", `OTEL_EXPORTER_OTLP_ENDPOINT: "collector": want`, ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "tcp://me:hunter2@collector", `OTEL_EXPORTER_OTLP_ENDPOINT: want`, ""},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://", `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://": want`, ""},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", missing, "OTEL_EXPORTER_OTLP_CERTIFICATE: open ", ""},
		{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", missing, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: open ", ""},
		{"OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "OTEL_EXPORTER_OTLP_HEADERS: want NAME=VALUE", ""},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,key=hunter2%zz", "OTEL_EXPORTER_OTLP_HEADERS: want NAME=VALUE", ""},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "=hunter2", "OTEL_EXPORTER_OTLP_TRACES_HEADERS: want NAME=VALUE", ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon", "", `OTEL_EXPORTER_OTLP_PROTOCOL: "carrier-pigeon": want http/protobuf or http/json`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_PROTOCOL: "grpc": want http/protobuf`, ""},
		{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "grpc": want http/protobuf`, ""},
		{"OTEL_TRACES_EXPORTER", "zipkin", "", `OTEL_TRACES_EXPORTER: "zipkin": want otlp or none`},
		{"OTEL_SDK_DISABLED", "yes", "", `OTEL_SDK_DISABLED: "yes": want true or false`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "", `OTEL_EXPORTER_OTLP_TIMEOUT: "soon": want a whole number above 0`},
		{"OTEL_METRIC_EXPORT_INTERVAL", "-1", "", `OTEL_METRIC_EXPORT_INTERVAL: "-1": want a whole number above 0`},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "", `OTEL_EXPORTER_OTLP_COMPRESSION: "zstd": want gzip or none`},
		{"OTEL_TRACES_SAMPLER", "mostly", "", "unsupported sampler: mostly"},
		{"OTEL_RESOURCE_ATTRIBUTES", "nonsense", "", "missing value"},
		{"OTEL_TRACES_SAMPLER", "parentbased_always_on", "", ""},
	} {
		t.Run(test.name+" "+test.value, func(t *testing.T) {
			env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
			env[test.name] = test.value
			tel, w, err := open(t, env)
			if tel != nil {
				for _, stop := range tel.shutdown {
					t.Cleanup(func() { _ = stop(context.Background()) })
				}
			}
			said := strings.Join(w.list(), "\n")
			switch {
			case (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails):
				t.Errorf("got error %v, want %q", err, test.fails)
			case (said != "") != (test.warns != "") || !strings.Contains(said, test.warns):
				t.Errorf("warned %q, want %q", said, test.warns)
			}
			if err != nil {
				said += err.Error()
			}
			if strings.Contains(said, "hunter2") {
				t.Errorf("a secret is repeated: %s", said)
			}
		})
	}
}

// TestGoogleAlone holds which host is sent the credentials of the function.
func TestGoogleAlone(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"https://telemetry.googleapis.com":                      true,
		"https://telemetry.googleapis.com/v1/traces":            true,
		"https://telemetry.googleapis.com:443":                  true,
		"http://telemetry.googleapis.com":                       false,
		"https://telemetry.googleapis.com.evil.example":         false,
		"https://evil.example/telemetry.googleapis.com":         false,
		"https://telemetry.googleapis.com@evil.example":         false,
		"https://evil.example#https://telemetry.googleapis.com": false,
		"": false,
	} {
		if got := (signal{endpoint: endpoint}).google(); got != want {
			t.Errorf("%q: got %t, want %t", endpoint, got, want)
		}
	}
}

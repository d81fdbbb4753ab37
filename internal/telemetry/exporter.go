package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/api/option"
	apihttp "google.golang.org/api/transport/http"
)

// googleHost is the only one that is sent the credentials of the function
// (https://cloud.google.com/stackdriver/docs/reference/telemetry/overview).
const (
	googleHost  = "telemetry.googleapis.com"
	googleScope = "https://www.googleapis.com/auth/cloud-platform"
)

// google reports whether a signal goes to Google itself, encrypted.
func (s signal) google() bool {
	u, err := url.Parse(s.endpoint)
	return err == nil && u.Scheme == "https" && u.Hostname() == googleHost
}

// The exporters are those for HTTP alone: every collector takes both, and those for
// gRPC would be a third of a megabyte of memory for everybody. They read the rest
// of their settings from the variables on their own.

func (s signal) spanExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if !s.google() {
		return otlptracehttp.New(ctx)
	}
	client, err := authorised(ctx)
	if err != nil {
		return nil, err
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithHTTPClient(client))
}

func (s signal) metricExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if !s.google() {
		return otlpmetrichttp.New(ctx)
	}
	client, err := authorised(ctx)
	if err != nil {
		return nil, err
	}
	return otlpmetrichttp.New(ctx, otlpmetrichttp.WithHTTPClient(client))
}

// authorised is a client that sends the application default credentials, and the
// quota project that comes with them.
func authorised(ctx context.Context) (*http.Client, error) {
	client, _, err := apihttp.NewClient(ctx, option.WithScopes(googleScope), option.WithTelemetryDisabled())
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", googleHost, err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // no other host
	return client, nil
}

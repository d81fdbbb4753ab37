package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/api/option"
	apihttp "google.golang.org/api/transport/http"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/oauth"
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

// The exporters read the rest of their settings from the variables on their own.

func (s signal) spanExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	switch {
	case s.grpc && s.google():
		as, err := applicationDefault(ctx)
		if err != nil {
			return nil, err
		}
		return otlptracegrpc.New(ctx, otlptracegrpc.WithDialOption(as))
	case s.grpc:
		return otlptracegrpc.New(ctx)
	case s.google():
		client, err := authorised(ctx)
		if err != nil {
			return nil, err
		}
		return otlptracehttp.New(ctx, otlptracehttp.WithHTTPClient(client))
	default:
		return otlptracehttp.New(ctx)
	}
}

func (s signal) metricExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	switch {
	case s.grpc && s.google():
		as, err := applicationDefault(ctx)
		if err != nil {
			return nil, err
		}
		return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithDialOption(as))
	case s.grpc:
		return otlpmetricgrpc.New(ctx)
	case s.google():
		client, err := authorised(ctx)
		if err != nil {
			return nil, err
		}
		return otlpmetrichttp.New(ctx, otlpmetrichttp.WithHTTPClient(client))
	default:
		return otlpmetrichttp.New(ctx)
	}
}

// authorised is a client that sends the application default credentials, and the
// quota project that comes with them.
func authorised(ctx context.Context) (*http.Client, error) {
	client, _, err := apihttp.NewClient(ctx, option.WithScopes(googleScope), option.WithTelemetryDisabled())
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", googleHost, err)
	}
	return client, nil
}

func applicationDefault(ctx context.Context) (grpc.DialOption, error) {
	as, err := oauth.NewApplicationDefault(ctx, googleScope)
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", googleHost, err)
	}
	return grpc.WithPerRPCCredentials(as), nil
}

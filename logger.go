package pullfix

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/brief"
	"github.com/pullfix/pullfix/rules"
)

// logger writes one line for each thing that happened, in the form that Cloud
// Logging reads from standard output
// (https://cloud.google.com/logging/docs/structured-logging).
type logger struct {
	lines *slog.Logger
	here  func(context.Context) string // the project that holds the traces, "" where that is not known
}

func newLogger(out io.Writer) *logger {
	return &logger{lines: slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return a
			}
			switch a.Key {
			case slog.LevelKey:
				level, _ := a.Value.Any().(slog.Level)
				return slog.String("severity", severities[level])
			case slog.MessageKey:
				a.Key = "message"
			}
			return a
		},
	}))}
}

// write adds the trace of the event, so that a line is found from the others of
// the same event, and from its request.
func (l *logger) write(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() && l.here != nil {
		if project := l.here(ctx); project != "" {
			attrs = append(attrs,
				slog.String("logging.googleapis.com/trace", "projects/"+project+"/traces/"+span.TraceID().String()),
				slog.String("logging.googleapis.com/spanId", span.SpanID().String()),
				slog.Bool("logging.googleapis.com/trace_sampled", span.IsSampled()))
		}
	}
	l.lines.LogAttrs(ctx, level, message, attrs...)
}

// labels are those of the record, so that one question finds both.
func labels(r audit.Record) slog.Attr {
	var known []any
	for _, a := range []slog.Attr{
		slog.String("event", r.Event), slog.String("kind", r.Kind), slog.String("verdict", r.Verdict), slog.String("outcome", r.Outcome),
		slog.String("rule", r.Rule), slog.String("project", r.SourceProject),
	} {
		if a.Value.String() != "" {
			known = append(known, a)
		}
	}
	return slog.Group("logging.googleapis.com/labels", known...)
}

var severities = map[slog.Level]string{
	slog.LevelInfo: "INFO", slog.LevelWarn: "WARNING", slog.LevelError: "ERROR",
}

// decision tells what became of an incident. Where no channel would tell
// anybody, the line is the alert, with the command to run.
func (l *logger) decision(ctx context.Context, i *incident, alone bool) {
	r, c, level := i.record, i.told(), slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("event", r.Event), slog.String("kind", r.Kind), slog.String("verdict", r.Verdict),
		slog.String("outcome", r.Outcome), slog.String("cause", string(i.Obstacle.Cause)), slog.String("rule", r.Rule),
		slog.String("reason", r.Reason), slog.String("principal", r.Principal), slog.String("resource", r.Resource),
	}
	if c.Tone().Urgent() && r.Verdict != rules.Ignore.String() {
		level = slog.LevelWarn
	}
	if alone {
		m := c.Message(0, 1)
		attrs = append(attrs, slog.String("next", m.Next), slog.String("gcloud", m.Gcloud), slog.String("terraform", m.Terraform))
		if level == slog.LevelWarn {
			level = slog.LevelError
		}
	}
	if r.Error != "" {
		attrs = append(attrs, slog.String("error", r.Error))
	}
	l.write(ctx, level, headline(c), append(attrs, labels(r))...)
}

func headline(c brief.Case) string { return c.Title() + ": " + c.Why() }

// trouble tells of something that went wrong and changes nothing for the event.
func (l *logger) trouble(ctx context.Context, i *incident, what string, err error) {
	l.write(ctx, slog.LevelWarn, what, slog.String("event", i.record.Event), slog.String("error", err.Error()))
}

// unsure tells that a message was sent and not answered, or that an instance
// ended while it was about to tell somebody; err is nil then. To tell again could
// be the second time, so this line is the alert.
func (l *logger) unsure(ctx context.Context, i *incident, channel string, err error) {
	l.instead(ctx, i, channel, "it is not known whether somebody was told", err)
}

// undelivered tells that a channel refuses a message for good. The line is the
// alert.
func (l *logger) undelivered(ctx context.Context, i *incident, channel string, err error) {
	l.instead(ctx, i, channel, fmt.Sprintf("channel %q was not told", channel), err)
}

// untold tells that a channel could not be told of an event for as long as it
// was young enough. The line is the alert.
func (l *logger) untold(ctx context.Context, i *incident, channel string) {
	l.instead(ctx, i, channel, fmt.Sprintf("channel %q could not be told, and the event is too old now", channel), nil)
}

// instead is the alert where a channel does not have it.
func (l *logger) instead(ctx context.Context, i *incident, channel, what string, err error) {
	c := i.told()
	m := c.Message(0, 1)
	attrs := []slog.Attr{
		slog.String("event", i.record.Event), slog.String("channel", channel),
		slog.String("principal", i.record.Principal), slog.String("resource", i.record.Resource),
		slog.String("next", m.Next), slog.String("gcloud", m.Gcloud), slog.String("terraform", m.Terraform),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	l.write(ctx, slog.LevelError, what+": "+headline(c), attrs...)
}

// retry tells that an event could not be finished and must come again.
func (l *logger) retry(ctx context.Context, d delivery, err error) {
	l.write(ctx, slog.LevelWarn, "the event must come again",
		slog.String("event", d.id), slog.String("error", err.Error()))
}

// telemetry tells of what is wrong with telemetry, and changes nothing for any
// event.
func (l *logger) telemetry(what string, err error) {
	l.write(context.Background(), slog.LevelWarn, what, slog.String("error", err.Error()))
}

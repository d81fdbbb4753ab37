package pullfix

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"cloud.google.com/go/compute/metadata"

	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/parse"
)

// openFunction makes the function that the variables describe, with the
// telemetry that they want.
func openFunction(ctx context.Context, lookup settings.Lookup, out io.Writer) (*function, error) {
	t, err := telemetry.Open(ctx, lookup, newLogger(out).telemetry)
	s, bad := settings.Read(lookup, defaultRules, t.ClientOptions()...)
	if err := errors.Join(bad, err); err != nil {
		return nil, err
	}
	f := newFunction(s, out)
	f.measure(t, retry.Default)
	if t != nil {
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM)
		go f.drain(end, os.Exit) //nolint:contextcheck // it lives as long as the process
	}
	return f, nil
}

// drainTime is what Cloud Run gives an instance that is to end, 10 s, but for some
// (https://cloud.google.com/run/docs/container-contract#instance-shutdown).
const drainTime = 8 * time.Second

// drain sends what telemetry has left when the process is told to end, and ends
// it as the signal would have.
func (f *function) drain(end <-chan os.Signal, exit func(status int)) {
	<-end
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := f.telemetry.Close(ctx); err != nil {
		f.log.telemetry("telemetry is not sent", err)
	}
	exit(128 + int(syscall.SIGTERM))
}

func newFunction(s settings.Settings, out io.Writer) *function {
	f := &function{Settings: s, clients: newClients(s, retry.Default), log: newLogger(out), now: time.Now, room: newRoom(), slow: newWatch()}
	f.log.here = func(ctx context.Context) string { return f.here(ctx) }
	return f
}

// measure makes the clients anew, so that what they do is measured.
func (f *function) measure(t *telemetry.Telemetry, calls retry.Calls) {
	calls.Again = t.Retry
	f.clients = newClients(f.Settings, calls)
	f.telemetry = t
}

// parse reads the findings out of a delivery. Where it is unread, no other
// delivery would change that; an error may pass.
func (f *function) parse(ctx context.Context, d delivery) (event parse.Event, unread, err error) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Parse)
	defer step.End(ctx, &unread)
	err = f.room.decode(ctx, len(d.entry), func() { event, unread = d.read() })
	return event, unread, err
}

// decide asks the rules, and what speaks against them in the entry itself.
func (f *function) decide(ctx context.Context, i *incident, now time.Time) {
	ctx, step := f.telemetry.Step(ctx, telemetry.Decide)
	defer step.End(ctx, new(error))
	i.decide(f.Policy)
	i.doubt(now)
}

// decided logs and counts what became of an incident, once in this process: a
// delivery that comes again because a channel is away decides the same again.
// Where alone, the line is the alert.
func (f *function) decided(ctx context.Context, i *incident, alone bool) {
	if f.settled(ctx, i) || alone {
		f.log.decision(ctx, i, alone)
	}
}

// settled counts what became of an incident, and reports whether that is new.
func (f *function) settled(ctx context.Context, i *incident) bool {
	d := telemetry.Decision{
		Event: i.record.Event, Kind: i.record.Kind, Verdict: i.record.Verdict, Outcome: i.record.Outcome,
		Cause: i.record.Cause, Rule: i.record.Rule, Mode: i.record.Mode,
	}
	i.span.Decided(d)
	if !f.said.first(i.record.ID()) {
		return false
	}
	f.telemetry.Count(ctx, d)
	return true
}

// mostRemembered bounds a memory: redeliveries of more events at a time are
// logged twice.
const mostRemembered = 1000

// memory is what was met lately.
type memory struct {
	mu    sync.Mutex
	names map[string]bool
	order []string // oldest at next, once it is full
	next  int
}

// first reports whether a name is new, and remembers it.
func (m *memory) first(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names[name] {
		return false
	}
	if m.names == nil {
		m.names = map[string]bool{}
	}
	if len(m.order) < mostRemembered {
		m.order = append(m.order, name)
	} else {
		delete(m.names, m.order[m.next])
		m.order[m.next] = name
		m.next = (m.next + 1) % mostRemembered
	}
	m.names[name] = true
	return true
}

// hostTime is what the metadata server may take: the log waits for it once.
const hostTime = time.Second

// host is the project of the instance, asked for once.
type host struct {
	once sync.Once
	id   string
}

// here is the project in which the function runs, that of the record where it
// cannot be found out, and "" where there is none.
func (c *clients) here(ctx context.Context) string {
	c.host.once.Do(func() {
		c.host.id = c.settings.Project.String()
		if !c.settings.Deployed {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hostTime)
		defer cancel()
		if id, err := metadata.ProjectIDWithContext(ctx); err == nil {
			c.host.id = id
		}
	})
	return c.host.id
}

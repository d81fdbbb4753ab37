package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pullfix/pullfix/bench/event"
	"github.com/pullfix/pullfix/bench/load"
	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/bench/table"
)

// connections is how many events are under way at once.
const connections = 8

// subject is what is measured in turn with the others.
type subject struct {
	of     string
	kind   event.Kind
	server *server
	slow   bool // waits for calls: measured longer, to see enough events
	next   int  // number of its next event
}

// events measures rates and latencies, in rounds of all subjects.
func (b *bench) events(ctx context.Context) error {
	subjects, stop, err := b.subjects(ctx)
	defer stop()
	if err != nil {
		return err
	}
	for _, s := range subjects { // makes the connections, and the heap as large as it gets
		if _, err := b.turn(ctx, s, b.plan.turn/2); err != nil {
			return err
		}
	}
	for round := range b.plan.rounds {
		b.say("events, round %d of %d", round+1, b.plan.rounds)
		for _, s := range subjects {
			if err := b.measured(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// measured takes one round of a subject into the table.
func (b *bench) measured(ctx context.Context, s *subject) error {
	length := b.plan.turn
	if s.slow {
		length *= 2
	}
	times := newStopwatch(s.server.cmd.Process.Pid, os.Getpid())
	result, err := b.turn(ctx, s, length)
	if err != nil {
		return err
	}
	b.add(s.of, table.Rate, result.PerSecond())
	b.add(s.of, table.P50, float64(result.Percentile(50))/float64(time.Microsecond))
	b.add(s.of, table.P99, float64(result.Percentile(99))/float64(time.Microsecond))
	if s.of == table.Nothing {
		if shares, err := times.shares(); err == nil {
			b.add(table.Nothing, table.Busy, shares[0])
			b.add(table.Generator, table.Busy, shares[1])
		}
	}
	return nil
}

func (b *bench) turn(ctx context.Context, s *subject, length time.Duration) (load.Result, error) {
	result, err := load.Run{
		Address: s.server.address, Connections: connections, Time: length, First: s.next, Request: b.request(s.kind),
	}.Do(ctx)
	s.next += result.Done + connections // that many numbers may be used without a result
	if err != nil {
		return result, fmt.Errorf("%s: %w: %s", s.of, err, s.server.output)
	}
	return result, nil
}

// subjects starts everything that is measured in turn.
func (b *bench) subjects(ctx context.Context) (all []*subject, stop func(), err error) {
	var started []interface{ stop() }
	stop = func() {
		for _, s := range started {
			s.stop()
		}
	}
	nothing, err := b.startServer(ctx, b.built.nothing, "nothing")
	if err != nil {
		return nil, stop, err
	}
	started = append(started, nothing)
	all = append(all, &subject{of: table.Nothing, kind: event.Success, server: nothing})

	alone, err := b.startAlone(ctx)
	if err != nil {
		return nil, stop, err
	}
	started = append(started, alone)
	all = append(all,
		&subject{of: table.Boring, kind: event.Success, server: alone}, &subject{of: table.Read, kind: event.Read, server: alone},
		&subject{of: table.Decided, kind: event.Ignored, server: alone}, &subject{of: table.Told, kind: event.Alert, server: alone})

	for _, group := range []struct {
		latency               time.Duration
		alert, observe, grant string
	}{
		{0, table.Alert0, table.Observe0, table.Grant0},
		{slowCall, table.Alert20, table.Observe20, table.Grant20},
	} {
		google, err := b.startCloud(ctx, event.Seed{Latency: group.latency}.YAML())
		if err != nil {
			return nil, stop, err
		}
		started = append(started, google)
		s, err := b.startFunction(ctx, google)
		if err != nil {
			return nil, stop, err
		}
		started = append(started, s)
		slow := group.latency > 0
		all = append(all, &subject{of: group.alert, kind: event.Alert, server: s, slow: slow},
			&subject{of: group.observe, kind: event.Observe, server: s, slow: slow}, &subject{of: group.grant, kind: event.Grant, server: s, slow: slow})
	}
	return all, stop, nil
}

// slowCall is how long a call takes where it is to be like one of Google's.
const slowCall = 20 * time.Millisecond

// startAlone starts a function in observe mode that calls nobody.
func (b *bench) startAlone(ctx context.Context) (*server, error) {
	rules, err := b.write("observe.yaml", event.Rules(true, 0))
	if err != nil {
		return nil, err
	}
	return b.startServer(ctx, b.built.function, "pullfix", "PULLFIX_RULES="+rules, "PULLFIX_AUDIT=file:"+b.path("record.jsonl"), "PULLFIX_LEDGER=memory")
}

// startFunction starts a function as it is deployed, on a local Google Cloud.
func (b *bench) startFunction(ctx context.Context, google *cloud) (*server, error) {
	rules, err := b.write("enforce.yaml", event.Rules(false, 0))
	if err != nil {
		return nil, err
	}
	return b.startServer(ctx, b.built.function, "pullfix", deployed(rules, google)...)
}

func deployed(rules string, google *cloud) []string {
	return []string{"PULLFIX_RULES=" + rules, "PULLFIX_AUDIT=cloud", "PULLFIX_LEDGER=firestore", "PULLFIX_ENDPOINT=" + google.address}
}

// stopwatch measures which share of a core processes have had.
type stopwatch struct {
	processes []int
	began     time.Time
	had       []time.Duration
}

func newStopwatch(processes ...int) stopwatch {
	w := stopwatch{processes: processes, began: time.Now()}
	for _, p := range processes {
		had, err := machine.TimeOf(p)
		if err != nil {
			return w
		}
		w.had = append(w.had, had)
	}
	return w
}

// shares returns the share of each, in percent of one core.
func (w stopwatch) shares() (shares []float64, err error) {
	if len(w.had) < len(w.processes) {
		return nil, machine.ErrUnknown
	}
	took := time.Since(w.began)
	for n, p := range w.processes {
		had, err := machine.TimeOf(p)
		if err != nil {
			return nil, err
		}
		shares = append(shares, 100*float64(had-w.had[n])/float64(took))
	}
	return shares, nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/pullfix/pullfix/bench/load"
	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/bench/table"
)

// connections is how many events are under way at once.
const connections = 8

// longer is how much longer a turn is where calls are slow.
const longer = 4

// events measures rates and latencies, in rounds of all subjects.
func (b *bench) events(ctx context.Context) error {
	subjects, stop, err := b.subjects(ctx, func(of string) bool {
		return len(b.plan.events) == 0 || of == table.Nothing || slices.Contains(b.plan.events, of)
	})
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
		slices.Reverse(subjects) // else who comes after a slow one always does
	}
	return nil
}

// measured takes one round of a subject into the table.
func (b *bench) measured(ctx context.Context, s *subject) error {
	length := b.plan.turn
	if s.slow {
		length *= longer
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

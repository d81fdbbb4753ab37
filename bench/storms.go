package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pullfix/pullfix/bench/event"
	"github.com/pullfix/pullfix/bench/load"
	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/bench/table"
)

// deployedConcurrency is how many events an instance has at once, as deploy.sh
// sets it.
const deployedConcurrency = 10

// storms measures many denials of one repository at the same time.
func (b *bench) storms(ctx context.Context) error {
	google, err := b.startCloud(ctx, event.Seed{Latency: slowCall}.YAML())
	if err != nil {
		return err
	}
	defer google.stop()
	first := 0
	for _, storm := range []struct {
		of             string
		atOnce, rounds int
	}{{table.StormAtOnce, b.plan.storm, b.plan.storms}, {table.StormByTen, deployedConcurrency, 1}} {
		for round := range storm.rounds {
			b.say("%s, round %d of %d", storm.of, round+1, storm.rounds)
			came, err := b.storm(ctx, google, b.plan.storm, storm.atOnce, first)
			if err != nil {
				return fmt.Errorf("%s: %w", storm.of, err)
			}
			first += event.Projects // the next repository
			b.add(storm.of, table.Time, came.Took.Seconds())
			b.add(storm.of, table.Writes, float64(came.writes))
			b.add(storm.of, table.Calls, float64(came.calls))
			b.add(storm.of, table.Again, float64(came.Again))
			if storm.of == table.StormAtOnce && came.peak > 0 {
				b.add(table.Function, table.Peak, float64(came.peak)/mebibyte)
			}
		}
	}
	return nil
}

// aftermath is what came of a storm.
type aftermath struct {
	load.Result
	writes, calls int
	peak          int64 // bytes of memory, 0 where they are not known
}

// storm sends a new instance so many denials of one repository.
func (b *bench) storm(ctx context.Context, google *cloud, events, atOnce, first int) (a aftermath, err error) {
	s, err := b.startFunction(ctx, google)
	if err != nil {
		return a, err
	}
	defer s.stop()
	before, err := google.calls(ctx)
	if err != nil {
		return a, err
	}
	a.Result, err = load.Run{
		Address: s.address, Connections: atOnce, Count: events, First: first, Again: true, Request: event.Maker(event.Grant, event.Storm, b.now),
	}.Do(ctx)
	if err != nil {
		return a, fmt.Errorf("%w: %s", err, s.output)
	}
	after, err := google.calls(ctx)
	if err != nil {
		return a, err
	}
	a.writes, a.calls = after["SetIamPolicy"]-before["SetIamPolicy"], sum(after)-sum(before)
	memory, err := s.memory()
	if err != nil && !errors.Is(err, machine.ErrUnknown) {
		return a, err
	}
	a.peak = memory.Peak
	return a, nil
}

// grantCalls counts the calls of grants that are made one after the other, after
// a first one that finds out what is then known.
func (b *bench) grantCalls(ctx context.Context) error {
	google, err := b.startCloud(ctx, event.Seed{}.YAML())
	if err != nil {
		return err
	}
	defer google.stop()
	s, err := b.startFunction(ctx, google)
	if err != nil {
		return err
	}
	defer s.stop()
	for n := range b.plan.rounds + 1 {
		before, err := google.calls(ctx)
		if err != nil {
			return err
		}
		if _, err := (load.Run{Address: s.address, Connections: 1, Count: 1, First: n, Request: b.request(event.Grant)}).Do(ctx); err != nil {
			return err
		}
		after, err := google.calls(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			b.add(table.Grant0, table.Calls, float64(sum(after)-sum(before)))
		}
	}
	return nil
}

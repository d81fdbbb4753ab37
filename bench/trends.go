package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pullfix/pullfix/bench/event"
	"github.com/pullfix/pullfix/bench/load"
)

// growing is a trend that can be measured.
type growing struct {
	trend
	most    int // work beyond which something else ends; 0 for none
	measure func(b *bench, ctx context.Context, work int) (cost float64, err error)
}

// trends are what is measured, each from its least work on. A policy file holds
// no more than some 10,000 rules; one policy no more than 1,500 members
// (https://cloud.google.com/iam/quotas), and 1,000 instances would want 20 GiB.
func trends() []growing {
	return []growing{
		{trend: trend{Of: "cold start", By: "rules", Unit: "ms", Least: 10}, measure: (*bench).startByRules},
		{trend: trend{Of: "denial decided", By: "rules", Unit: "µs", Least: 10}, measure: (*bench).decidedByRules},
		{trend: trend{Of: "grant", By: "members of the policy", Unit: "ms", Least: 1}, measure: (*bench).grantByMembers},
		{trend: trend{Of: "explain", By: "entries", Unit: "ms", Least: 100}, measure: (*bench).explainByEntries},
		{trend: trend{Of: "audit list", By: "records", Unit: "ms", Least: 100}, measure: audits("list")},
		{trend: trend{Of: "audit report", By: "records", Unit: "ms", Least: 100}, measure: audits("report")},
		{trend: trend{Of: "audit verify", By: "records", Unit: "ms", Least: 100}, measure: audits("verify")},
		{trend: trend{Of: "storm", By: "events at once", Unit: "ms", Least: 1}, measure: (*bench).stormByEvents},
		{trend: trend{Of: "storm of 100", By: "instances", Unit: "ms", Least: 1}, most: 100, measure: (*bench).stormByInstances},
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// beyond is how many rules come on top of those that the events meet.
func beyond(rules int) int { return rules - 3 }

func (b *bench) startByRules(ctx context.Context, rules int) (float64, error) {
	s, err := b.startWithRules(ctx, rules)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	return milliseconds(s.first), nil
}

func (b *bench) startWithRules(ctx context.Context, rules int) (*server, error) {
	file, err := b.write("many.yaml", event.Rules(true, beyond(rules)))
	if err != nil {
		return nil, err
	}
	return b.startServer(ctx, b.built.function, "pullfix", "PULLFIX_RULES="+file, "PULLFIX_AUDIT=file:"+b.path("record.jsonl"), "PULLFIX_LEDGER=memory")
}

func (b *bench) decidedByRules(ctx context.Context, rules int) (float64, error) {
	s, err := b.startWithRules(ctx, rules)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	run := load.Run{Address: s.address, Connections: connections, Time: b.plan.turn, First: b.unique(), Request: b.request(event.Ignored)}
	if _, err := run.Do(ctx); err != nil { // what reading the rules left behind is collected
		return 0, err
	}
	run.Time, run.First = 3*b.plan.turn, b.unique()
	result, err := run.Do(ctx)
	return 1e6 / result.PerSecond(), err
}

// unique is the number of an event that none has had that was measured before.
func (b *bench) unique() int {
	const mostOfOne = 1_000_000
	b.used += mostOfOne
	return b.used
}

func (b *bench) grantByMembers(ctx context.Context, members int) (float64, error) {
	const first, grants = 10, 50 // each of another policy; the first ones make the connections
	google, err := b.startCloud(ctx, event.Seed{Members: members, Few: first + grants}.YAML())
	if err != nil {
		return 0, err
	}
	defer google.stop()
	s, err := b.startFunction(ctx, google)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	run := load.Run{Address: s.address, Connections: 1, Count: first, Request: b.request(event.Grant)}
	if _, err := run.Do(ctx); err != nil {
		return 0, err
	}
	run.First, run.Count = first, grants
	result, err := run.Do(ctx)
	return milliseconds(result.Percentile(50)), err
}

func (b *bench) explainByEntries(ctx context.Context, entries int) (float64, error) {
	file, err := b.entriesFile(entries)
	if err != nil {
		return 0, err
	}
	took, err := b.command(ctx, "explain", "--format", "json", file)
	return milliseconds(took), err
}

func audits(command string) func(*bench, context.Context, int) (float64, error) {
	return func(b *bench, ctx context.Context, records int) (float64, error) {
		file, err := b.recordFile(records)
		if err != nil {
			return 0, err
		}
		took, err := b.command(ctx, "audit", command, "--file", file)
		return milliseconds(took), err
	}
}

func (b *bench) stormByEvents(ctx context.Context, events int) (float64, error) {
	google, err := b.startCloud(ctx, event.Seed{Latency: slowCall}.YAML())
	if err != nil {
		return 0, err
	}
	defer google.stop()
	came, err := b.storm(ctx, google, events, events, 0)
	return milliseconds(came.Took), err
}

// stormByInstances deals 100 denials of one repository to so many instances that
// share a ledger.
func (b *bench) stormByInstances(ctx context.Context, instances int) (float64, error) {
	const events = 100
	google, err := b.startCloud(ctx, event.Seed{Latency: slowCall}.YAML())
	if err != nil {
		return 0, err
	}
	defer google.stop()
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	for range instances {
		s, err := b.startFunction(ctx, google)
		if err != nil {
			return 0, err
		}
		servers = append(servers, s)
	}
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for n, s := range servers {
		each := events / instances
		group.Go(func() error {
			_, err := load.Run{
				Address: s.address, Connections: each, Count: each, First: n * each, Again: true, Request: event.Maker(event.Grant, event.Storm, b.now),
			}.Do(ctx)
			return err
		})
	}
	err = group.Wait()
	return milliseconds(time.Since(began)), err
}

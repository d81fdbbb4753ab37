package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullfix/pullfix/torture/check"
	"github.com/pullfix/pullfix/torture/world"
)

// plan is what a run is to be.
type plan struct {
	seed      uint64
	events    int
	kills     int
	instances int
	perHour   int // grants
	limit     time.Duration
	calm      bool // no faults but those of the events
	program   string
}

// concurrency is how many events an instance has at once as deployed.
const concurrency = 10

// run is a torture run, and what came of it.
type run struct {
	plan
	clock  clock
	began  time.Time
	cloud  *cloud
	slack  *slack
	queue  *queue
	fleet  []*instance
	said   said
	others *others
	killed atomic.Int64 // instances

	results []check.Result
	history *check.History
	took    time.Duration
}

// torture makes a run. The error is that it could not be made; what it has found
// is in the results.
func torture(ctx context.Context, p plan, out io.Writer) (r *run, err error) {
	r = &run{plan: p, said: said{errors: map[string]int{}}}
	return r, r.whole(ctx, nil, func(playing context.Context) {
		go r.show(playing, out)
		go r.kill(playing)
	})
}

// whole makes the run. env is more of the environment of the instances, and
// beside starts what goes on beside the deliveries.
func (r *run) whole(ctx context.Context, env []string, beside func(context.Context)) (err error) {
	folder, err := os.MkdirTemp("", "pullfix-torture-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if r.program, err = build(ctx, folder); err != nil {
		return err
	}
	r.began = time.Now()
	if err := r.prepare(ctx, folder, env); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.cloud.Close(), r.slack.server.Close()) }()
	err = r.play(ctx, beside)
	r.took = time.Since(r.began)
	if err != nil {
		return err
	}
	r.history = r.seen()
	verified, err := r.verify(ctx, world.New(r.events))
	r.results = append(check.All(r.history), verified)
	return err
}

func (r *run) prepare(ctx context.Context, folder string, env []string) (err error) {
	w := world.New(r.events)
	events := w.Events(r.seed, r.events)
	rules := filepath.Join(folder, "rules.yaml")
	if err := os.WriteFile(rules, world.Rules(r.perHour), 0o600); err != nil {
		return err
	}
	if r.cloud, err = startCloud(ctx, w, &r.clock, newFaults(r.seed, r.calm)); err != nil {
		return err
	}
	if r.slack, err = startSlack(ctx, &r.clock, r.seed, r.calm); err != nil {
		return err
	}
	if r.others, err = newOthers(ctx, r.cloud.address, w, events); err != nil {
		return err
	}
	env = append(env, environment(r.cloud.address, r.slack.address, rules)...)
	for range r.instances {
		i, err := newInstance(ctx, r.program, slices.Clip(env), &r.said)
		if err != nil {
			return err
		}
		r.fleet = append(r.fleet, i)
	}
	r.queue = newQueue(r.seed, events, r.began)
	return nil
}

// drain is how long may pass until everything that was published is done with.
const drain = 20 * time.Minute

// play plays until everything is done, or time is up.
func (r *run) play(ctx context.Context, beside func(context.Context)) error {
	running, end := context.WithCancel(ctx)
	defer end()
	var fleet sync.WaitGroup
	for _, i := range r.fleet {
		fleet.Go(func() { i.run(running) })
	}
	writing, rest := context.WithCancel(ctx)
	defer rest()
	wrote := make(chan error, 1)
	go func() { wrote <- r.others.work(writing, r.seed) }()
	beside(running)

	over := time.AfterFunc(r.limit, r.queue.stop)
	defer over.Stop()
	pushing, giveUp := context.WithTimeout(ctx, r.limit+drain)
	defer giveUp()
	var pushers sync.WaitGroup
	for _, i := range r.fleet {
		for range concurrency {
			pushers.Go(func() { r.queue.push(pushing, i, r.began) })
		}
	}
	pushers.Wait()
	rest()
	err := <-wrote
	end()
	fleet.Wait()
	return errors.Join(err, ctx.Err())
}

// ahead is how many kills may be due before nothing more is published.
const ahead = 3

// kill ends instances with SIGKILL. After how many messages which one ends is
// certain by the seed.
func (r *run) kill(ctx context.Context) {
	_, _, all := r.queue.progress()
	chance := chances(r.seed, "kills", 0)
	at := func(n int) int { return all * n / (r.kills + 1) }
	for n := range r.kills {
		r.queue.allow(at(n+1+ahead) + concurrency*r.instances)
		due := at(n) + chance.IntN(max(1, at(n+1)-at(n)))
		of, delay := r.fleet[chance.IntN(len(r.fleet))], time.Duration(chance.Int64N(int64(20*time.Millisecond)))
		for acked, _, _ := r.queue.progress(); acked < due; acked, _, _ = r.queue.progress() {
			if pause(ctx, time.Millisecond) != nil {
				return
			}
		}
		if pause(ctx, delay) != nil {
			return
		}
		of.kill(ctx)
		r.killed.Add(1)
	}
	r.queue.allow(all)
}

// seen is what was seen of the run.
func (r *run) seen() *check.History {
	w := r.cloud.witness
	h := &check.History{
		Events: r.queue.published(), Budget: r.perHour, Before: w.before, After: map[string]check.Policy{}, Writes: w.writes, Blind: w.blind(), Records: w.records,
		Messages: r.slack.messages, Unsure: r.said.unsure, Unnoted: r.said.unnoted, Theirs: r.others.left, Dead: r.queue.dead(),
	}
	for resource, policy := range r.cloud.Policies() {
		h.After[resource] = members(policy)
	}
	for _, i := range r.fleet {
		h.Fallen = append(h.Fallen, i.fallen...)
	}
	return h
}

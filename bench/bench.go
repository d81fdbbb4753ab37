package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/pullfix/pullfix/bench/event"
	"github.com/pullfix/pullfix/bench/load"
	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/bench/table"
)

// plan says how much is measured.
type plan struct {
	rounds  int           // of what is measured in turn
	turn    time.Duration // of each subject, in each round: short, so that who is compared meets the same neighbours
	starts  int           // of each function
	storms  int           // rounds of each
	storm   int           // events of a storm
	decide  time.Duration // of each number of rules
	entries int           // lines of what is explained
	records int           // lines of a record
	only    []string      // parts; none for all
	events  []string      // rows of events; none for all
}

var (
	wholePlan = plan{rounds: 15, turn: 200 * time.Millisecond, starts: 25, storms: 3, storm: 500, decide: 150 * time.Millisecond, entries: 20_000, records: 100_000}
	quickPlan = plan{rounds: 2, turn: 40 * time.Millisecond, starts: 3, storms: 1, storm: 30, decide: time.Millisecond, entries: 200, records: 1_000}
)

func (p plan) String() string {
	return fmt.Sprintf("Events at %d connections, %d rounds of %s each, %s where calls take 20 ms; %d starts; %d storms of %d; %s entries, %s records",
		connections, p.rounds, p.turn, longer*p.turn, p.starts, p.storms, p.storm, table.Thousands(p.entries), table.Thousands(p.records))
}

// bench is one run.
type bench struct {
	plan     plan
	dir      string // is deleted in the end
	cores    machine.Cores
	built    binaries
	env      []string  // of every function, beside its own
	now      time.Time // the date of all events
	measures map[string][]float64
	progress io.Writer
	used     int // numbers of events
}

// measure carries out a plan.
func measure(ctx context.Context, p plan, progress io.Writer) (t table.Table, err error) {
	b, err := newBench(ctx, p, progress)
	if err != nil {
		return t, err
	}
	defer b.close()
	absent := machine.ErrUnknown.Error()
	for _, part := range parts {
		if len(p.only) > 0 && !slices.Contains(p.only, part.name) {
			absent = "not measured"
			continue
		}
		b.say("%s", part.name)
		if err := part.measure(b, ctx); err != nil {
			return t, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	results := table.Fill(b.measures, absent)
	return table.Table{
		Machine: machine.Describe(), Go: runtime.Version(), Pinned: b.pinned(), Setup: p.String(), Doubt: table.Doubt(results), Results: results,
	}, nil
}

// parts are what a run measures one after the other.
var parts = []struct {
	name    string
	measure func(*bench, context.Context) error
}{
	{"sizes", (*bench).sizes},
	{"starts", (*bench).starts},
	{"events", (*bench).events},
	{"calls", (*bench).grantCalls},
	{"storms", (*bench).storms},
	{"decisions", (*bench).decisions},
	{"commands", (*bench).commands},
}

func partNames() (names []string) {
	for _, part := range parts {
		names = append(names, part.name)
	}
	return names
}

// newBench builds what is measured, and keeps this process on its cores.
func newBench(ctx context.Context, p plan, progress io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp(machine.ScratchFolder(), "pullfix-bench")
	if err != nil {
		return nil, err
	}
	b := &bench{plan: p, dir: dir, now: time.Now(), measures: map[string][]float64{}, progress: progress}
	b.say("build")
	if b.built, err = build(ctx, dir); err == nil {
		b.cores = machine.Split()
		err = b.cores.Stay()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) }

func (b *bench) pinned() string {
	if b.cores.Why != "" {
		return "Nothing is pinned, so ratios say less: " + b.cores.Why
	}
	list := func(cores []int) string { return strings.Trim(fmt.Sprint(cores), "[]") }
	return fmt.Sprintf("The functions run on core %s with GOMAXPROCS=1, all else on core %s", list(b.cores.Server), list(b.cores.Client))
}

// add takes in one value of a row.
func (b *bench) add(of, measure string, value float64) {
	name := table.Row{Of: of, Measure: measure}.Name()
	b.measures[name] = append(b.measures[name], value)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

// request makes events of a kind that have nothing to do with one another.
func (b *bench) request(kind event.Kind) load.Maker { return event.Maker(kind, event.Wide, b.now) }

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, text []byte) (path string, err error) {
	path = b.path(name)
	return path, os.WriteFile(path, text, 0o600)
}

// Command torture runs several instances of the function in real processes,
// kills them, lets everything around them fail, and proves at the end that
// nothing went wrong that must not. A seed comes in; what was seen goes out, and
// for each invariant whether it holds. The same seed makes the same events, the
// same order of first deliveries, the same faults by the count of calls, and the
// same kills by the count of messages. What meets what is for the processes to
// decide, so a second run is like the first one and not the same.
//
// The exit status is 0 where everything holds, 1 where something is broken, 2
// where the run could not be made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"

	"github.com/pullfix/pullfix/torture/check"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// outcome is what came of a run.
type outcome interface {
	report(io.Writer) error
	holds() bool
}

func (r *run) holds() bool  { return check.AllHold(r.results) }
func (s *soak) holds() bool { return s.run.holds() && s.flat() }

// command returns the exit status.
func command(ctx context.Context, args []string, out, trouble io.Writer) int {
	o, err := made(ctx, args, out, trouble)
	if err == nil {
		err = o.report(out)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(trouble, "torture: %v\n", err)
		return 2
	case !o.holds():
		return 1
	default:
		return 0
	}
}

func made(ctx context.Context, args []string, out, trouble io.Writer) (outcome, error) {
	if len(args) > 0 && args[0] == "soak" {
		p, rate, err := soakOf(args[1:], trouble)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "torture soak --seed %d --for %s --rate %d\n", p.seed, p.limit, rate)
		return soaked(ctx, p, rate, out)
	}
	p, err := planOf(args, trouble)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "torture %s\n", p.arguments())
	return torture(ctx, p, out)
}

func (p *plan) flags(name, usage string, trouble io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(trouble)
	flags.Usage = func() { fmt.Fprint(trouble, usage); flags.PrintDefaults() }
	flags.Uint64Var(&p.seed, "seed", rand.Uint64N(1_000_000), "what events, faults and kills are made from; by default another one each time")
	flags.IntVar(&p.perHour, "budget", 100_000, "grants an hour that the policy has; a small one trips")
	flags.DurationVar(&p.limit, "for", 30*time.Minute, "publish nothing more after this time")
	flags.BoolVar(&p.calm, "calm", false, "no random faults of Google Cloud and Slack")
	return flags
}

const usage = `Usage: go run ./torture [flags]
       go run ./torture soak [flags]

Runs instances of the function on loopback ports, kills them, lets what they call
fail, and proves what must be true all the same. soak runs one instance for long
without killing it, and wants its memory and its goroutines flat.
Exit status: 0 everything holds, 1 something is broken, 2 the run could not be made.

`

func planOf(args []string, trouble io.Writer) (p plan, err error) {
	flags := p.flags("torture", usage, trouble)
	flags.IntVar(&p.events, "events", 5_000, "log entries, some of them in several messages")
	flags.IntVar(&p.kills, "kills", 50, "instances killed while they work")
	flags.IntVar(&p.instances, "instances", 3, "instances of the function that run at the same time")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	return p, p.check(flags)
}

// soakOf makes more events than are due, since some come in several messages.
func soakOf(args []string, trouble io.Writer) (p plan, rate int, err error) {
	flags := p.flags("torture soak", usage, trouble)
	flags.IntVar(&rate, "rate", 20, "messages published a second")
	if err := flags.Parse(args); err != nil {
		return p, rate, err
	}
	p.instances, p.events = 1, int(p.limit.Seconds()*float64(rate))
	return p, rate, p.check(flags)
}

func (p *plan) check(flags *flag.FlagSet) error {
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("argument %q: want flags only", flags.Arg(0))
	case p.events < 1 || p.kills < 0 || p.instances < 1 || p.perHour < 0 || p.limit <= 0:
		return errors.New("want at least one event and one instance, and nothing below zero")
	}
	return nil
}

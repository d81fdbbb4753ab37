package main

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/torture/world"
)

// faults is what goes wrong in Google Cloud. What the nth call of a method meets
// is certain by the seed; which call that is, is not.
type faults struct {
	seed uint64
	calm bool // nothing goes wrong but what must

	mu    sync.Mutex
	calls map[string]uint64 // by method
	met   map[string]int    // by what it was
}

func newFaults(seed uint64, calm bool) *faults {
	return &faults{seed: seed, calm: calm, calls: map[string]uint64{}, met: map[string]int{}}
}

// theirs marks the calls of other writers, which meet no faults, so that it is
// certain what they have done.
const theirs = "other writer"

// How many of a million calls meet what.
const (
	million     = 1_000_000
	refusedRate = 12_000
	slowRate    = 25_000
	hungRate    = 20
	lostRate    = 20_000 // of writes
)

const longestDelay = 80 * time.Millisecond

// passing are the codes of failures that pass. unanswered are those of calls
// that may have been carried out; a conflict is none of them.
var (
	unanswered = []codes.Code{codes.Unavailable, codes.Internal, codes.DeadlineExceeded, codes.Unknown, codes.Canceled}
	passing    = append([]codes.Code{codes.Aborted, codes.ResourceExhausted, codes.DataLoss, codes.Unauthenticated}, unanswered...)
)

// writes are the methods that change something.
var writes = map[string]bool{"SetIamPolicy": true, "Commit": true, "WriteLogEntries": true}

// meet returns what a call meets in place of its answer.
func (f *faults) meet(ctx context.Context, c emulator.Call) error {
	switch {
	case c.Reason == theirs:
		return nil
	case c.Method == "SetIamPolicy" && world.Locked(c.Resource) && !c.Done:
		f.count("refused for good")
		return status.Error(codes.PermissionDenied, "nobody may change this policy")
	case f.calm:
		return nil
	case c.Done:
		return f.answer(c)
	default:
		return f.arrival(ctx, c.Method)
	}
}

// arrival is what a call meets before it is carried out.
func (f *faults) arrival(ctx context.Context, method string) error {
	chance := f.draw(method)
	switch n := chance.IntN(million); {
	case n < refusedRate:
		f.count("refused for now")
		return status.Error(passing[chance.IntN(len(passing))], "a fault of the torture run")
	case n < refusedRate+slowRate:
		f.count("slow")
		return pause(ctx, time.Duration(chance.Int64N(int64(longestDelay))))
	case n < refusedRate+slowRate+hungRate:
		f.count("never answered")
		<-ctx.Done()
		return ctx.Err()
	default:
		return nil
	}
}

// answer is what a call meets after it was carried out.
func (f *faults) answer(c emulator.Call) error {
	done := c.Err == nil && writes[c.Method]
	if !done {
		return nil
	}
	chance := f.draw(c.Method + " answered")
	if chance.IntN(million) >= lostRate {
		return nil
	}
	f.count("answer lost of " + c.Method)
	return status.Error(unanswered[chance.IntN(len(unanswered))], "a fault of the torture run")
}

// draw returns the chances of the next call of a method.
func (f *faults) draw(method string) *rand.Rand {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.calls[method]
	f.calls[method]++
	return chances(f.seed, method, n)
}

// chances are random numbers that depend on what is named and nothing else.
func chances(seed uint64, what string, n uint64) *rand.Rand {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(what))
	return rand.New(rand.NewPCG(seed^hash.Sum64(), n))
}

func (f *faults) count(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.met[what]++
}

// pause waits, but not longer than somebody waits for it.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Package load sends requests over connections that stay open, and measures. An
// address and a maker of requests come in; how many were answered, in what time,
// and how long each took go out. It writes and reads sockets itself: net/http's
// client takes more of a core than the servers that are measured.
package load

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Maker appends request number n, in HTTP/1.1, to a buffer, and returns that.
// Several connections call it at once.
type Maker func(buffer []byte, n int) []byte

// Run says what to send, and for how long: until the time is over or the count
// is reached. Zero is no bound; one must be set.
type Run struct {
	Address     string // host:port
	Connections int    // each has one request under way
	Time        time.Duration
	Count       int
	First       int // number of the first request
	Request     Maker
	Again       bool // send a request again until it is answered 204, as Pub/Sub does
}

// Result is what came of a run.
type Result struct {
	Done      int             // requests that were answered 204
	Again     int             // deliveries beyond the first of a request
	Took      time.Duration   // from the first request to the last answer
	Latencies []time.Duration // of all requests, the quickest first
}

// PerSecond is how many requests were answered in a second.
func (r Result) PerSecond() float64 { return float64(r.Done) / r.Took.Seconds() }

// Percentile returns the latency that so many percent of the requests did not
// exceed.
func (r Result) Percentile(percent float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	return r.Latencies[min(int(float64(len(r.Latencies))*percent/100), len(r.Latencies)-1)]
}

// Do carries out the run. A request that is not answered with 204, at once or
// with Again after many deliveries, is an error.
func (r Run) Do(ctx context.Context) (result Result, err error) {
	if r.Time == 0 && r.Count == 0 {
		return result, errors.New("load: want a time or a count")
	}
	lanes, err := openAll(ctx, r)
	defer lanes.close()
	if err != nil {
		return result, err
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for _, l := range lanes {
		group.Go(func() error { return l.run(ctx, began, &next) })
	}
	err = group.Wait()
	result.Took = time.Since(began)
	for _, l := range lanes {
		result.Again += l.again
		result.Latencies = append(result.Latencies, l.latencies...)
	}
	result.Done = len(result.Latencies)
	slices.Sort(result.Latencies)
	return result, err
}

package telemetry

import (
	"context"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// pulse sends one signal once in a while, one sending at a time, apart from
// whoever causes it.
type pulse struct {
	every  time.Duration
	limit  time.Duration // of one sending
	export func(context.Context) error
	warn   Warn

	mu     sync.Mutex
	begun  time.Time     // the last sending; zero is never, so that the first request sends
	going  chan struct{} // closed when the sending that goes on ends; nil where none does
	cancel func()        // ends it
	failed bool          // the last sending failed
	slow   bool          // the last sending failed or took longer than a request waits
	closed bool
	timer  *time.Timer // sends what is left where no request comes and there is a processor
}

// beat begins to send where that is due. It returns what is closed when it is
// sent, nil where there is nothing to wait for.
func (p *pulse) beat() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	wait := p.every - time.Since(p.begun)
	if p.going != nil || wait > 0 {
		p.later(wait)
		return nil
	}
	ended := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), p.limit)
	p.begun, p.going, p.cancel = time.Now(), ended, cancel
	go p.send(ctx, ended)
	if p.slow {
		return nil
	}
	return ended
}

// later has what is new sent although no request may come that does.
func (p *pulse) later(wait time.Duration) {
	if p.timer != nil {
		return
	}
	p.timer = time.AfterFunc(max(wait, p.every), func() {
		p.mu.Lock()
		p.timer = nil
		p.mu.Unlock()
		p.beat()
	})
}

func (p *pulse) send(ctx context.Context, ended chan struct{}) {
	begun := time.Now()
	err := p.export(ctx)
	p.mu.Lock()
	p.cancel()
	first := err != nil && !p.failed
	p.going, p.failed, p.slow = nil, err != nil, err != nil || time.Since(begun) > patience
	p.mu.Unlock()
	close(ended)
	if first {
		p.warn("telemetry is not sent", err)
	}
}

// last sends what there is, after what goes on already. It ends that where there
// is no more time.
func (p *pulse) last(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	going, cancel := p.going, p.cancel
	p.mu.Unlock()
	if going != nil {
		select {
		case <-going:
		case <-ctx.Done():
			cancel()
			return ctx.Err()
		}
	}
	return p.export(ctx)
}

// collect sends the metrics as they are now.
type collect struct {
	from *sdkmetric.ManualReader
	to   sdkmetric.Exporter
}

func (c collect) export(ctx context.Context) error {
	var all metricdata.ResourceMetrics
	if err := c.from.Collect(ctx, &all); err != nil {
		return err
	}
	return c.to.Export(ctx, &all)
}

// seldom warns at most once in a while: a collector that is away fails often.
type seldom struct {
	warn Warn
	mu   sync.Mutex
	last time.Time
}

func (s *seldom) handle(err error) {
	const while = time.Minute
	s.mu.Lock()
	soon := time.Since(s.last) < while
	if !soon {
		s.last = time.Now()
	}
	s.mu.Unlock()
	if !soon {
		s.warn("telemetry is not whole", err)
	}
}

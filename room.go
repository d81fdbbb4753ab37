package pullfix

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// room bounds the memory that events take together, however many are in hand.
// A body of 1 MiB that is mostly small numbers takes some 40 MiB while it is
// decoded: ten of those at once were more than the instance has.
type room struct{ held, decoded *semaphore.Weighted }

const (
	// mostHeld is how many bytes of bodies are in hand at once: more than those
	// of the largest events at the concurrency that deploy.sh gives an instance.
	mostHeld = 16 << 20
	// mostDecoded is how many bytes are decoded at once, at the same time.
	mostDecoded = largestBody
	// smallBody is one that never waits to be read. A client that sends nothing
	// after it has announced a large one keeps no other event waiting.
	smallBody = 64 << 10
)

func newRoom() room {
	return room{held: semaphore.NewWeighted(mostHeld), decoded: semaphore.NewWeighted(mostDecoded)}
}

// hold waits for the room of a body whose length is announced, or is -1, until a
// time at the most.
func (r room) hold(ctx context.Context, until time.Time, length int64) (leave func(), err error) {
	switch {
	case length < 0 || length > largestBody:
		length = largestBody
	case length <= smallBody:
		return func() {}, nil
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := r.held.Acquire(ctx, length); err != nil {
		return nil, fmt.Errorf("wait for other large events: %w", err)
	}
	return func() { r.held.Release(length) }, nil
}

// decode waits for the room to decode so many bytes, and does it.
func (r room) decode(ctx context.Context, bytes int, do func()) error {
	n := min(int64(bytes), mostDecoded)
	if err := r.decoded.Acquire(ctx, n); err != nil {
		return fmt.Errorf("wait for other events to be decoded: %w", err)
	}
	defer r.decoded.Release(n)
	do()
	return nil
}

// scratch is the memory that a delivery is read into. Nobody else gets it while
// anything of the delivery is in use.
type scratch struct {
	body  bytes.Buffer
	entry []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// leave gives the memory to another delivery, unless it is much.
func (s *scratch) leave() {
	if s.body.Cap() <= smallBody && cap(s.entry) <= smallBody {
		s.body.Reset()
		scratches.Put(s)
	}
}

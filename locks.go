package pullfix

import (
	"context"
	"hash/maphash"
)

// locks lets one event at a time do something about a name. Names share a
// bounded number of locks, so that no flood of names takes memory.
type locks struct {
	seed  maphash.Seed
	slots [64]chan struct{}
}

func newLocks() *locks {
	l := &locks{seed: maphash.MakeSeed()}
	for n := range l.slots {
		l.slots[n] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for its turn, or for the end of the context.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	slot := l.slots[maphash.String(l.seed, name)%uint64(len(l.slots))]
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

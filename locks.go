package pullfix

import (
	"context"
	"sync"
)

// locks lets one event at a time do something about a name. A name takes memory
// only while somebody waits for it or has it.
type locks struct {
	mu    sync.Mutex
	names map[string]*turn
}

type turn struct {
	free  chan struct{} // holds one token while nobody has the name
	users int
}

// lock waits for its turn, or for the end of the context.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	t := l.join(name)
	select {
	case <-t.free:
		return func() { t.free <- struct{}{}; l.leave(name, t) }, nil
	case <-ctx.Done():
		l.leave(name, t)
		return nil, ctx.Err()
	}
}

func (l *locks) join(name string) *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.names[name]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		if l.names == nil {
			l.names = map[string]*turn{}
		}
		l.names[name] = t
	}
	t.users++
	return t
}

func (l *locks) leave(name string, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(l.names, name)
	}
}

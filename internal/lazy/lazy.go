// Package lazy holds what is made when it is first used. A function that makes
// the value comes in with every use; the value goes out, the same each time.
package lazy

import "sync"

// Value is made on first use. Only success is kept, so that a failure is tried
// again. The zero Value holds nothing yet.
type Value[T any] struct {
	mu   sync.Mutex
	made bool
	v    T
}

// Get returns the value, and makes it where there is none.
func (l *Value[T]) Get(build func() (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made {
		return l.v, nil
	}
	v, err := build()
	if err == nil {
		l.v, l.made = v, true
	}
	return v, err
}

// Made returns the value where there is one.
func (l *Value[T]) Made() (v T, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.v, l.made
}

// Forget makes the next Get build the value anew.
func (l *Value[T]) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made = false
}

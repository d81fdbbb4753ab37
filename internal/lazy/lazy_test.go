package lazy

import (
	"errors"
	"sync"
	"testing"
)

func TestValue(t *testing.T) {
	var l Value[int]
	made := 0
	build := func() (int, error) { made++; return made, nil }
	away := errors.New("away")

	if _, ok := l.Made(); ok {
		t.Error("a value is there before the first use")
	}
	if _, err := l.Get(func() (int, error) { return 0, away }); !errors.Is(err, away) {
		t.Errorf("got %v, want the error of what makes the value", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if v, err := l.Get(build); v != 1 || err != nil {
				t.Errorf("got %d, %v, want 1", v, err)
			}
		})
	}
	wg.Wait()
	if v, ok := l.Made(); v != 1 || !ok || made != 1 {
		t.Errorf("got %d, %t after %d times, want 1 made once", v, ok, made)
	}
	l.Forget()
	if v, err := l.Get(build); v != 2 || err != nil {
		t.Errorf("after it was forgotten: got %d, %v, want 2", v, err)
	}
}

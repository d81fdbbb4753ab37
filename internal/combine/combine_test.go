package combine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// double answers every value with twice it, after a second, and notes how many
// it took at once.
func double(sizes *[]int) func([]int) []int {
	return func(values []int) []int {
		*sizes = append(*sizes, len(values))
		time.Sleep(time.Second)
		answers := make([]int, len(values))
		for n, v := range values {
			answers[n] = 2 * v
		}
		return answers
	}
}

func TestWhoComesDuringARunIsTakenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int, int]
		var sizes []int
		var wg sync.WaitGroup
		call := func(v int) {
			wg.Go(func() {
				got, taken, err := g.Do(t.Context(), "k", v, double(&sizes))
				if got != 2*v || !taken || err != nil {
					t.Errorf("Do(%d): got %d, %t, %v, want %d, true, nil", v, got, taken, err, 2*v)
				}
			})
		}
		call(0)
		synctest.Wait()
		for v := 1; v <= 100; v++ {
			call(v)
		}
		wg.Wait()
		if len(sizes) != 2 || sizes[0] != 1 || sizes[1] != 100 {
			t.Errorf("runs took %v values, want 1 and then 100", sizes)
		}
		if len(g.queues) != 0 {
			t.Errorf("%d keys are left when nobody waits, want 0", len(g.queues))
		}
	})
}

func TestKeysDoNotWaitForOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int, int, int]
		began := time.Now()
		var wg sync.WaitGroup
		for key := range 10 {
			wg.Go(func() {
				var sizes []int
				if got, _, err := g.Do(t.Context(), key, 1, double(&sizes)); got != 2 || err != nil {
					t.Errorf("key %d: got %d, %v", key, got, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("ten keys took %s, want the second that one takes", took)
		}
	})
}

func TestWhoStopsWaiting(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration // that the second caller waits
		taken bool
	}{
		{"before it is taken", time.Second / 2, false},
		{"while it is worked on", 3 * time.Second / 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g Group[string, int, int]
				var sizes []int
				var wg sync.WaitGroup
				wg.Go(func() { _, _, _ = g.Do(t.Context(), "k", 1, double(&sizes)) })
				synctest.Wait()
				wg.Go(func() { _, _, _ = g.Do(t.Context(), "k", 2, double(&sizes)) }) // leads the second run
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), test.after)
				defer cancel()
				_, taken, err := g.Do(ctx, "k", 3, double(&sizes))
				if taken != test.taken || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got taken %t, %v, want %t and the end of the context", taken, err, test.taken)
				}
				wg.Wait()
				want := 1
				if test.taken {
					want = 2
				}
				if len(sizes) != 2 || sizes[1] != want {
					t.Errorf("runs took %v values, want 1 and %d", sizes, want)
				}
			})
		})
	}
}

// TestWhoeverMustLeadLeaves ends the context of the caller whose turn it is to
// lead, at the moment at which its turn comes.
func TestWhoeverMustLeadLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int, int]
		var sizes []int
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = g.Do(t.Context(), "k", 1, double(&sizes)) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wg.Go(func() { _, _, _ = g.Do(ctx, "k", 2, double(&sizes)) })
		synctest.Wait()
		wg.Go(func() {
			if got, _, err := g.Do(t.Context(), "k", 3, double(&sizes)); got != 6 || err != nil {
				t.Errorf("got %d, %v, want 6", got, err)
			}
		})
		wg.Wait()
		if len(g.queues) != 0 {
			t.Errorf("%d keys are left, want 0", len(g.queues))
		}
	})
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int, int]
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { _ = recover() }()
			_, _, _ = g.Do(t.Context(), "k", 1, func([]int) []int { time.Sleep(time.Second); panic("broken") })
		})
		synctest.Wait()
		var sizes []int
		if got, _, err := g.Do(t.Context(), "k", 2, double(&sizes)); got != 4 || err != nil {
			t.Errorf("after a panic: got %d, %v, want 4", got, err)
		}
		wg.Wait()
	})
}

package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// calls reports how many calls of Firestore an operation takes, but for those
// before.
func calls(b *testing.B, cloud *emulator.Cloud, before map[string]int) {
	b.Helper()
	got := cloud.Calls()
	b.ReportMetric(float64(got["BatchGetDocuments"]-before["BatchGetDocuments"])/float64(b.N), "loads/op")
	b.ReportMetric(float64(got["Commit"]-before["Commit"])/float64(b.N), "commits/op")
}

func BenchmarkBegin(b *testing.B) {
	cloud, address := emulatortest.Start(b, "")
	l := New(database(b, address, 1))
	for n := range b.N {
		if _, err := l.Begin(b.Context(), fmt.Sprint(n), Past{}, noon, 1<<30); err != nil {
			b.Fatal(err)
		}
	}
	calls(b, cloud, nil)
}

// BenchmarkPreparedBegin leaves out the load that a caller makes while it waits
// for something else.
func BenchmarkPreparedBegin(b *testing.B) {
	cloud, address := emulatortest.Start(b, "")
	l := New(database(b, address, 1))
	for n := range b.N {
		past, err := l.Prepare(b.Context(), fmt.Sprint(n), noon)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := l.Begin(b.Context(), fmt.Sprint(n), past, noon, 1<<30); err != nil {
			b.Fatal(err)
		}
	}
	calls(b, cloud, nil)
}

// BenchmarkEnd ends acts that were begun before, and not counted.
func BenchmarkEnd(b *testing.B) {
	cloud, address := emulatortest.Start(b, "")
	l := New(database(b, address, 1))
	for n := range b.N {
		if _, err := l.Begin(b.Context(), fmt.Sprint(n), Past{}, noon, 1<<30); err != nil {
			b.Fatal(err)
		}
	}
	before := cloud.Calls()
	b.ResetTimer()
	for n := range b.N {
		made := ""
		if n%2 == 0 {
			made = fmt.Sprint(n)
		}
		if err := l.End(b.Context(), fmt.Sprint(n), "how", made, noon); err != nil {
			b.Fatal(err)
		}
	}
	calls(b, cloud, before)
}

// BenchmarkClaim claims a problem of its own and tells of it.
func BenchmarkClaim(b *testing.B) {
	cloud, address := emulatortest.Start(b, "")
	l := New(database(b, address, 1))
	for n := range b.N {
		event := fmt.Sprint(n)
		if c, err := l.Claim(b.Context(), event, event, noon, every); err != nil || !c.Due {
			b.Fatal(c, err)
		}
		if err := l.Told(b.Context(), event, event, noon); err != nil {
			b.Fatal(err)
		}
	}
	calls(b, cloud, nil)
}

// BenchmarkFlood has four instances claim one problem for a new event each,
// eighty at a time as a function does.
func BenchmarkFlood(b *testing.B) {
	cloud, address := emulatortest.Start(b, "")
	store := database(b, address, 1)
	var due, next atomic.Int64
	var wg sync.WaitGroup
	for k := range 4 {
		l := New(store)
		l.shard = k
		for range 80 {
			wg.Go(func() {
				for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
					c, err := l.Claim(b.Context(), "p", fmt.Sprint(n), noon, every)
					if err != nil {
						b.Error(err)
					}
					if c.Due {
						due.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	if due.Load() != 1 {
		b.Errorf("%d were due, want 1", due.Load())
	}
	calls(b, cloud, nil)
}

func BenchmarkMemory(b *testing.B) {
	l := New(NewMemory())
	for n := range b.N {
		event := fmt.Sprint(n)
		if _, err := l.Begin(b.Context(), event, Past{}, noon, 1<<30); err != nil {
			b.Fatal(err)
		}
		if _, err := l.Claim(b.Context(), "p", event, noon, every); err != nil {
			b.Fatal(err)
		}
	}
}

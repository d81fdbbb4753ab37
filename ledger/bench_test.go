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
		if _, err := l.Begin(b.Context(), fmt.Sprint(n), one(noon).on(fmt.Sprint(n)), Past{}, noon, 1<<30); err != nil {
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
		past, err := l.Prepare(b.Context(), fmt.Sprint(n), one(noon).on(fmt.Sprint(n)), noon)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := l.Begin(b.Context(), fmt.Sprint(n), one(noon).on(fmt.Sprint(n)), past, noon, 1<<30); err != nil {
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
		if _, err := l.Begin(b.Context(), fmt.Sprint(n), one(noon).on(fmt.Sprint(n)), Past{}, noon, 1<<30); err != nil {
			b.Fatal(err)
		}
	}
	before := cloud.Calls()
	b.ResetTimer()
	for n := range b.N {
		made := Nothing
		if n%2 == 0 {
			made = Granted
		}
		if _, err := l.End(b.Context(), fmt.Sprint(n), one(noon).on(fmt.Sprint(n)), "how", made, noon); err != nil {
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
		if err := l.Told(b.Context(), event, event, "", noon); err != nil {
			b.Fatal(err)
		}
	}
	calls(b, cloud, nil)
}

// BenchmarkFlood has the instances claim one problem for a new event each.
func BenchmarkFlood(b *testing.B) {
	var due atomic.Int64
	flood(b, func(l *Ledger, event string) error {
		c, err := l.Claim(b.Context(), "p", event, noon, every)
		if c.Due {
			due.Add(1)
		}
		return err
	})
	if due.Load() != 1 {
		b.Errorf("%d were due, want 1", due.Load())
	}
}

// BenchmarkAdmit asks for new events. Almost all are refused.
func BenchmarkAdmit(b *testing.B) {
	flood(b, func(l *Ledger, event string) error {
		_, err := l.Admit(b.Context(), "channel", event, noon, 20, window)
		return err
	})
}

// BenchmarkHeldFlood is all that is called for a new event of a new problem.
// Almost all are part of the summary.
func BenchmarkHeldFlood(b *testing.B) {
	c := newChannel(20)
	flood(b, func(l *Ledger, event string) error { return c.alert(b.Context(), l, event, event, noon) })
	if len(c.sent) > c.most+1 {
		b.Errorf("%d were told of, want %d and a summary", len(c.sent), c.most)
	}
}

// flood has four instances at work, each on eighty events at a time as a
// function is.
func flood(b *testing.B, work func(l *Ledger, event string) error) {
	b.Helper()
	cloud, address := emulatortest.Start(b, "")
	store := database(b, address, 1)
	var next atomic.Int64
	var wg sync.WaitGroup
	for k := range 4 {
		l := New(store)
		l.shard = k
		for range 80 {
			wg.Go(func() {
				for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
					if err := work(l, fmt.Sprint(n)); err != nil {
						b.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	calls(b, cloud, nil)
}

func BenchmarkMemory(b *testing.B) {
	l := New(NewMemory())
	for n := range b.N {
		event := fmt.Sprint(n)
		if _, err := l.Begin(b.Context(), event, one(noon), Past{}, noon, 1<<30); err != nil {
			b.Fatal(err)
		}
		if _, err := l.Claim(b.Context(), "p", event, noon, every); err != nil {
			b.Fatal(err)
		}
	}
}

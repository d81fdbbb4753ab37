package ledger

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func budgetIsExact(_ *testing.T, w *world) {
	const perHour = 20
	all := w.instances(4)
	for epoch := range 2 {
		began := noon.Add(time.Duration(epoch) * 5 * time.Hour)
		var mu sync.Mutex
		granted, trips := 0, map[Trip]int{}
		w.atOnce(all, 15, func(l *Ledger, event string, n int) {
			trip, err := l.Begin(w.Context(), fmt.Sprint(event, epoch), Past{}, began.Add(time.Duration(n)*time.Second), perHour)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				w.Error(err)
			case trip.IsZero():
				granted++
			default:
				trips[trip]++
			}
		})
		w.want("grants", granted, perHour)
		w.want("trips", len(trips), 1)
		for trip, n := range trips {
			w.want("events that were refused", n, 60-perHour)
			w.want("epoch", trip.Epoch, epoch)
			w.tripped(all[0], "late", began.Add(1000*time.Hour), perHour, trip)
			lifted, err := all[1].Rearm(w.Context(), began.Add(time.Minute))
			w.must(err)
			w.want("the trip that was lifted", lifted, trip)
		}
	}
}

func hourSlides(_ *testing.T, w *world) {
	all := w.instances(2)
	for _, step := range []struct {
		after   time.Duration
		perHour int
	}{
		{9 * time.Second, 3},
		{30 * time.Minute, 3},
		{59 * time.Minute, 3},
		{time.Hour + 10*time.Second, 3}, // the first is an hour old, counted from the end of its ten seconds
		{90*time.Minute + 10*time.Second, 3},
		{119*time.Minute + 10*time.Second, 3},
	} {
		w.granted(all[step.perHour%2], step.after.String(), noon.Add(step.after), step.perHour)
	}
	at := noon.Add(2*time.Hour + 19*time.Second)
	w.tripped(all[0], "one too many", at, 3, Trip{At: at})
}

func redeliverySpendsOnce(_ *testing.T, w *world) {
	all := w.instances(3)
	for range 3 {
		for n, l := range all {
			w.granted(l, "a", noon.Add(time.Duration(n)*time.Minute), 2)
		}
	}
	w.past(all[1], "a", noon, Past{Begun: true})
	w.granted(all[0], "b", noon, 2)
	w.tripped(all[0], "c", noon, 2, Trip{At: noon})
	w.granted(all[2], "a", noon, 2) // it has its grant
	w.past(all[2], "c", noon, Past{})
}

func abandonGivesBack(_ *testing.T, w *world) {
	all := w.instances(2)
	w.granted(all[0], "a", noon, 1)
	for range 2 {
		w.must(all[1].Abandon(w.Context(), "a", noon.Add(time.Minute)))
	}
	w.must(all[1].Abandon(w.Context(), "never begun", noon))
	w.past(all[0], "a", noon, Past{})
	w.granted(all[1], "b", noon.Add(time.Minute), 1)
	w.tripped(all[0], "a", noon.Add(time.Minute), 1, Trip{At: noon.Add(time.Minute)})
	_, err := all[0].Rearm(w.Context(), noon.Add(time.Minute))
	w.must(err)
	w.granted(all[0], "c", noon.Add(time.Minute), 1)
	w.must(all[0].Abandon(w.Context(), "b", noon.Add(time.Minute))) // it was of the epoch before
	w.past(all[0], "b", noon, Past{})
	w.tripped(all[0], "d", noon.Add(2*time.Minute), 1, Trip{At: noon.Add(2 * time.Minute), Epoch: 1})
}

func budgetIsMadeSmaller(_ *testing.T, w *world) {
	all := w.instances(8)
	// Two grants each in the shards 6 and 7, which a budget of five does not use.
	for _, event := range []string{"a", "b"} {
		w.granted(all[6], event, noon, 20)
		w.granted(all[7], event+"'", noon, 20)
	}
	w.granted(all[0], "c", noon.Add(30*time.Minute), 5)
	// Two are saved at once: only one of them can be the last of six.
	var mu sync.Mutex
	granted := 0
	w.atOnce(all[1:4], 1, func(l *Ledger, event string, _ int) {
		trip, err := l.Begin(w.Context(), event, Past{}, noon.Add(31*time.Minute), 6)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			w.Error(err)
		}
		if trip.IsZero() {
			granted++
		}
	})
	w.want("grants", granted, 1)
	trip, err := all[0].Rearm(w.Context(), noon.Add(32*time.Minute))
	w.must(err)
	w.want("trip", trip, Trip{At: noon.Add(31 * time.Minute)})
}

func noBudget(_ *testing.T, w *world) {
	all := w.instances(2)
	w.tripped(all[0], "a", noon, 0, Trip{At: noon})
	w.tripped(all[1], "b", noon.Add(time.Hour), 20, Trip{At: noon})
}

func rearming(_ *testing.T, w *world) {
	all := w.instances(2)
	for _, want := range []Trip{{}, {At: noon}, {At: noon.Add(time.Hour), Epoch: 1}} {
		if !want.IsZero() {
			w.granted(all[0], fmt.Sprint("first", want), want.At, 1)
			w.tripped(all[1], fmt.Sprint("second", want), want.At, 1, want)
		}
		got, err := all[0].Tripped(w.Context())
		w.must(err)
		w.want("tripped", got, want)
		for _, lifts := range []Trip{want, {}} {
			got, err := all[1].Rearm(w.Context(), noon.Add(2*time.Hour))
			w.must(err)
			w.want("lifted", got, lifts)
		}
		got, err = all[1].Tripped(w.Context())
		w.must(err)
		w.want("tripped after it was lifted", got, Trip{})
	}
}

func TestQuotas(t *testing.T) {
	var before [shards]int
	for perHour := range 100 {
		sum := 0
		for k := range shards {
			q := quota(k, perHour)
			if q < before[k] {
				t.Errorf("shard %d of a budget of %d: got %d, less than for %d", k, perHour, q, perHour-1)
			}
			if perHour > 0 && q > (perHour+min(shards, perHour)-1)/min(shards, perHour) {
				t.Errorf("shard %d of a budget of %d: got %d", k, perHour, q)
			}
			before[k] = q
			sum += q
		}
		if sum != perHour {
			t.Errorf("the quotas of a budget of %d are %d together", perHour, sum)
		}
	}
}

// What no budget needs is not kept.
func TestShardsAreBounded(t *testing.T) {
	w := &world{t, NewMemory()}
	l := w.instance()
	for n := range 400 {
		w.granted(l, fmt.Sprint(n), noon.Add(time.Duration(n)*time.Minute), 100)
	}
	for _, doc := range w.load(budgetNames...) {
		if len(doc.Data) > 100*40 {
			t.Errorf("%s has %d bytes", doc.Name, len(doc.Data))
		}
	}
}

package ledger

import (
	"fmt"
	"slices"
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
			event, now := fmt.Sprint(event, epoch), began.Add(time.Duration(n)*time.Second)
			start, err := l.Begin(w.Context(), event, one(now), Past{}, now, perHour)
			for n := 0; isBusy(err) && n < 10000; n++ { // it comes again
				time.Sleep(time.Millisecond)
				start, err = l.Begin(w.Context(), event, one(now), Past{}, now, perHour)
			}
			if err == nil && start.Trip.IsZero() {
				w.end(l, event, "binding", now)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				w.Error(err)
			case start.Trip.IsZero():
				granted++
			default:
				trips[start.Trip]++
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
		w.made(all[step.perHour%2], step.after.String(), noon.Add(step.after), step.perHour)
	}
	at := noon.Add(2*time.Hour + 19*time.Second)
	w.tripped(all[0], "one too many", at, 3, Trip{At: at})
}

func redeliverySpendsOnce(_ *testing.T, w *world) {
	all := w.instances(3)
	for range 3 {
		for n, l := range all {
			w.as(fmt.Sprint(n)).granted(l, "a", noon.Add(time.Duration(n)*time.Minute), 2)
		}
	}
	w.past(all[1], "a", noon, Past{Begun: true})
	w.as("2").abandon(all[2], "a", noon) // the others may have written
	w.past(all[1], "a", noon, Past{Begun: true})
	w.made(all[0], "b", noon, 2)
	w.busy(all[0], "c", noon, 2)
	for n, l := range all {
		w.as(fmt.Sprint(n)).end(l, "a", "binding", noon.Add(time.Duration(n)*time.Minute))
	}
	w.tripped(all[0], "c", noon, 2, Trip{At: noon})
	for _, event := range []string{"a", "b"} {
		w.want("begun again", w.begin(all[2], event, noon, 2), Start{Ended: "applied"})
	}
	w.past(all[2], "c", noon, Past{})
}

func abandonGivesBack(_ *testing.T, w *world) {
	all := w.instances(2)
	w.granted(all[0], "a", noon, 1)
	for range 2 {
		w.abandon(all[1], "a", noon.Add(time.Minute))
	}
	w.abandon(all[1], "never begun", noon)
	w.past(all[0], "a", noon, Past{})
	w.granted(all[1], "b", noon.Add(time.Minute), 1)
	w.busy(all[0], "a", noon.Add(time.Minute), 1)
	trip := Trip{At: noon.Add(12 * time.Minute)}
	w.tripped(all[0], "a", trip.At, 1, trip)
	_, err := all[0].Rearm(w.Context(), trip.At)
	w.must(err)
	w.made(all[0], "c", trip.At, 1)
	w.abandon(all[0], "b", trip.At) // it was of the epoch before
	w.past(all[0], "b", noon, Past{})
	w.tripped(all[0], "d", trip.At, 1, Trip{At: trip.At, Epoch: 1})

	// Nor is one of this epoch given back in its place.
	at := trip.At.Add(time.Minute)
	_, err = all[0].Rearm(w.Context(), at)
	w.must(err)
	w.granted(all[0], "e", at, 8)
	w.made(all[1], "f", at, 8)
	w.tripped(all[1], "g", at, 1, Trip{At: at, Epoch: 2})
	_, err = all[0].Rearm(w.Context(), at)
	w.must(err)
	w.granted(all[0], "h", at, 1)
	w.abandon(all[1], "e", at)
	w.busy(all[1], "i", at, 1)
}

func endGivesBack(_ *testing.T, w *world) {
	all := w.instances(2)
	w.granted(all[0], "a", noon, 1)
	for range 2 {
		w.end(all[1], "a", "", noon.Add(time.Minute))
	}
	w.past(all[0], "a", noon, Past{Ended: "refused"})
	w.granted(all[1], "b", noon.Add(time.Minute), 1)
	w.busy(all[0], "c", noon.Add(time.Minute), 1)
	w.end(all[0], "a", "", noon.Add(time.Minute)) // it has nothing any more
	w.busy(all[0], "c", noon.Add(time.Minute), 1)
	w.end(all[0], "b", "", noon.Add(11*time.Minute+5*time.Second))
	w.end(all[0], "never begun", "", noon)
	w.made(all[0], "c", noon.Add(12*time.Minute), 1)
	w.tripped(all[1], "d", noon.Add(12*time.Minute), 1, Trip{At: noon.Add(12 * time.Minute)})
}

// Twice as many events as the budget allows take a grant each at once, and give
// it back in the end.
func actsInProgress(_ *testing.T, w *world) {
	const perHour = 20
	all := w.instances(4)
	var mu sync.Mutex
	began := map[string]*Ledger{}
	w.atOnce(all, 10, func(l *Ledger, event string, n int) {
		past := Past{}
		var err error
		if n%2 == 0 {
			past, err = l.Prepare(w.Context(), event, one(noon), noon)
		}
		var start Start
		if err == nil {
			start, err = l.Begin(w.Context(), event, one(noon), past, noon, perHour)
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil && start.Trip.IsZero():
			began[event] = l
		case !isBusy(err):
			w.Errorf("event %s: got %+v, %v", event, start, err)
		}
	})
	w.want("acts in progress", len(began), perHour)
	tripped, err := all[0].Tripped(w.Context())
	w.must(err)
	w.want("tripped", tripped, Trip{})
	for event, l := range began {
		w.end(l, event, "", noon.Add(time.Minute))
	}
	for n := range perHour {
		w.made(all[n%4], fmt.Sprint("later ", n), noon.Add(time.Minute), perHour)
	}
	w.tripped(all[0], "too many", noon.Add(time.Minute), perHour, Trip{At: noon.Add(time.Minute)})
}

func actsThatDied(_ *testing.T, w *world) {
	all := w.instances(2)
	w.granted(all[0], "a", noon, 2)
	w.made(all[0], "b", noon, 2)
	w.busy(all[1], "c", noon.Add(openTime+9*time.Second), 2)
	at := noon.Add(openTime + 10*time.Second)
	w.tripped(all[1], "c", at, 2, Trip{At: at})
	_, err := all[1].Rearm(w.Context(), at)
	w.must(err)

	// It counts for an hour from then on.
	w.granted(all[0], "d", at, 1)
	at = at.Add(openTime + budgetPeriod)
	w.granted(all[1], "e", at.Add(9*time.Second), 2)
	w.busy(all[1], "f", at.Add(9*time.Second), 2)
	w.granted(all[0], "f", at.Add(10*time.Second), 2)

	// And goes back when it turns out that nothing was written.
	late := at.Add(openTime + time.Minute)
	w.end(all[1], "e", "", late)
	w.made(all[1], "g", late, 2)
	w.abandon(all[1], "f", late)
	w.made(all[1], "h", late, 2)
	w.end(all[0], "d", "", late) // long out of the count
	w.tripped(all[0], "i", late, 2, Trip{At: late, Epoch: 1})
}

// An act that nobody could finish for longer than it counts takes another grant when
// it goes on.
func actsThatGoOn(_ *testing.T, w *world) {
	all := w.instances(2)
	w.granted(all[0], "a", noon, 2)
	w.granted(all[1], "b", noon, 2)
	late := noon.Add(bucketLength + openLife)
	w.granted(all[0], "a", late.Add(-time.Second), 2) // it counts still
	w.as("another").granted(all[1], "a", late, 2)     // and now somebody is at work on it
	w.end(all[0], "a", "binding", late)
	w.granted(all[0], "c", late, 2)
	w.busy(all[1], "b", late, 2)
	w.end(all[0], "c", "", late)
	w.made(all[1], "b", late, 2)
	w.tripped(all[0], "d", late, 2, Trip{At: late})

	// Nor does it go on when grants were stopped meanwhile, but for a while.
	_, err := all[0].Rearm(w.Context(), late)
	w.must(err)
	w.granted(all[0], "e", late, 2)
	trip, err := all[0].Pause(w.Context(), "a migration", late)
	w.must(err)
	w.granted(all[0], "e", late.Add(openLife), 2)
	w.tripped(all[1], "e", late.Add(2*openLife), 2, trip)
	w.past(all[1], "e", late.Add(2*openLife), Past{})
}

func madeInAnyCase(_ *testing.T, w *world) {
	all := w.instances(2)
	// A delivery gives back what another one took, which goes on for too long.
	w.granted(all[0], "a", noon, 1)
	w.as("another").end(all[1], "a", "", noon.Add(actTime))
	w.granted(all[0], "b", noon, 1)
	w.end(all[0], "a", "binding", noon) // and finds another act in its place
	w.past(all[0], "a", noon, Past{Begun: true, Ended: "applied"})
	w.busy(all[0], "c", noon, 2)
	w.end(all[0], "b", "binding", noon)
	w.granted(all[1], "c", noon, 3)
	w.end(all[1], "c", "", noon)
	w.tripped(all[0], "d", noon, 2, Trip{At: noon})
	_, err := all[1].Rearm(w.Context(), noon)
	w.must(err)

	// One that was begun long ago counts from when it is known.
	w.granted(all[0], "e", noon, 1)
	w.end(all[1], "e", "binding", noon.Add(3*time.Hour))
	// One of the epoch before counts for nothing in this one.
	w.granted(all[0], "f", noon.Add(3*time.Hour), 2)
	at := noon.Add(4 * time.Hour)
	w.tripped(all[1], "g", at, 2, Trip{At: at, Epoch: 1})
	_, err = all[1].Rearm(w.Context(), at)
	w.must(err)
	w.end(all[0], "f", "binding", at)
	w.past(all[1], "f", at, Past{Begun: true, Ended: "applied"})
	w.made(all[0], "h", at, 1)
}

func budgetIsMadeSmaller(_ *testing.T, w *world) {
	all := w.instances(8)
	// Two grants each in the shards 6 and 7, which a budget of five does not use.
	for _, event := range []string{"a", "b"} {
		w.made(all[6], event, noon, 20)
		w.made(all[7], event+"'", noon, 20)
	}
	w.made(all[0], "c", noon.Add(30*time.Minute), 5)
	// Two are saved at once: only one of them can be the last of six.
	var mu sync.Mutex
	granted := []string{}
	at := noon.Add(31 * time.Minute)
	w.atOnce(all[1:4], 1, func(l *Ledger, event string, _ int) {
		start, err := l.Begin(w.Context(), event, one(at), Past{}, at, 6)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil && start.Trip.IsZero():
			granted = append(granted, event)
		case !isBusy(err):
			w.Errorf("event %s: got %+v, %v", event, start, err)
		}
	})
	w.want("grants", len(granted), 1)
	for _, event := range granted {
		w.end(all[5], event, "binding", at)
	}
	w.tripped(all[5], "d", at, 6, Trip{At: at})
	trip, err := all[0].Rearm(w.Context(), at)
	w.must(err)
	w.want("trip", trip, Trip{At: at})
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
			w.made(all[0], fmt.Sprint("first", want), want.At, 1)
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
	w := newWorld(t, NewMemory())
	l := w.instance()
	for n := range 400 {
		event, now := fmt.Sprint(n), noon.Add(time.Duration(n)*time.Minute)
		w.granted(l, event, now, 200)
		if n%2 == 0 {
			w.end(l, event, "binding", now)
		}
	}
	for _, doc := range w.load(budgetNames...) {
		if len(doc.Data) > 100*40 {
			t.Errorf("%s has %d bytes", doc.Name, len(doc.Data))
		}
	}
}

// TestLeft holds what whoever watches is told of the budget: what is left after
// each grant that is taken, and nothing where nobody counted.
func TestLeft(t *testing.T) {
	var told []int
	l := NewWatched(NewMemory(), Watch{Left: func(grants int) { told = append(told, grants) }})
	for _, event := range []string{"a", "b", "b", "c"} {
		if _, err := l.Begin(t.Context(), event, one(noon), Past{}, noon, 2); err != nil && !isBusy(err) {
			t.Fatal(err)
		}
		if event == "a" {
			if _, err := l.End(t.Context(), event, one(noon).on("binding"), "applied", Granted, noon); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := l.End(t.Context(), "b", one(noon).on("other binding"), "applied", Granted, noon); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if start, err := l.Begin(t.Context(), "d", one(noon), Past{}, noon, 2); err != nil || start.Trip.IsZero() {
			t.Fatalf("got %v, %v, want a trip", start, err)
		}
	}
	if want := []int{1, 0, 0, 0, 0}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

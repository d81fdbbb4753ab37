package ledger

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// meanwhile is a store in which others do something once, after a save that is
// carried out and whose answer is lost.
type meanwhile struct {
	Store
	others func()
}

func (s *meanwhile) Save(ctx context.Context, docs []Document, now time.Time) error {
	err := s.Store.Save(ctx, docs, now)
	if others := s.others; others != nil && err == nil {
		s.others = nil
		others()
		return status.Error(codes.Aborted, "fault")
	}
	return err
}

// A call that is tried again must not undo what another began since.
func TestWhatAnotherBeganMeanwhileIsLeft(t *testing.T) {
	w := newWorld(t, NewMemory())
	store := &meanwhile{Store: w.store}
	l, other := impatient(store), w.instance()

	second := w.as("second")
	w.granted(l, "a", noon, 2)
	store.others = func() { second.granted(other, "a", noon, 2) }
	w.abandon(l, "a", noon)
	w.past(other, "a", noon, Past{Begun: true})
	store.others = func() { second.abandon(other, "a", noon) }
	w.granted(l, "a", noon, 2)
	w.past(other, "a", noon, Past{Begun: true})
	second.granted(other, "a", noon, 2)
	store.others = func() { second.end(other, "a", "binding", noon) }
	w.endsAs(l, "a", "refused", Nothing, noon, "applied")
	w.past(other, "a", noon, Past{Begun: true, Ended: "applied"})
	w.made(other, "b", noon, 2)
	w.tripped(other, "c", noon, 2, Trip{At: noon})
	store.others = func() { w.want("begun after its end", second.begin(other, "e", noon, 2), Start{Ended: "refused"}) }
	w.end(l, "e", "", noon)

	w.claim(l, "p", "a", 0, first)
	store.others = func() { w.claim(other, "p", "a", 0, first) }
	w.release(l, "p", "a", 0)
	w.claim(l, "p", "a", 0, Claim{Unsure: true})
	w.told(other, "p", "a", 0)

	w.claim(l, "q", "b", 0, first)
	store.others = func() { w.claim(other, "q", "b", 0, first) }
	w.withhold(l, "q", "b", 0)
	w.claim(l, "q", "b", 0, Claim{Unsure: true})
	store.others = func() {
		w.claim(other, "q", "c", every, Claim{Due: true, Count: 2, Thread: "thread"})
		w.toldIn(other, "q", "c", "another", every)
	}
	w.toldIn(l, "q", "b", "thread", 0)
	w.claim(other, "q", "d", 2*every, Claim{Due: true, Count: 3, Thread: "another"})

	store.others = func() { w.tripped(other, "d", noon.Add(time.Hour), 0, Trip{At: noon.Add(time.Hour), Epoch: 1}) }
	lifted, err := l.Rearm(t.Context(), noon)
	w.must(err)
	w.want("lifted", lifted, Trip{At: noon})
}

// between is a store in which others do something once, after a load.
type between struct {
	Store
	others func()
}

func (s *between) Load(ctx context.Context, names []string) ([]Document, error) {
	docs, err := s.Store.Load(ctx, names)
	if others := s.others; others != nil && err == nil {
		s.others = nil
		others()
	}
	return docs, err
}

// What is decided by all shards holds for all shards when it is saved.
func TestShardsThatChangeMeanwhile(t *testing.T) {
	w := newWorld(t, NewMemory())
	store := &between{Store: w.store}
	l, all := impatient(store), w.instances(8)
	l.shard = 0

	w.made(all[6], "a", noon, 20)
	w.made(all[6], "b", noon, 20)
	store.others = func() { w.made(all[1], "c", noon, 3) } // the last one of a budget made smaller
	w.tripped(l, "d", noon, 3, Trip{At: noon})

	_, err := l.Rearm(t.Context(), noon)
	w.must(err)
	late := noon.Add(openTime + bucketLength)
	w.granted(all[0], "e", noon, 1)
	store.others = func() { w.abandon(all[0], "e", late) } // it was taken for made
	w.granted(l, "f", late, 1)
}

// Whoever looked before a pause and acts after it gets nothing, and what was begun
// before it is known to it.
func TestPauseMeanwhile(t *testing.T) {
	w := newWorld(t, NewMemory())
	store := &between{Store: w.store}
	l, person := impatient(store), w.instance()
	paused := Trip{At: noon, Paused: "a migration"}
	pause := func(l *Ledger) {
		t.Helper()
		trip, err := l.Pause(t.Context(), paused.Paused, noon)
		w.must(err)
		w.want("paused", trip, paused)
	}

	past, err := l.Prepare(t.Context(), "ahead", one(noon), noon)
	w.must(err)
	store.others = func() { pause(person) }
	w.tripped(l, "a", noon, 20, paused)
	for range 2 {
		start, err := l.Begin(t.Context(), "ahead", one(noon), past, noon, 20)
		w.must(err)
		w.want("begun after a load ahead", start, Start{Trip: paused})
	}

	lifted, err := l.Rearm(t.Context(), noon)
	w.must(err)
	w.want("lifted", lifted, paused)
	paused.Epoch = 1
	store.others = func() { w.granted(person, "b", noon, 20) }
	pause(l)
	w.granted(l, "b", noon, 20) // which was begun before
	w.tripped(l, "c", noon, 20, paused)
}

// A pause in the moment of a grant would save every shard as it is already.
func TestPauseThatChangesNoCount(t *testing.T) {
	w := newWorld(t, NewMemory())
	l := w.instance()
	w.granted(l, "a", noon, 20)
	past, err := l.Prepare(t.Context(), "b", one(noon), noon)
	w.must(err)
	paused, err := w.instance().Pause(t.Context(), "a migration", noon)
	w.must(err)
	start, err := l.Begin(t.Context(), "b", one(noon), past, noon, 20)
	w.must(err)
	w.want("begun after a load ahead", start, Start{Trip: paused})
}

// Nobody is sent away for what a load ahead found.
func TestActThatEndsAfterALoadAhead(t *testing.T) {
	w := newWorld(t, NewMemory())
	l := w.instance()
	w.granted(l, "a", noon, 1)
	past, err := l.Prepare(t.Context(), "b", one(noon), noon)
	w.must(err)
	w.end(l, "a", "", noon)
	start, err := l.Begin(t.Context(), "b", one(noon), past, noon, 1)
	w.must(err)
	w.want("begun", start, Start{})
}

// An instance whose clock is ahead leaves what the others must count.
func TestClocksThatDiffer(t *testing.T) {
	for _, test := range []struct {
		begin func(*world, *Ledger, string, time.Time, int)
		life  time.Duration
	}{
		{(*world).made, budgetPeriod},
		{(*world).granted, openLife},
	} {
		w := newWorld(t, NewMemory())
		l, ahead, behind := w.instance(), noon.Add(test.life+8*time.Minute), noon.Add(test.life-time.Minute)
		test.begin(w, l, "a", noon, 1)
		w.granted(l, "b", ahead, 1)
		w.abandon(l, "b", ahead)
		w.tripped(l, "c", behind, 1, Trip{At: behind})
	}
}

// torn is a store whose first load of the budget is half from before something
// that others do, and half from after.
type torn struct {
	Store
	others func()
}

func (s *torn) Load(ctx context.Context, names []string) ([]Document, error) {
	before, err := s.Store.Load(ctx, names)
	if err != nil || s.others == nil {
		return before, err
	}
	s.others()
	s.others = nil
	after, err := s.Store.Load(ctx, names)
	for n, name := range names {
		if name == latchName {
			after[n] = before[n]
		}
	}
	return after, err
}

func TestLoadThatIsNotOfOneMoment(t *testing.T) {
	w := newWorld(t, NewMemory())
	other := w.instance()
	w.made(other, "a", noon, 1)
	l := impatient(&torn{w.store, func() {
		w.tripped(other, "b", noon, 1, Trip{At: noon})
		_, err := other.Rearm(t.Context(), noon)
		w.must(err)
		w.made(other, "c", noon, 2)
	}})
	w.made(l, "d", noon, 2)
	w.tripped(l, "e", noon, 2, Trip{At: noon, Epoch: 1})
}

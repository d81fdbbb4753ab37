package ledger

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/retry"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const every = 4 * time.Hour

// stories are what every store must bear out.
var stories = []struct {
	name string
	tell func(*testing.T, *world)
}{
	{"a load is in order, and a save is of all or none", saveAllOrNone},
	{"an expired document counts for nothing and guards the save", expired},
	{"an event is remembered for a week", eventIsRemembered},
	{"a grant is remembered for a day", grantIsRemembered},
	{"an end with a grant stands", endWithAGrantStands},
	{"an end without a grant waits for other deliveries", endWaits},
	{"what was found is of one event", foundIsOfOne},
	{"the budget is exact over instances", budgetIsExact},
	{"the hour slides", hourSlides},
	{"a redelivery spends once", redeliverySpendsOnce},
	{"a begin that is abandoned gives back", abandonGivesBack},
	{"a begin that ends without a grant gives back", endGivesBack},
	{"acts in progress trip nothing", actsInProgress},
	{"an act that nobody ends counts as made", actsThatDied},
	{"an act that goes on for longer than it counts", actsThatGoOn},
	{"a grant that was made counts in any case", madeInAnyCase},
	{"a smaller budget counts what was granted before", budgetIsMadeSmaller},
	{"no budget trips at once", noBudget},
	{"a rearmed budget works at once", rearming},
	{"a claim is due once in a period", claimIsDueOnce},
	{"a release makes the event due again", releaseMakesDueAgain},
	{"an event that was due and not told is known", untoldIsKnown},
	{"a claim that was never confirmed", neverConfirmed},
	{"nobody is told twice about one event", toldOnce},
	{"another instance takes over at every step", takeOver},
	{"a flood over instances is counted exactly", floodIsCounted},
	{"a problem that comes again is told of in its thread", threadIsKept},
	{"a telling that comes late", lateTelling},
	{"an event that is withheld is missed", withheldIsMissed},
	{"an event that is withheld when its problem is forgotten", withheldTooLate},
	{"a channel admits so many events", channelAdmits},
	{"a channel admits as many over all instances", channelAdmitsOverInstances},
	{"of a flood there is a summary", floodIsSummarised},
	{"instances that contend for one document all get on", contention},
}

func TestStories(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		tellAll(t, func(*testing.T, int) Store { return NewMemory() })
	})
	t.Run("local Google Cloud", func(t *testing.T) {
		_, address := emulatortest.Start(t, "")
		tellAll(t, func(t *testing.T, n int) Store { return database(t, address, n) })
	})
	t.Run("Google's emulator", func(t *testing.T) {
		address := emulatortest.GoogleFirestore(t)
		tellAll(t, func(t *testing.T, n int) Store { return database(t, address, n) })
	})
}

func tellAll(t *testing.T, open func(*testing.T, int) Store) {
	for n, story := range stories {
		t.Run(story.name, func(t *testing.T) { story.tell(t, newWorld(t, open(t, n))) })
	}
}

// database opens the n-th of many empty databases: that of a project of its own.
func database(t testing.TB, address string, n int) *Firestore {
	t.Helper()
	t.Setenv("FIRESTORE_EMULATOR_HOST", "") // the client would go there
	f, err := OpenFirestore(t.Context(), fmt.Sprintf("project-%d", n), emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// world is a store that instances share. Whatever is done in it is done by one
// delivery of each event.
type world struct {
	*testing.T
	store    Store
	delivery string
	binding  string // that every event may lead to; empty where that is all the same
}

func newWorld(t *testing.T, store Store) *world { return &world{t, store, "one", ""} }

// as is the world of another delivery.
func (w *world) as(delivery string) *world { return &world{w.T, w.store, delivery, w.binding} }

// on is the world of the events that may lead to a binding.
func (w *world) on(binding string) *world { return &world{w.T, w.store, w.delivery, binding} }

// actTime is how long a delivery may act.
const actTime = 2 * time.Minute

// one is a delivery that looks from now on.
func one(now time.Time) Delivery { return Delivery{ID: "one", Since: now, Until: now.Add(actTime)} }

// on is the delivery of an event that may lead to a binding.
func (d Delivery) on(binding string) Delivery {
	d.Binding = binding
	return d
}

func (w *world) by(now time.Time) Delivery {
	d := one(now).on(w.binding)
	d.ID = w.delivery
	return d
}

// instances returns ledgers that prefer different shards.
func (w *world) instances(n int) []*Ledger {
	all := make([]*Ledger, n)
	for k := range all {
		all[k] = New(w.store)
		all[k].shard = k % shards
	}
	return all
}

func (w *world) instance() *Ledger { return w.instances(1)[0] }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(what string, got, want any) {
	w.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Past{})); diff != "" {
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// The calls of a ledger, for stories in which they all work.

func (w *world) begin(l *Ledger, event string, now time.Time, perHour int) Start {
	w.Helper()
	start, err := l.Begin(w.Context(), event, w.by(now), Past{}, now, perHour)
	w.must(err)
	return start
}

func (w *world) granted(l *Ledger, event string, now time.Time, perHour int) {
	w.Helper()
	if start := w.begin(l, event, now, perHour); start != (Start{}) {
		w.Errorf("event %s at %s: got %+v, want a grant", event, now.Sub(noon), start)
	}
}

func (w *world) abandon(l *Ledger, event string, now time.Time) {
	w.Helper()
	w.must(l.Abandon(w.Context(), event, w.by(now), now))
}

func (w *world) tripped(l *Ledger, event string, now time.Time, perHour int, want Trip) {
	w.Helper()
	w.want(fmt.Sprintf("event %s at %s", event, now.Sub(noon)), w.begin(l, event, now, perHour), Start{Trip: want})
}

// busy wants that the event is to come again: acts in progress have the budget.
func (w *world) busy(l *Ledger, event string, now time.Time, perHour int) {
	w.Helper()
	if start, err := l.Begin(w.Context(), event, w.by(now), Past{}, now, perHour); start != (Start{}) || !isBusy(err) {
		w.Errorf("event %s at %s: got %+v, %v, want that the budget is taken by acts in progress", event, now.Sub(noon), start, err)
	}
}

// isBusy knows the error also among those of a store, which have a code.
func isBusy(err error) bool {
	return errors.As(err, new(*retry.Transient)) && status.Code(err) == codes.Unknown && strings.Contains(err.Error(), "in progress")
}

// end wants that an event ends. made is empty where nothing was granted.
func (w *world) end(l *Ledger, event, made string, now time.Time) {
	w.Helper()
	if made == "" {
		w.endsAs(l, event, "refused", Nothing, now, "refused")
		return
	}
	w.on(made).endsAs(l, event, "applied", Granted, now, "applied")
}

// endsAs wants that an event ends with certain words, or that it does not end yet:
// "".
func (w *world) endsAs(l *Ledger, event, how string, made Made, now time.Time, want string) {
	w.Helper()
	got, err := l.End(w.Context(), event, w.by(now), how, made, now)
	if want == "" {
		if !errors.As(err, new(*retry.Transient)) || !strings.Contains(err.Error(), "another delivery") {
			w.Errorf("event %s at %s: got %q, %v, want that another delivery may act", event, now.Sub(noon), got, err)
		}
		return
	}
	w.must(err)
	w.want("end of "+event, got, want)
}

// taken wants that what was found is another event's.
func (w *world) taken(l *Ledger, event string, now time.Time) {
	w.Helper()
	if got, err := l.End(w.Context(), event, w.by(now), "found", Found, now); !errors.Is(err, ErrTaken) {
		w.Errorf("event %s at %s: got %q, %v, want that it is another's", event, now.Sub(noon), got, err)
	}
}

// made wants a grant that is made at once.
func (w *world) made(l *Ledger, event string, now time.Time, perHour int) {
	w.Helper()
	w.granted(l, event, now, perHour)
	w.end(l, event, "binding of "+event, now)
}

func (w *world) remembered(l *Ledger, what string, now time.Time, want Grant) {
	w.Helper()
	got, err := l.Remembered(w.Context(), what, now)
	w.must(err)
	w.want("grant of "+what, got, want)
}

func (w *world) past(l *Ledger, event string, now time.Time, want Past) {
	w.Helper()
	got, err := l.Recall(w.Context(), event, now)
	w.must(err)
	w.want("past of "+event, got, want)
}

func (w *world) claim(l *Ledger, problem, event string, after time.Duration, want Claim) {
	w.Helper()
	got, err := l.Claim(w.Context(), problem, event, noon.Add(after), every)
	w.must(err)
	w.want(fmt.Sprintf("claim of %s for %s after %s", problem, event, after), got, want)
}

func (w *world) told(l *Ledger, problem, event string, after time.Duration) {
	w.Helper()
	w.must(l.Told(w.Context(), problem, event, "", noon.Add(after)))
}

// toldIn is told with a thread for the problem's later messages.
func (w *world) toldIn(l *Ledger, problem, event, thread string, after time.Duration) {
	w.Helper()
	w.must(l.Told(w.Context(), problem, event, thread, noon.Add(after)))
}

func (w *world) withhold(l *Ledger, problem, event string, after time.Duration) {
	w.Helper()
	w.must(l.Withhold(w.Context(), problem, event, noon.Add(after)))
}

func (w *world) release(l *Ledger, problem, event string, after time.Duration) {
	w.Helper()
	w.must(l.Release(w.Context(), problem, event, noon.Add(after)))
}

// atOnce calls for each of the instances n times, all at the same time.
func (w *world) atOnce(all []*Ledger, n int, call func(l *Ledger, event string, n int)) {
	var wg sync.WaitGroup
	for k, l := range all {
		for i := range n {
			wg.Go(func() { call(l, fmt.Sprintf("event-%d-%d", k, i), k*n+i) })
		}
	}
	wg.Wait()
}

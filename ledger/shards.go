package ledger

import (
	"fmt"
	"maps"
	"time"

	"github.com/pullfix/pullfix/internal/retry"
)

// beginning is a grant that an event takes out of the budget, or gives back.
type beginning struct {
	event   string // its document
	by      Delivery
	now     time.Time
	perHour int
	shard   int // preferred

	counted bool // left is known
	left    int  // grants that the budget has left after this
}

func (b *beginning) apply(d *documents) (Start, error) {
	b.counted = false
	e, err := readEvent(d, b.event, b.now)
	switch {
	case err != nil:
		return Start{}, err
	case e.Ended != "":
		return Start{Ended: e.Ended}, nil
	case e.Grant != nil && (e.Grant.counts(b.now) || !e.Grant.others(b.by).IsZero()):
		return Start{}, b.join(d, e)
	case e.Grant != nil:
		if err := e.giveBack(d, b.now); err != nil {
			return Start{}, err
		}
		if err := writeEvent(d, b.event, e, b.now); err != nil { // it is not given back twice
			return Start{}, err
		}
	}
	trip, err := b.spend(d, e)
	return Start{Trip: trip}, err
}

// spend takes a grant out of the budget.
func (b *beginning) spend(d *documents, e event) (Trip, error) {
	state, err := readLatch(d)
	if err != nil || !state.trip().IsZero() {
		b.counted, b.left = err == nil, 0
		return state.trip(), err
	}
	c, err := readCounts(d, state.Epoch, b.now)
	if err != nil {
		return Trip{}, err
	}
	made, open := c.sums()
	b.counted, b.left = true, max(b.perHour-made-open-1, 0)
	switch {
	case made >= b.perHour:
		state.Tripped, state.By = b.now, b.event
		return state.trip(), c.stop(d, state)
	case made+open >= b.perHour:
		return Trip{}, &retry.Transient{Err: fmt.Errorf(
			"budget of %d grants an hour: %d were made, and acts in progress have the rest", b.perHour, made)}
	}
	e.Grant = &spent{
		Epoch: state.Epoch, Shard: c.room(b.shard, b.perHour), Bucket: bucketOf(b.now),
		Since: b.by.Since, Acts: map[string]time.Time{b.by.ID: b.by.Until},
	}
	if err := c.spend(d, e.Grant, b.perHour); err != nil {
		return Trip{}, err
	}
	return Trip{}, b.begin(d, e)
}

// join notes that another delivery has begun the event.
func (b beginning) join(d *documents, e event) error {
	if _, known := e.Grant.Acts[b.by.ID]; known { // an earlier save of this call took effect
		return nil
	}
	if e.Grant.Acts == nil {
		e.Grant.Acts = map[string]time.Time{}
	}
	e.Grant.Acts[b.by.ID] = b.by.Until
	if b.by.Since.Before(e.Grant.Since) {
		e.Grant.Since = b.by.Since
	}
	return b.begin(d, e)
}

func (b beginning) begin(d *documents, e event) error {
	if err := enter(d, b.by.binding(), b.event, b.by.Until, b.now); err != nil {
		return err
	}
	return writeEvent(d, b.event, e, b.now)
}

func (b beginning) undo(d *documents) error {
	e, err := readEvent(d, b.event, b.now)
	if err != nil || e.Grant == nil {
		return err
	}
	if _, begun := e.Grant.Acts[b.by.ID]; !begun {
		return nil
	}
	delete(e.Grant.Acts, b.by.ID)
	if e.Grant.others(b.by).IsZero() {
		if err := e.giveBack(d, b.now); err != nil {
			return err
		}
		if err := leave(d, b.by.binding(), b.event, b.now); err != nil {
			return err
		}
	}
	return writeEvent(d, b.event, e, b.now)
}

// tally is numbers of grants by the begin of their bucket.
type tally map[time.Time]int

func bucketOf(now time.Time) time.Time { return now.Truncate(bucketLength) }

// younger counts the grants that have not reached an age. A bucket counts until
// the last grant that may be in it has.
func (t tally) younger(age time.Duration, now time.Time) int {
	sum := 0
	for bucket, n := range t {
		if now.Before(bucket.Add(bucketLength + age)) {
			sum += n
		}
	}
	return sum
}

// drop forgets what need not be counted any more.
func (t tally) drop(age time.Duration, now time.Time) {
	maps.DeleteFunc(t, func(bucket time.Time, n int) bool {
		return n == 0 || !now.Before(bucket.Add(bucketLength+age+clockSkew))
	})
}

// shard is a document that counts grants.
type shard struct {
	Epoch int   `json:"epoch"`
	Open  tally `json:"open"` // by when they were begun
	Made  tally `json:"made"` // by when that was said
	// Stopped is that the latch was set in this epoch. A save that changes
	// nothing leaves a document its version; this one is always a change.
	Stopped bool `json:"stopped,omitempty"`
}

// openLife is how long a grant counts that stays open: an hour from when it is
// taken for made.
const openLife = openTime + budgetPeriod

func (s shard) open(now time.Time) int { return s.Open.younger(openTime, now) }

// live counts the open grants, and those that were made in the last hour.
func (s shard) live(now time.Time) int {
	return s.Open.younger(openLife, now) + s.Made.younger(budgetPeriod, now)
}

// counts is all shards of an epoch, as one moment has them.
type counts struct {
	epoch  int
	now    time.Time
	shards [shards]shard
}

// readBudget reads the counts of the epoch that is now.
func readBudget(d *documents, now time.Time) (counts, error) {
	state, err := readLatch(d)
	if err != nil {
		return counts{}, err
	}
	return readCounts(d, state.Epoch, now)
}

func readCounts(d *documents, epoch int, now time.Time) (counts, error) {
	c := counts{epoch: epoch, now: now}
	for k := range c.shards {
		s, _, err := read[shard](d, shardName(k), now)
		switch {
		case err != nil:
			return c, err
		case s.Epoch > epoch: // the budget was rearmed between the loading of the latch and of this
			return c, fmt.Errorf("document %s: %w", shardName(k), ErrConflict)
		case s.Epoch < epoch || s.Made == nil:
			s = shard{Epoch: epoch, Open: tally{}, Made: tally{}}
		}
		c.shards[k] = s
	}
	return c, nil
}

// quota is the part of the budget that a shard may hold.
func quota(k, perHour int) int {
	used := min(shards, perHour)
	switch {
	case k >= used:
		return 0
	case k < perHour%used:
		return perHour/used + 1
	default:
		return perHour / used
	}
}

func (c counts) sums() (made, open int) {
	for _, s := range c.shards {
		open += s.open(c.now)
		made += s.live(c.now) - s.open(c.now)
	}
	return made, open
}

// room returns a shard that may hold another grant of a budget that has one, the
// preferred one if it can.
func (c counts) room(preferred, perHour int) int {
	for n := range shards {
		k := (preferred + n) % shards
		if c.shards[k].live(c.now) < quota(k, perHour) {
			return k
		}
	}
	return preferred // not reached: the quotas are the budget together
}

// overfull reports whether a shard holds more than its quota, as it may for an
// hour after the budget was made smaller, or after a grant was made for which
// there was no room. Then a quota alone says nothing.
func (c counts) overfull(perHour int) bool {
	for k, s := range c.shards {
		if s.live(c.now) > quota(k, perHour) {
			return true
		}
	}
	return false
}

func (c counts) spend(d *documents, g *spent, perHour int) error {
	c.shards[g.Shard].Open[g.Bucket]++
	if c.overfull(perHour) {
		return c.saveAll(d, perHour)
	}
	return c.save(d, g.Shard)
}

// giveBack counts an open grant no more.
func (c counts) giveBack(d *documents, g *spent) error {
	if g.Epoch != c.epoch || !c.close(g) {
		return nil
	}
	return c.save(d, g.Shard)
}

// make counts a grant as made now, whether there is room or not.
func (c counts) make(d *documents, g *spent) error {
	if g.Epoch != c.epoch {
		return nil
	}
	c.close(g)
	c.shards[g.Shard].Made[bucketOf(c.now)]++
	return c.save(d, g.Shard)
}

// close reports whether the grant was counted as open.
func (c counts) close(g *spent) bool {
	open := c.shards[g.Shard].Open
	if open[g.Bucket] == 0 {
		return false
	}
	open[g.Bucket]--
	return true
}

// saveAll saves every shard that had a part in the sum, so that the save fails
// where the sum has changed.
func (c counts) saveAll(d *documents, perHour int) error {
	for k, s := range c.shards {
		if quota(k, perHour) == 0 && s.live(c.now) == 0 {
			continue
		}
		if err := c.save(d, k); err != nil {
			return err
		}
	}
	return nil
}

// stop sets the latch, and changes every shard, so that who takes a grant out of
// one meanwhile has to look again.
func (c counts) stop(d *documents, l latch) error {
	for k := range c.shards {
		c.shards[k].Stopped = true
		if err := c.save(d, k); err != nil {
			return err
		}
	}
	return writeLatch(d, l)
}

func (c counts) save(d *documents, k int) error {
	s := c.shards[k]
	s.Open.drop(openLife, c.now)
	s.Made.drop(budgetPeriod, c.now)
	return write(d, shardName(k), s, c.now.Add(bucketLength+openLife+clockSkew))
}

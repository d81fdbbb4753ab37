package ledger

import (
	"fmt"
	"time"
)

// beginning is a grant that an event takes out of the budget, or gives back.
type beginning struct {
	event   string // its document
	token   string
	now     time.Time
	perHour int
	shard   int // preferred
}

func (b beginning) names() []string { return append([]string{b.event}, budgetNames...) }

func (b beginning) apply(d *documents) (Trip, error) {
	e, err := readEvent(d, b.event, b.now)
	if err != nil || e.Grant != nil {
		return Trip{}, err
	}
	state, err := readLatch(d)
	if err != nil || !state.trip().IsZero() {
		return state.trip(), err
	}
	c, err := readCounts(d, state.Epoch, b.now)
	if err != nil {
		return Trip{}, err
	}
	k, ok := c.room(b.shard, b.perHour)
	if !ok {
		state.Tripped, state.By = b.now, b.event
		if err := c.saveAll(d, b.perHour); err != nil {
			return Trip{}, err
		}
		return state.trip(), writeLatch(d, state)
	}
	e.Grant = &spent{Token: b.token, Epoch: state.Epoch, Shard: k, Bucket: b.now.Truncate(bucketLength)}
	if err := c.spend(d, e.Grant, b.perHour); err != nil {
		return Trip{}, err
	}
	return Trip{}, writeEvent(d, b.event, e, b.now)
}

func (b beginning) undo(d *documents, of *aim) error {
	e, err := readEvent(d, b.event, b.now)
	if err != nil {
		return err
	}
	grant := e.Grant
	if grant == nil {
		grant = &spent{}
	}
	if !of.hits(grant.Token) {
		return nil
	}
	state, err := readLatch(d)
	if err != nil {
		return err
	}
	c, err := readCounts(d, state.Epoch, b.now)
	if err != nil {
		return err
	}
	if err := c.giveBack(d, grant); err != nil {
		return err
	}
	e.Grant = nil
	return writeEvent(d, b.event, e, b.now)
}

// shard is a document that counts grants.
type shard struct {
	Epoch  int               `json:"epoch"`
	Grants map[time.Time]int `json:"grants"` // by the begin of their bucket
}

// live counts the grants of the last hour. A bucket counts until the last grant
// that may be in it is an hour old.
func (s shard) live(now time.Time) int {
	sum := 0
	for bucket, n := range s.Grants {
		if now.Before(bucket.Add(bucketLength + budgetPeriod)) {
			sum += n
		}
	}
	return sum
}

// counts is all shards of an epoch, as one moment has them.
type counts struct {
	epoch  int
	now    time.Time
	shards [shards]shard
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
		case s.Epoch < epoch || s.Grants == nil:
			s = shard{Epoch: epoch, Grants: map[time.Time]int{}}
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

// room finds a shard that may hold another grant, the preferred one if it can.
func (c counts) room(preferred, perHour int) (k int, ok bool) {
	sum := 0
	for _, s := range c.shards {
		sum += s.live(c.now)
	}
	if sum >= perHour {
		return 0, false
	}
	for n := range shards {
		k = (preferred + n) % shards
		if c.shards[k].live(c.now) < quota(k, perHour) {
			return k, true
		}
	}
	return 0, false
}

// overfull reports whether a shard holds more than its quota, as it may for an
// hour after the budget was made smaller. Then a quota alone says nothing.
func (c counts) overfull(perHour int) bool {
	for k, s := range c.shards {
		if s.live(c.now) > quota(k, perHour) {
			return true
		}
	}
	return false
}

func (c counts) spend(d *documents, g *spent, perHour int) error {
	c.shards[g.Shard].Grants[g.Bucket]++
	if c.overfull(perHour) {
		return c.saveAll(d, perHour)
	}
	return c.save(d, g.Shard)
}

func (c counts) giveBack(d *documents, g *spent) error {
	grants := c.shards[g.Shard].Grants
	if g.Epoch != c.epoch || grants[g.Bucket] == 0 {
		return nil
	}
	grants[g.Bucket]--
	return c.save(d, g.Shard)
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

func (c counts) save(d *documents, k int) error {
	const kept = bucketLength + budgetPeriod + clockSkew
	s := c.shards[k]
	for bucket, n := range s.Grants {
		if n == 0 || !c.now.Before(bucket.Add(kept)) {
			delete(s.Grants, bucket)
		}
	}
	return write(d, shardName(k), s, c.now.Add(kept))
}

package report

import (
	"slices"
	"time"
)

// Timeline counts over time, in periods of the same length.
type Timeline struct {
	Step    time.Duration
	Periods []Period // without a gap
}

// Period is a part of a timeline.
type Period struct {
	From   time.Time
	Counts Counts
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// steps are the lengths that a period can have, and how many of each a timeline
// has at most. Past the last one weeks are doubled until it is enough.
var steps = []struct {
	length time.Duration
	most   int64
}{{time.Hour, 72}, {day, 93}, {week, mostWeeks}}

const mostWeeks = 160

// Unit is the word for a period.
func (t Timeline) Unit() string {
	switch t.Step {
	case time.Hour:
		return "hour"
	case day:
		return "day"
	case week:
		return "week"
	default:
		return "period"
	}
}

// calendar counts into the shortest periods of which there are not too many.
// Which these are depends only on the first and the last time.
type calendar struct {
	step        time.Duration
	most        int64
	first, last int64 // periods
	any         bool
	counts      map[int64]*Counts
}

func newCalendar(from, to time.Time) *calendar {
	c := &calendar{step: steps[0].length, most: steps[0].most, counts: map[int64]*Counts{}}
	if !from.IsZero() && !to.IsZero() {
		c.reach(from)
		c.reach(to.Add(-1))
	}
	return c
}

// epoch is a Monday on which hours, days and weeks begin.
const epoch = -3 * int64(day/time.Second)

func (c *calendar) index(t time.Time) int64 {
	return floor(t.Unix()-epoch, int64(c.step/time.Second))
}

func floor(a, b int64) int64 {
	if a < 0 {
		return (a+1)/b - 1
	}
	return a / b
}

// reach makes room for a time.
func (c *calendar) reach(t time.Time) int64 {
	for {
		at := c.index(t)
		if !c.any {
			c.first, c.last, c.any = at, at, true
		}
		if max(c.last, at)-min(c.first, at) < c.most {
			c.first, c.last = min(c.first, at), max(c.last, at)
			return at
		}
		c.coarsen()
	}
}

// coarsen makes the periods longer.
func (c *calendar) coarsen() {
	factor := int64(2)
	for i := range len(steps) - 1 {
		if steps[i].length == c.step {
			factor = int64(steps[i+1].length / c.step)
			c.most = steps[i+1].most
			break
		}
	}
	c.step *= time.Duration(factor)
	c.first, c.last = floor(c.first, factor), floor(c.last, factor)
	counts := make(map[int64]*Counts, len(c.counts))
	for at, fine := range c.counts {
		coarse := counts[floor(at, factor)]
		if coarse == nil {
			counts[floor(at, factor)] = fine
			continue
		}
		for e, n := range fine {
			coarse[e] += n
		}
	}
	c.counts = counts
}

// count counts what has a time.
func (c *calendar) count(t time.Time, e Ending) {
	if t.IsZero() {
		return
	}
	at := c.reach(t)
	counts := c.counts[at]
	if counts == nil {
		counts = &Counts{}
		c.counts[at] = counts
	}
	counts[e]++
}

func (c *calendar) timeline() Timeline {
	t := Timeline{Step: c.step}
	if !c.any {
		return t
	}
	for at := c.first; at <= c.last; at++ {
		p := Period{From: time.Unix(at*int64(c.step/time.Second)+epoch, 0).UTC()}
		if counts := c.counts[at]; counts != nil {
			p.Counts = *counts
		}
		t.Periods = append(t.Periods, p)
	}
	return t
}

// Used returns the endings that a timeline has.
func (t Timeline) Used() []Ending {
	return slices.DeleteFunc(Endings(), func(e Ending) bool {
		return !slices.ContainsFunc(t.Periods, func(p Period) bool { return p.Counts[e] > 0 })
	})
}

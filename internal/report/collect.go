package report

import (
	"time"

	"github.com/pullfix/pullfix/audit"
)

// MostEntries bounds the entries of a list.
const MostEntries = 1000

// mostOpen bounds the acts that are waited for at once: past it the oldest is no
// longer.
const mostOpen = 1 << 13

// Collector sums up records. Its zero value is not ready; see [NewCollector].
type Collector struct {
	report   Report
	rules    rules
	calendar *calendar
	names    identities
	seen     recent // records
	ended    recent // acts
	open     acts
	end      func(*Entry)
	entry    Entry // for end

	grants, notGranted, undos, budget, untold latest
}

// NewCollector returns one for a period, which the records are known to be in.
func NewCollector(source string, from, to time.Time) *Collector {
	return &Collector{
		report: Report{Source: source, From: from, To: to}, rules: rules{uses: map[ruleKey]*RuleUse{}},
		calendar: newCalendar(from, to), names: newIdentities(), open: acts{begun: map[uint64]*shelved{}},
	}
}

// Each has every act handed over as it ends, however many there are. An entry is
// good until the next one. What has no end comes last.
func (c *Collector) Each(end func(*Entry)) { c.end = end }

// Unreadable notes how many entries are no records.
func (c *Collector) Unreadable(n int) { c.report.Unreadable = n }

// Add takes a record, which may change afterwards.
func (c *Collector) Add(r *audit.Record) {
	c.report.read(r.At)
	act, record := c.names.of(r)
	if c.seen.again(record) {
		c.report.Repeated++
		return
	}
	e := endingOf(r)
	if r.Phase != audit.PhaseIntent && r.Phase != audit.PhaseResult {
		c.conclude(e, r)
		return
	}
	c.follow(act, e, r)
}

// read notes a record of a time.
func (r *Report) read(at time.Time) {
	r.Records++
	if r.First.IsZero() || at.Before(r.First) {
		r.First = at
	}
	if at.After(r.Last) {
		r.Last = at
	}
}

// follow keeps what is not the end of an act until that comes. Records of the
// same time can come in any order.
func (c *Collector) follow(act uint64, e Ending, r *audit.Record) {
	if e != Unfinished && r.Outcome != audit.OutcomeFailed {
		c.open.end(act)
		c.ended.again(act)
		c.conclude(e, r)
		return
	}
	was := c.open.begun[act]
	switch {
	case was != nil && was.ending != Unfinished:
	case was != nil:
		was.put(e, r)
	case !c.ended.has(act):
		c.await(act, e, r)
	}
}

// await waits for the end of an act.
func (c *Collector) await(act uint64, e Ending, r *audit.Record) {
	if len(c.open.begun) == mostOpen {
		c.open.oldest()
		c.report.Untraced++
	}
	c.open.begin(act, e, r)
}

// conclude counts what has ended, and lists it. The record is borrowed.
func (c *Collector) conclude(e Ending, r *audit.Record) {
	c.report.Counts[e]++
	c.calendar.count(r.At, e)
	if e.decides() {
		c.rules.count(r, e)
	}
	list := c.listOf(e, r)
	if list == nil {
		return
	}
	list.add(e, r)
	if c.end != nil {
		c.entry = Entry{Ending: e, Record: *r}
		c.end(&c.entry)
	}
}

// listOf returns nil for what is only counted.
func (c *Collector) listOf(e Ending, r *audit.Record) *latest {
	switch e {
	case Granted:
		return &c.grants
	case Refused, Failed:
		return &c.notGranted
	case Unfinished:
		if isUndo(r) {
			return &c.undos
		}
		return &c.notGranted
	case Undone, NotUndone:
		return &c.undos
	case Tripped, Paused, Rearmed:
		return &c.budget
	case Untold:
		return &c.untold
	default:
		return nil
	}
}

// Report ends the collecting.
func (c *Collector) Report() *Report {
	for e, ok := c.open.oldest(); ok; e, ok = c.open.oldest() {
		c.conclude(e.Ending, &e.Record)
	}
	r := &c.report
	r.Timeline, r.Rules, r.OtherRules = c.calendar.timeline(), c.rules.list(), c.rules.other
	r.Grants, r.NotGranted, r.Undos = c.grants.list(), c.notGranted.list(), c.undos.list()
	r.Budget, r.Untold = c.budget.list(), c.untold.list()
	r.markUndone()
	return r
}

// markUndone finds the grants that were undone. An undo is dated like its grant:
// where the grant is among the latest, the undo is.
func (r *Report) markUndone() {
	undone := map[string]bool{}
	for _, e := range r.Undos.Entries {
		if e.Ending == Undone {
			undone[e.Record.Key()] = true
		}
	}
	for i := range r.Grants.Entries {
		g := &r.Grants.Entries[i]
		g.Undone = undone[g.Record.Key()]
	}
}

package report

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report/lines"
)

// MostEntries bounds the entries of a list.
const MostEntries = 1000

const (
	mostOpen   = 1 << 13 // acts that are waited for at once; past it the oldest has no end
	longestRow = 1 << 10 // bytes of a text in a list
)

// Collector sums up records. Its zero value is not ready; see [NewCollector].
type Collector struct {
	report   Report
	rules    rules
	calendar *calendar
	names    identities
	seen     recent // records
	ended    recent // acts
	open     map[uint64]*Entry
	order    []uint64 // in which acts were opened
	end      func(*Entry)

	grants, notGranted, undos, budget, untold latest
}

// NewCollector returns one for a period, which the records are known to be in.
func NewCollector(source string, from, to time.Time) *Collector {
	return &Collector{
		report: Report{Source: source, From: from, To: to}, rules: rules{uses: map[ruleKey]*RuleUse{}},
		calendar: newCalendar(from, to), open: map[uint64]*Entry{}, end: func(*Entry) {},
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
	if c.seen.again(c.names.record(r)) {
		c.report.Repeated++
		return
	}
	e := endingOf(r)
	if r.Phase != audit.PhaseIntent && r.Phase != audit.PhaseResult {
		c.conclude(&Entry{Ending: e, Record: *r})
		return
	}
	c.follow(r, e)
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
func (c *Collector) follow(r *audit.Record, e Ending) {
	act := c.names.act(r)
	if e != Unfinished && r.Outcome != audit.OutcomeFailed {
		delete(c.open, act)
		c.ended.again(act)
		c.conclude(&Entry{Ending: e, Record: *r})
		return
	}
	was, known := c.open[act]
	switch {
	case c.ended.has(act) || known && was.Ending != Unfinished:
	case known:
		*was = Entry{Ending: e, Record: kept(r)}
	default:
		c.await(act, &Entry{Ending: e, Record: kept(r)})
	}
}

// await waits for the end of an act.
func (c *Collector) await(act uint64, e *Entry) {
	for len(c.open) == mostOpen {
		c.giveUp(c.order[0])
		c.order = c.order[1:]
	}
	if len(c.order) == 2*mostOpen {
		c.order = slices.DeleteFunc(c.order, func(act uint64) bool { return c.open[act] == nil })
	}
	c.open[act] = e
	c.order = append(c.order, act)
}

// giveUp concludes an act that has no end.
func (c *Collector) giveUp(act uint64) {
	if e := c.open[act]; e != nil {
		delete(c.open, act)
		c.conclude(e)
	}
}

// conclude counts what has ended. The entry, and the texts of its record, are
// borrowed.
func (c *Collector) conclude(e *Entry) {
	c.report.Counts[e.Ending]++
	c.calendar.count(e.Record.At, e.Ending)
	if e.Ending.decides() {
		c.rules.count(&e.Record, e.Ending)
	}
	if list := c.listOf(e); list != nil {
		list.add(e)
		c.end(e)
	}
}

// listOf returns nil for what is only counted.
func (c *Collector) listOf(e *Entry) *latest {
	switch e.Ending {
	case Granted:
		return &c.grants
	case Refused, Failed:
		return &c.notGranted
	case Unfinished:
		if isUndo(&e.Record) {
			return &c.undos
		}
		return &c.notGranted
	case Undone, NotUndone:
		return &c.undos
	case Tripped, Rearmed:
		return &c.budget
	case Untold:
		return &c.untold
	default:
		return nil
	}
}

// Report ends the collecting.
func (c *Collector) Report() *Report {
	for _, act := range c.order {
		c.giveUp(act)
	}
	c.order = nil
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

// latest keeps the latest of any number of entries.
type latest struct {
	total   int
	entries []Entry
	floor   time.Time // what is older is not among them
}

func (l *latest) add(e *Entry) {
	l.total++
	if e.Record.At.Before(l.floor) {
		return
	}
	l.entries = append(l.entries, Entry{Ending: e.Ending, Record: kept(&e.Record)})
	if len(l.entries) == 2*MostEntries {
		l.trim()
		l.floor = l.entries[0].Record.At
	}
}

func (l *latest) trim() {
	slices.SortStableFunc(l.entries, func(a, b Entry) int { return a.Record.At.Compare(b.Record.At) })
	surplus := max(0, len(l.entries)-MostEntries)
	l.entries = slices.Delete(l.entries, 0, surplus)
}

func (l *latest) list() List {
	l.trim()
	return List{Total: l.total, Entries: l.entries}
}

// kept returns a copy that stays, its texts cut, and all of them in one place.
func kept(r *audit.Record) audit.Record {
	k := *r
	texts, size := lines.Texts(&k), 0
	for _, text := range texts {
		size += min(len(*text), longestRow+len(ellipsis))
	}
	var all strings.Builder
	all.Grow(size)
	for _, text := range texts {
		from := all.Len()
		writeCut(&all, *text)
		*text = all.String()[from:]
	}
	return k
}

const ellipsis = "…"

func writeCut(out *strings.Builder, text string) {
	if len(text) <= longestRow {
		out.WriteString(text)
		return
	}
	end := longestRow
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	out.WriteString(text[:end])
	out.WriteString(ellipsis)
}

// shortened returns a copy of a text, cut where it is too long.
func shortened(text string) string {
	var cut strings.Builder
	writeCut(&cut, text)
	return cut.String()
}

// Package table holds what the bench measures: rows of a fixed list, each with
// its unit and its target. What rounds measured comes in; text, JSON and Markdown
// go out.
package table

import (
	"fmt"
	"slices"
)

// Row is one line: what is measured of what.
type Row struct {
	Of      string `json:"of"`      // what is measured, such as "uninteresting event"
	Measure string `json:"measure"` // what of it, such as "p99"
	Unit    string `json:"unit"`
	Target  Target `json:"target"`
	Note    string `json:"note,omitempty"` // what the row is, in a sentence; on the first of several
}

// Name tells rows apart.
func (r Row) Name() string { return r.Of + ", " + r.Measure }

// Target is what a row should be; the zero Target is none.
type Target struct {
	AtLeast float64 `json:"at_least,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"`
	Ratio   bool    `json:"ratio,omitempty"` // of the ratio to the function that does nothing, and not of the value
}

// IsZero reports whether there is no target.
func (t Target) IsZero() bool { return t == Target{} }

func (t Target) met(value, ratio Spread) bool {
	got := value.Median
	if t.Ratio {
		got = ratio.Median
	}
	return (t.AtLeast == 0 || got >= t.AtLeast) && (t.AtMost == 0 || got <= t.AtMost)
}

// String says what is wanted.
func (t Target) String() string {
	times := ""
	if t.Ratio {
		times = " times"
	}
	switch {
	case t.AtLeast != 0:
		return fmt.Sprintf("at least %g%s", t.AtLeast, times)
	case t.AtMost != 0:
		return fmt.Sprintf("at most %g%s", t.AtMost, times)
	default:
		return ""
	}
}

// Measures of a row.
const (
	Rate   = "events/s"
	P50    = "p50"
	P99    = "p99"
	Start  = "exec to answer"
	Idle   = "idle, RSS"
	Shared = "idle, PSS"
	Peak   = "peak, RSS"
	Size   = "binary"
	Time   = "time"
	Writes = "writes"
	Calls  = "calls"
	Again  = "deliveries beyond the first"
	Busy   = "share of its core"
)

// What is measured.
const (
	Nothing     = "function that does nothing"
	Floor       = "Google's clients, encoding/json"
	Glance      = "what a glance at an entry takes"
	Boring      = "uninteresting event"
	Read        = "event read whole, no denial"
	Decided     = "denial decided in observe mode"
	Told        = "alert as a log line"
	Alert0      = "alert, 0 ms a call"
	Observe0    = "grant in observe mode, 0 ms a call"
	Grant0      = "grant, 0 ms a call"
	Alert20     = "alert, 20 ms a call"
	Observe20   = "grant in observe mode, 20 ms a call"
	Grant20     = "grant, 20 ms a call"
	Generator   = "load generator"
	Function    = "function"
	StormAtOnce = "storm at once"
	StormByTen  = "storm, 10 at a time"
	Explain     = "explain"
	List        = "audit list"
	Report      = "audit report"
	Verify      = "audit verify"
)

// Decisions names the row of decisions among so many rules.
func Decisions(rules int) string { return fmt.Sprintf("decision among %s rules", Thousands(rules)) }

// RuleCounts are the numbers of rules that decisions are measured at.
var RuleCounts = []int{10, 100, 1_000, 10_000, 100_000}

// Rows returns all rows, in the order in which they are shown.
func Rows() []Row {
	rows := slices.Concat(
		event(Nothing, Target{}, Target{}, "reads the body and answers; ratios are to the same round"),
		event(Floor, Target{}, Target{}, "an uninteresting event, unmarshalled and no more"),
		event(Glance, Target{}, Target{}, "an uninteresting event, decoded, and one word looked for"),
		event(Boring, Target{AtLeast: 0.9, Ratio: true}, Target{AtMost: 3, Ratio: true}, "an entry that says nothing of a denial"),
		event(Read, Target{}, Target{}, "an entry with a sign of a denial, and none"),
		event(Decided, Target{AtLeast: 0.6, Ratio: true}, Target{AtMost: 3, Ratio: true}, "read, ignored by a rule, recorded in a file; no call"),
		event(Told, Target{}, Target{}, "the same, not ignored; the ledger is in memory"),
		event(Alert0, Target{}, Target{}, "record and ledger by calls; no channel"),
		event(Observe0, Target{AtLeast: 0.6, Ratio: true}, Target{AtMost: 3, Ratio: true}, "live checks too"),
		event(Grant0, Target{}, Target{}, "the same, and the policy is written"),
		event(Alert20, Target{}, Target{}, ""),
		event(Observe20, Target{}, Target{}, ""),
		event(Grant20, Target{}, Target{}, ""),
		[]Row{
			{Of: Generator, Measure: Busy, Unit: "%", Note: "while nothing is done: below 100 % it is no limit"},
			{Of: Nothing, Measure: Busy, Unit: "%", Note: "at the same time; far below 100 % others had the machine"},
			{Of: Nothing, Measure: Start, Unit: "ms"},
			{Of: Floor, Measure: Start, Unit: "ms", Note: "of a function that links the Google clients"},
			{Of: Function, Measure: Start, Unit: "ms", Target: Target{AtMost: 1.6, Ratio: true}, Note: "to the answer to an uninteresting event"},
			{Of: Nothing, Measure: Idle, Unit: "MiB"},
			{Of: Floor, Measure: Idle, Unit: "MiB"},
			{Of: Function, Measure: Idle, Unit: "MiB", Target: Target{AtMost: 25}, Note: "after the first answer"},
			{Of: Function, Measure: Shared, Unit: "MiB", Note: "pages that several processes have are shared out"},
			{Of: Function, Measure: Peak, Unit: "MiB", Note: "after the storm at once"},
			{Of: Nothing, Measure: Size, Unit: "MiB"},
			{Of: Floor, Measure: Size, Unit: "MiB"},
			{Of: Function, Measure: Size, Unit: "MiB"},
			{Of: Grant0, Measure: Calls, Unit: "calls", Note: "to all services, of one grant"},
		},
		storm(StormAtOnce, "denials of one repository at once; 20 ms a call"),
		storm(StormByTen, "the same at the deployed concurrency"),
	)
	for _, n := range RuleCounts {
		rows = append(rows, Row{Of: Decisions(n), Measure: Time, Unit: "ns"})
	}
	return append(rows,
		Row{Of: Explain, Measure: "entries/s", Unit: "entries/s", Note: "the command on a file of log entries, start included"},
		Row{Of: List, Measure: "records/s", Unit: "records/s", Note: "the commands on a file of records, start included"},
		Row{Of: Report, Measure: "records/s", Unit: "records/s"},
		Row{Of: Verify, Measure: "records/s", Unit: "records/s"},
	)
}

func event(of string, rate, p99 Target, note string) []Row {
	return []Row{
		{Of: of, Measure: Rate, Unit: "events/s", Target: rate, Note: note},
		{Of: of, Measure: P50, Unit: "µs"},
		{Of: of, Measure: P99, Unit: "µs", Target: p99},
	}
}

func storm(of, note string) []Row {
	return []Row{
		{Of: of, Measure: Time, Unit: "s", Note: note},
		{Of: of, Measure: Writes, Unit: "writes", Note: "of the policy"},
		{Of: of, Measure: Calls, Unit: "calls"},
		{Of: of, Measure: Again, Unit: "deliveries"},
	}
}

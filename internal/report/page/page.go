// Package page shows a report as one page of HTML that needs nothing else: no
// network, and no scripts but its own, without which it can be read as well. A
// report comes in; the page goes out. It is made to be printed.
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/pullfix/pullfix/internal/report"
	"github.com/pullfix/pullfix/internal/report/lines"
)

//go:embed page.html
var pageText string

//go:embed page.css
var style string

//go:embed page.js
var script string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"plain": lines.Plain, "number": number, "clock": clock, "stamp": stamp, "short": short,
}).Parse(pageText))

// Write writes the page.
func Write(out io.Writer, r *report.Report) error { return page.Execute(out, view(r)) }

// shown is what the template shows.
type shown struct {
	*report.Report
	Policy       string // which content the browser may use: this page's own
	Style        template.CSS
	Script       template.JS
	Period       string
	Headline     []tally
	Tallies      []tally
	Charts       []chart
	Axis         axis
	Lists        []list
	CountColumns []report.Ending
	CountRows    []countRow
	RuleColumns  []report.Ending
	RuleRows     []ruleRow
}

type tally struct {
	report.Ending
	Count int
}

// list is a section with a table of acts.
type list struct {
	ID, Title, Lead, None string
	Undone                int
	report.List
}

type countRow struct {
	From   time.Time
	Label  string
	Counts []int
}

type ruleRow struct {
	Rule, Digest string
	Counts       []int
}

func view(r *report.Report) shown {
	s := shown{
		Report: r, Policy: policy(), Style: template.CSS(style), Script: template.JS(script), Period: period(r), Lists: lists(r),
		CountColumns: r.Timeline.Used(), RuleColumns: r.UsedByRules(),
	}
	s.Tallies = tallies(r, report.Endings())
	s.Headline = tallies(r, []report.Ending{report.Granted, report.Undone, report.Refused, report.Failed, report.Alerted, report.Untold})
	s.Charts, s.Axis = charts(r.Timeline), axisOf(r.Timeline)
	for _, p := range r.Timeline.Periods {
		if p.Counts != (report.Counts{}) {
			s.CountRows = append(s.CountRows, countRow{p.From, label(r.Timeline, p.From), pick(p.Counts, s.CountColumns)})
		}
	}
	for _, u := range r.Rules {
		s.RuleRows = append(s.RuleRows, ruleRow{u.Rule, u.PolicyDigest, pick(u.Counts, s.RuleColumns)})
	}
	if r.OtherRules != (report.Counts{}) {
		s.RuleRows = append(s.RuleRows, ruleRow{"all other rules", "", pick(r.OtherRules, s.RuleColumns)})
	}
	return s
}

func tallies(r *report.Report, of []report.Ending) []tally {
	var all []tally
	for _, e := range of {
		all = append(all, tally{e, r.Counts[e]})
	}
	return all
}

func pick(counts report.Counts, columns []report.Ending) []int {
	var picked []int
	for _, e := range columns {
		picked = append(picked, counts[e])
	}
	return picked
}

func lists(r *report.Report) []list {
	return []list{
		{
			ID: "grants", Title: "Grants", List: r.Grants, Undone: r.Counts[report.Undone],
			Lead: "Every member that pullfix added to a policy, with the rule that allows it.", None: "No member was added to any policy.",
		},
		{
			ID: "not-granted", Title: "Refused, failed and unfinished grants", List: r.NotGranted,
			Lead: "What a rule allows, and what was not done, or of which no end is recorded.", None: "No grant was refused or failed.",
		},
		{
			ID: "undone", Title: "Undone grants", List: r.Undos,
			Lead: "What people took away again with pullfix undo, or wanted to.", None: "No grant was undone.",
		},
		{
			ID: "budget", Title: "Budget of grants", List: r.Budget,
			Lead: "When more grants were to be made than the policy allows in an hour: from then on they are only observed, until a person lifts that.",
			None: "The budget was never used up.",
		},
		{
			ID: "untold", Title: "Alerts that were not delivered", List: r.Untold,
			Lead: "Channels that refused a message for good. The record itself is complete.", None: "No channel refused a message.",
		},
	}
}

// policy allows the style and the script of this page, by their hashes, and
// nothing else: whatever a record holds, it cannot fetch or run anything.
func policy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(style), hash(script))
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// period is what was asked for.
func period(r *report.Report) string {
	switch from, to := clock(r.From), clock(r.To); {
	case r.From.IsZero() && r.To.IsZero():
		return "all records"
	case r.From.IsZero():
		return "until " + to
	case r.To.IsZero():
		return "from " + from
	default:
		return from + " to " + to
	}
}

func clock(t time.Time) string { return t.UTC().Format(time.DateTime) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// number groups the digits of a number.
func number(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// short is the part of a digest by which people tell policies apart.
func short(digest string) string {
	const enough = 12
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(hex) <= enough {
		return digest
	}
	return "sha256:" + hex[:enough] + "…"
}

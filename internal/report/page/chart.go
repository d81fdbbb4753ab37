package page

import (
	"fmt"
	"time"

	"github.com/pullfix/pullfix/internal/report"
)

// chart draws how often one ending came over time.
type chart struct {
	report.Ending
	Total, Peak int
	Says        string
	Width       int // of the drawing, which is stretched
	Widest      int // of the chart, in pixels
	Bars        []bar
}

type bar struct {
	X, Y, Height int
	Says         string
}

// What a drawing measures; a bar is barRoom wide with its gap.
const (
	chartHeight = 40
	barRoom     = 10
	widestBar   = 36
)

func charts(t report.Timeline) []chart {
	var all []chart
	for _, e := range t.Used() {
		all = append(all, chartOf(t, e))
	}
	return all
}

func chartOf(t report.Timeline, e report.Ending) chart {
	c := chart{Ending: e, Width: barRoom * len(t.Periods), Widest: widestBar * len(t.Periods)}
	var when time.Time
	for _, p := range t.Periods {
		c.Total += p.Counts[e]
		if p.Counts[e] > c.Peak {
			c.Peak, when = p.Counts[e], p.From
		}
	}
	c.Says = fmt.Sprintf("%s in all, at most %s in one %s, that of %s.", number(c.Total), number(c.Peak), t.Unit(), label(t, when))
	for i, p := range t.Periods {
		if n := p.Counts[e]; n > 0 {
			height := max(2, n*chartHeight/c.Peak)
			c.Bars = append(c.Bars, bar{barRoom*i + 1, chartHeight - height, height, fmt.Sprintf("%s: %s", label(t, p.From), number(n))})
		}
	}
	return c
}

// axis are the times below the charts.
type axis struct{ First, Last string }

func axisOf(t report.Timeline) (a axis) {
	if n := len(t.Periods); n > 0 {
		a.First = label(t, t.Periods[0].From)
		a.Last = label(t, t.Periods[n-1].From)
	}
	return a
}

// label names a period.
func label(t report.Timeline, from time.Time) string {
	if t.Step < 24*time.Hour {
		return from.Format("2006-01-02 15:04")
	}
	return from.Format(time.DateOnly)
}

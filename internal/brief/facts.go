package brief

import (
	"cmp"
	"strings"
	"time"
	"unicode"

	"github.com/pullfix/pullfix/notify"
)

// facts are in the order in which a woken reader asks: what, where, when, whom
// to call, and then what is missing.
func (c Case) facts() []notify.Fact {
	r := c.Record
	var facts []notify.Fact
	for _, f := range []notify.Fact{
		{Name: "What", Value: cmp.Or(r.Workload, attempts[c.Finding.Kind])},
		{Name: "Project", Value: r.SourceProject},
		{Name: "Region", Value: c.Finding.Location},
		{Name: "When", Value: clock(r.At)},
		{Name: "Deployed by", Value: c.deployer()},
		{Name: "Who", Value: r.Principal},
		{Name: "Lacks", Value: r.Permission},
		{Name: "On", Value: r.Resource},
		{Name: "Image", Value: r.Image},
		{Name: "Cause", Value: string(c.Obstacle.Cause)},
		{Name: "Event", Value: oneLine(r.Event)},
	} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	return facts
}

// deployer is whoever called. Where that was no deploy, it is mostly who was
// refused, and once is enough.
func (c Case) deployer() string {
	if !c.deploys() && c.Record.Caller == c.Record.Principal {
		return ""
	}
	return c.Record.Caller
}

func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

// oneLine makes a text that somebody else chose fit to stand beside others.
func oneLine(s string) string {
	const longest = 120
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}

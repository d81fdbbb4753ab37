package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/pullfix/pullfix/audit"
)

// WriteJSON writes the report as one object.
func WriteJSON(out io.Writer, r *Report) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(reportJSON{
		Source: r.Source, From: bound(r.From), To: bound(r.To), First: bound(r.First), Last: bound(r.Last), Records: r.Records, Repeated: r.Repeated, Unreadable: r.Unreadable, Untraced: r.Untraced,
		Counts: r.Counts.all(), Step: int64(r.Timeline.Step / time.Second), Timeline: r.Timeline.json(), Rules: r.rulesJSON(), OtherRules: r.OtherRules.some(),
		Grants: r.Grants.json(), NotGranted: r.NotGranted.json(), Undos: r.Undos.json(), Budget: r.Budget.json(), Untold: r.Untold.json(),
	})
}

type reportJSON struct {
	Source     string         `json:"source"`
	From       string         `json:"from"` // "" where no bound was asked for
	To         string         `json:"to"`
	First      string         `json:"first"` // record
	Last       string         `json:"last"`
	Records    int            `json:"records"`
	Repeated   int            `json:"repeated"`
	Unreadable int            `json:"unreadable"`
	Untraced   int            `json:"untraced"` // acts that were begun while too many others were: of these only the end counts
	Counts     map[string]int `json:"counts"`
	Step       int64          `json:"step_seconds"`
	Timeline   []periodJSON   `json:"timeline"` // of which something is known
	Rules      []ruleJSON     `json:"rules"`
	OtherRules map[string]int `json:"other_rules"` // all that there is no room for
	Grants     listJSON       `json:"grants"`
	NotGranted listJSON       `json:"not_granted"`
	Undos      listJSON       `json:"undos"`
	Budget     listJSON       `json:"budget"`
	Untold     listJSON       `json:"untold"`
}

type periodJSON struct {
	From   string         `json:"from"`
	Counts map[string]int `json:"counts"`
}

type ruleJSON struct {
	Rule         string         `json:"rule"`
	PolicyDigest string         `json:"policy_digest"`
	Counts       map[string]int `json:"counts"`
}

// listJSON holds the latest entries of those that there were.
type listJSON struct {
	Total   int         `json:"total"`
	Entries []entryJSON `json:"entries"`
}

type entryJSON struct {
	Ending Ending       `json:"ending"`
	Undone bool         `json:"undone"`
	Record audit.Record `json:"record"`
}

func bound(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// all names every ending.
func (c *Counts) all() map[string]int {
	counts := map[string]int{}
	for e, n := range c {
		counts[Ending(e).String()] = n
	}
	return counts
}

// some names the endings that there were.
func (c *Counts) some() map[string]int {
	counts := map[string]int{}
	for e, n := range c {
		if n > 0 {
			counts[Ending(e).String()] = n
		}
	}
	return counts
}

func (t Timeline) json() []periodJSON {
	periods := []periodJSON{}
	for _, p := range t.Periods {
		if p.Counts != (Counts{}) {
			periods = append(periods, periodJSON{bound(p.From), p.Counts.some()})
		}
	}
	return periods
}

func (r *Report) rulesJSON() []ruleJSON {
	uses := []ruleJSON{}
	for _, u := range r.Rules {
		uses = append(uses, ruleJSON{u.Rule, u.PolicyDigest, u.Counts.some()})
	}
	return uses
}

func (l List) json() listJSON {
	entries := []entryJSON{}
	for _, e := range l.Entries {
		entries = append(entries, entryJSON(e))
	}
	return listJSON{l.Total, entries}
}

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pullfix/pullfix/internal/doctor"
)

// doctorView shows what was found.
type doctorView struct {
	out, progress io.Writer
	show          func(doctorView, []doctor.Result) error
	project       string
}

// waiting tells that there is no record yet.
func (v doctorView) waiting(since time.Duration) {
	fmt.Fprintf(v.progress, "waiting for the record of the made-up denial: %s\n", since)
}

// text is a table in which a command has a line of its own, to be copied whole.
func (v doctorView) text(results []doctor.Result) error {
	width := 0
	for _, r := range results {
		width = max(width, utf8.RuneCountInString(subject(r)))
	}
	var table strings.Builder
	for _, r := range results {
		fmt.Fprintf(&table, "%-4s  %-*s  %s\n", r.Status, width, subject(r), harmless(r.Reason))
		if r.Command != "" {
			fmt.Fprintf(&table, "      %s\n", harmless(r.Command))
		}
	}
	count := statuses(results)
	fmt.Fprintf(&table, "\n%d OK, %d FAIL, %d SKIP\n", count[doctor.OK], count[doctor.Fail], count[doctor.Skip])
	_, err := io.WriteString(v.out, table.String())
	return err
}

// harmless takes out what a terminal could obey: texts come from other people.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func subject(r doctor.Result) string { return strings.TrimSpace(r.Check + " " + r.On) }

func statuses(results []doctor.Result) map[doctor.Status]int {
	count := map[doctor.Status]int{}
	for _, r := range results {
		count[r.Status]++
	}
	return count
}

func (v doctorView) json(results []doctor.Result) error {
	count := statuses(results)
	return writeJSON(v.out, struct {
		Project string          `json:"project"`
		OK      int             `json:"ok"`
		Fail    int             `json:"fail"`
		Skip    int             `json:"skip"`
		Results []doctor.Result `json:"results"`
	}{v.project, count[doctor.OK], count[doctor.Fail], count[doctor.Skip], results})
}

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestShortRuns are a torture run in which everything may be granted, and one
// whose budget is used up.
func TestShortRuns(t *testing.T) {
	runs := []plan{
		{seed: 1, events: 300, kills: 10, instances: 3, perHour: 100_000, limit: 5 * time.Minute},
		{seed: 2, events: 150, kills: 4, instances: 2, perHour: 10, limit: 5 * time.Minute},
	}
	if testing.Short() {
		runs = runs[1:]
	}
	for _, p := range runs {
		t.Run(p.arguments(), func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			r, err := torture(t.Context(), p, &out)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.report(&out); err != nil {
				t.Fatal(err)
			}
			if !r.holds() {
				t.Errorf("something is broken:\n%s", &out)
			}
			if got := int(r.killed.Load()); got != p.kills || len(r.history.Events) != p.events {
				t.Errorf("got %d events and %d kills, want %d and %d", len(r.history.Events), got, p.events, p.kills)
			}
			if last := r.results[len(r.results)-1]; last.Name != "verified" || last.Examined < len(r.history.Writes) {
				t.Errorf("got %+v, want the record held against Google's log", last)
			}
			if c := r.queue.counts; c.duplicates == 0 || c.refused == 0 || c.unanswered == 0 || r.others.changes == 0 || len(r.cloud.faults.met) < 3 {
				t.Errorf("the run was too calm:\n%s", &out)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		args   string
		status int
		says   string
	}{
		{"--help", 0, "Usage: go run ./torture"},
		{"soak --help", 0, "-rate"},
		{"--events none", 2, "invalid value"},
		{"--events 0", 2, "want at least one event"},
		{"nothing", 2, `argument "nothing": want flags only`},
		{"soak --rate 0", 2, "want at least one event"},
	} {
		var trouble bytes.Buffer
		status := command(t.Context(), strings.Fields(test.args), &bytes.Buffer{}, &trouble)
		if status != test.status || !strings.Contains(trouble.String(), test.says) {
			t.Errorf("%s: got status %d and %q, want %d and %q", test.args, status, &trouble, test.status, test.says)
		}
	}
}

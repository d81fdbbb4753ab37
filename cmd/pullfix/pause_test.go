package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/ledger"
)

// paused runs pullfix pause at a time of a budget, with a record that works or
// does not.
func paused(t *testing.T, budget *ledger.Ledger, at time.Time, recording error) (out string, recorded []string, err error) {
	t.Helper()
	var text bytes.Buffer
	p := pausing{
		budget: budget, reason: "because", now: at, out: &text,
		record: func(_ context.Context, r audit.Record) error {
			recorded = append(recorded, r.Event+" "+r.Reason+" "+r.At.Format(time.RFC3339))
			return recording
		},
	}
	err = p.run(t.Context())
	return text.String(), recorded, err
}

func TestPause(t *testing.T) {
	t.Parallel()
	budget := ledger.New(ledger.NewMemory())
	const pause = "pause-0-2026-03-04T05:00:00Z because 2026-03-04T05:00:00Z"
	full := errors.New("the disk is full")
	for _, step := range []struct {
		at        time.Time
		recording error
		want      string
	}{
		{trippedAt, full, "from now on everything is only observed, until pullfix rearm"}, // stopped, recorded or not
		{trippedAt.Add(time.Minute), nil, "everything is only observed since 2026-03-04T05:00:00Z: nothing was changed"},
	} {
		out, recorded, err := paused(t, budget, step.at, step.recording)
		if !errors.Is(err, step.recording) || strings.TrimSpace(out) != step.want {
			t.Errorf("got %q, %v, want %q, %v", out, err, step.want, step.recording)
		}
		if diff := gocmp.Diff([]string{pause}, recorded); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if trip, err := budget.Tripped(t.Context()); err != nil || trip.Paused != "because" {
			t.Errorf("got trip %v, %v, want a pause", trip, err)
		}
	}
}

func TestPauseOfAUsedUpBudget(t *testing.T) {
	t.Parallel()
	b := newBudgeted(t)
	out, recorded, err := paused(t, b.budget, trippedAt.Add(time.Minute), nil)
	if want := "since 2026-03-04T05:00:00Z, because the budget is used up: nothing was changed"; err != nil || !strings.Contains(out, want) || recorded != nil {
		t.Errorf("got %q, records %q, %v, want %q and no record", out, recorded, err, want)
	}
}

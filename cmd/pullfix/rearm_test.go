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

// budgeted is a budget that was used up, and a person who re-arms it.
type budgeted struct {
	rearming
	out      bytes.Buffer
	recorded []string
	before   func() error // what happens while a record is written
}

var trippedAt = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

func newBudgeted(t *testing.T) *budgeted {
	t.Helper()
	b := &budgeted{before: func() error { return nil }}
	b.rearming = rearming{
		budget: ledger.New(ledger.NewMemory()), reason: "because", now: trippedAt.Add(time.Hour), out: &b.out,
		record: func(_ context.Context, r audit.Record) error {
			if err := b.before(); err != nil {
				return err
			}
			b.recorded = append(b.recorded, r.Event)
			return nil
		},
	}
	b.trip(t, trippedAt)
	return b
}

func (b *budgeted) trip(t *testing.T, at time.Time) {
	t.Helper()
	if start, err := b.budget.Begin(t.Context(), "event", ledger.Delivery{}, ledger.Past{}, at, 0); err != nil || start.Trip.IsZero() {
		t.Fatalf("got %v, %v, want a trip", start, err)
	}
}

func (b *budgeted) want(t *testing.T, told string, recorded ...string) {
	t.Helper()
	if !strings.Contains(b.out.String(), told) {
		t.Errorf("got %q, want %q", b.out.String(), told)
	}
	if diff := gocmp.Diff(recorded, b.recorded); diff != "" {
		t.Errorf("records: -want +got\n%s", diff)
	}
	if trip, err := b.budget.Tripped(t.Context()); err != nil || !trip.IsZero() {
		t.Errorf("got trip %v, %v, want none", trip, err)
	}
}

func TestRearm(t *testing.T) {
	t.Parallel()
	b := newBudgeted(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.before = func() error { cancel(); return nil } // what has begun goes on
	if err := b.run(ctx); err != nil {
		t.Fatal(err)
	}
	b.want(t, "since 2026-03-04T05:00:00Z: grants work again", "rearm-0-2026-03-04T05:00:00Z")
}

// No record, no act; the record of the second try is that of the first.
func TestRearmIsNotRecorded(t *testing.T) {
	t.Parallel()
	b := newBudgeted(t)
	full := errors.New("the disk is full")
	b.before = func() error { return full }
	if err := b.run(t.Context()); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
	if trip, err := b.budget.Tripped(t.Context()); err != nil || trip.IsZero() {
		t.Errorf("re-armed without a record: %v", err)
	}
	later := b.rearming
	later.now = later.now.Add(time.Minute)
	trip := ledger.Trip{At: trippedAt}
	if b.decision(trip).ID() != later.decision(trip).ID() {
		t.Error("two tries have two records")
	}
	b.before = func() error { return nil }
	if err := later.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want(t, "grants work again", "rearm-0-2026-03-04T05:00:00Z")
}

func TestSomebodyElseRearmsMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBudgeted(t)
	b.before = func() error {
		_, err := b.budget.Rearm(t.Context(), b.now)
		return err
	}
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want(t, "somebody else has re-armed the budget meanwhile", "rearm-0-2026-03-04T05:00:00Z")
}

// Every trip that is lifted is on record, also one that came in between.
func TestRearmMeetsAnotherTrip(t *testing.T) {
	t.Parallel()
	b := newBudgeted(t)
	b.before = func() error {
		b.before = func() error { return nil }
		_, err := b.budget.Rearm(t.Context(), b.now)
		b.trip(t, b.now)
		return err
	}
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want(t, "since 2026-03-04T06:00:00Z", "rearm-0-2026-03-04T05:00:00Z", "rearm-1-2026-03-04T06:00:00Z")
}

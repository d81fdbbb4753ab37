package table

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		measured []float64
		want     Spread
	}{
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{4, 2}, Spread{3, 2.5, 3.5, 2}},
		{[]float64{9, 1, 5, 3, 7}, Spread{5, 3, 7, 5}},
	} {
		if got := SpreadOf(test.measured); got != test.want {
			t.Errorf("%v: got %+v, want %+v", test.measured, got, test.want)
		}
	}
	if got := SpreadOf(nil); !math.IsNaN(got.Median) {
		t.Errorf("of nothing: got %+v", got)
	}
}

// TestTargets fills rows, and wants ratios round by round, not of medians.
func TestTargets(t *testing.T) {
	measured := map[string][]float64{
		Nothing + ", " + Rate:  {100, 200, 400},
		Boring + ", " + Rate:   {95, 180, 360},
		Boring + ", " + P99:    {30, 30, 30},
		Nothing + ", " + P99:   {10, 9, 8},
		Function + ", " + Idle: {26, 24, 25},
	}
	got := map[string]Result{}
	for _, r := range Fill(measured, "not today") {
		got[r.Name()] = r
	}
	for name, want := range map[string]struct {
		met   bool
		ratio float64
	}{
		Boring + ", " + Rate: {true, 0.9}, Boring + ", " + P99: {false, 30.0 / 9}, Function + ", " + Idle: {true, 0},
	} {
		r := got[name]
		if r.Met == nil || *r.Met != want.met {
			t.Errorf("%s: met %v, want %t", name, r.Met, want.met)
		}
		if want.ratio != 0 && (r.Ratio == nil || r.Ratio.Median != want.ratio) {
			t.Errorf("%s: ratio %+v, want %g", name, r.Ratio, want.ratio)
		}
	}
	if r := got[Decided+", "+Rate]; r.Met != nil || r.Absent != "not today" {
		t.Errorf("what was not measured: got %+v", r)
	}
	table := Table{Machine: "m", Go: "go", Pinned: "p", Setup: "s", Results: Fill(measured, "not today")}
	if missed, targets := table.Missed(); missed != 1 || targets != 3 {
		t.Errorf("%d of %d targets missed, want 1 of 3", missed, targets)
	}
	for name, write := range map[string]func() (string, error){
		"text":     func() (string, error) { var b bytes.Buffer; err := table.Text(&b); return b.String(), err },
		"markdown": func() (string, error) { var b bytes.Buffer; err := table.Markdown(&b); return b.String(), err },
	} {
		text, err := write()
		if err != nil || !strings.Contains(text, "at most 3 times: missed") || !strings.Contains(text, "0.90 (0.90 to 0.93)") {
			t.Errorf("%s: %v:\n%s", name, err, text)
		}
	}
	for name, note := range map[string]string{"text": "uninteresting event, events/s: an entry that", "markdown": "- *uninteresting event, events/s*: an entry that"} {
		var b bytes.Buffer
		if err := map[string]func(io.Writer) error{"text": table.Text, "markdown": table.Markdown}[name](&b); err != nil || !strings.Contains(b.String(), note) {
			t.Errorf("%s: %v: want %q in it:\n%s", name, err, note, &b)
		}
	}
	var b bytes.Buffer
	if err := table.JSON(&b); err != nil || !json.Valid(b.Bytes()) {
		t.Errorf("%v: %s", err, &b)
	}
}

// TestDoubt wants a table to say that somebody else took the core.
func TestDoubt(t *testing.T) {
	for busy, want := range map[float64]bool{40: true, 79: true, 81: false, 96: false} {
		if doubt := Doubt(Fill(map[string][]float64{Nothing + ", " + Busy: {busy}}, "not today")); (doubt != "") != want {
			t.Errorf("%g %% of the core: got %q", busy, doubt)
		}
	}
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	seen, targets := map[string]bool{}, 0
	for _, r := range Rows() {
		if seen[r.Name()] || r.Unit == "" {
			t.Errorf("%s: twice, or without a unit", r.Name())
		}
		seen[r.Name()] = true
		if !r.Target.IsZero() {
			targets++
		}
	}
	if targets != 8 {
		t.Errorf("%d targets, want 8", targets)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.123: "0.12", 7: "7", 7.5: "7.50", 12.34: "12.3", 123.4: "123", 1234.5: "1,235", 1234567: "1,234,567"} {
		if got := Number(v); got != want {
			t.Errorf("%g: got %s, want %s", v, got, want)
		}
	}
}

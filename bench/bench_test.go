package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/bench/machine"
	"github.com/pullfix/pullfix/bench/table"
	"github.com/pullfix/pullfix/internal/further"
)

// TestQuickRun measures little of everything, and looks at what holds on any
// machine however slow it is.
func TestQuickRun(t *testing.T) {
	further.Only(t, "builds the function, and runs it")
	var out, errs bytes.Buffer
	if status := run([]string{"--quick", "--silent", "--format", "json"}, &out, &errs); status != exitDone {
		t.Fatalf("status %d: %s", status, &errs)
	}
	var got table.Table
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	rows := table.Rows()
	if len(got.Results) != len(rows) {
		t.Fatalf("got %d rows, want %d", len(got.Results), len(rows))
	}
	value := map[string]float64{}
	for n, r := range got.Results {
		if r.Name() != rows[n].Name() {
			t.Errorf("row %d is %q, want %q", n, r.Name(), rows[n].Name())
		}
		if r.Absent == machine.ErrUnknown.Error() && runtime.GOOS != "linux" {
			continue
		}
		v := r.Value
		if r.Absent != "" || math.IsNaN(v.Median) || v.Low > v.Median || v.Median > v.High || v.Rounds == 0 {
			t.Errorf("%s: got %+v, %s", r.Name(), v, r.Absent)
		}
		if !rows[n].Target.IsZero() && r.Met == nil {
			t.Errorf("%s: nobody knows whether its target is met", r.Name())
		}
		value[r.Name()] = v.Median
	}
	for _, pair := range []struct{ less, more string }{
		{table.Nothing + ", " + table.Size, table.Function + ", " + table.Size},
		{table.Nothing + ", " + table.Idle, table.Function + ", " + table.Idle},
		{table.Nothing + ", " + table.P50, table.Nothing + ", " + table.P99},
		{table.StormAtOnce + ", " + table.Writes, table.StormAtOnce + ", " + table.Calls},
	} {
		if value[pair.less] > value[pair.more] {
			t.Errorf("%s is %g, and %s only %g", pair.less, value[pair.less], pair.more, value[pair.more])
		}
	}
	if calls := value[table.Grant0+", "+table.Calls]; calls < 5 {
		t.Errorf("a grant made %g calls: nothing was granted", calls)
	}
	if writes := value[table.StormAtOnce+", "+table.Writes]; writes < 1 || writes > float64(quickPlan.storm) {
		t.Errorf("a storm of %d made %g writes", quickPlan.storm, writes)
	}
	if slow := value[table.Grant20+", "+table.P50]; slow < float64(slowCall.Microseconds()) {
		t.Errorf("a grant took %g µs, and each of its calls %s", slow, slowCall)
	}
}

// TestQuickGrowth draws a chart of little.
func TestQuickGrowth(t *testing.T) {
	further.Only(t, "builds the function, and runs it")
	var out, errs bytes.Buffer
	svg := filepath.Join(t.TempDir(), "growth.svg")
	if status := run([]string{"growth", "--quick", "--silent", "--format", "json", "--svg", svg}, &out, &errs); status != exitDone {
		t.Fatalf("status %d: %s", status, &errs)
	}
	var got growth
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Lines) != len(trends()) {
		t.Errorf("got %d lines, want %d", len(got.Lines), len(trends()))
	}
	for _, l := range got.Lines {
		if len(l.Costs) != 2 || l.Costs[0].Cost.Median <= 0 || l.Costs[1].Work != 10*l.Costs[0].Work {
			t.Errorf("%s by %s: got %+v, want two costs", l.Of, l.By, l.Costs)
		}
		if !strings.Contains(string(picture), l.Of+", by "+l.By) {
			t.Errorf("the chart does not name %s", l.Of)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--format", "yaml"},
		{"--only", "everything"},
		{"--events", "grant"},
		{"--unknown"},
		{"something"},
		{"profile"},
	} {
		var out, errs bytes.Buffer
		if status := run(args, &out, &errs); status != exitFailed || !strings.HasPrefix(errs.String(), "bench: ") || out.Len() > 0 {
			t.Errorf("%q: got status %d, %q, %q", args, status, &out, &errs)
		}
	}
}

// TestPlanOfFlags takes the flags over.
func TestPlanOfFlags(t *testing.T) {
	o := options{quick: true, rounds: 5, only: []string{"starts"}, events: []string{table.Grant0}}
	p, err := o.plan()
	if err != nil || p.rounds != 5 || p.starts != quickPlan.starts || len(p.only) != 1 || len(p.events) != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
}

// TestRewrite changes a block of a page and nothing else.
func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("# A\n<!-- bench -->\nold\n<!-- end of bench -->\nB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	show := func(out io.Writer) error { _, err := io.WriteString(out, "new\n"); return err }
	for range 2 { // what was written can be written again
		if err := rewrite(path, "bench", show); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if want := "# A\n<!-- bench -->\n\nnew\n\n<!-- end of bench -->\nB\n"; err != nil || string(text) != want {
			t.Errorf("got %q, want %q: %v", text, want, err)
		}
	}
	if err := rewrite(path, "growth", show); err == nil {
		t.Error("a block that is not there was written")
	}
}

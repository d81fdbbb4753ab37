package table

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Result is a row and what was measured of it.
type Result struct {
	Row
	Value  Spread  `json:"value"`
	Ratio  *Spread `json:"ratio,omitempty"`  // to the function that does nothing, round by round
	Met    *bool   `json:"met,omitempty"`    // where there is a target
	Absent string  `json:"absent,omitempty"` // why nothing was measured
}

// Table is what one run has measured.
type Table struct {
	Machine string   `json:"machine"`
	Go      string   `json:"go"`
	Pinned  string   `json:"pinned"` // which cores the server and the client have, or why nothing is pinned
	Setup   string   `json:"setup"`
	Doubt   string   `json:"doubt,omitempty"` // what makes the ratios worth less
	Results []Result `json:"rows"`
}

// Fill makes the results of all rows out of what was measured, by the name of the
// row, and of the function that does nothing. A row without a measurement says
// why there is none.
func Fill(measured map[string][]float64, absent string) []Result {
	var results []Result
	for _, row := range Rows() {
		r := Result{Row: row}
		values, ok := measured[row.Name()]
		if !ok {
			r.Absent = absent
			results = append(results, r)
			continue
		}
		r.Value = SpreadOf(values)
		if base, ok := measured[Nothing+", "+row.Measure]; ok && row.Of != Nothing && row.Of != Generator {
			ratio := SpreadOf(Ratios(values, base))
			r.Ratio = &ratio
		}
		if !row.Target.IsZero() {
			ratio := Spread{Median: math.NaN()}
			if r.Ratio != nil {
				ratio = *r.Ratio
			}
			met := row.Target.met(r.Value, ratio)
			r.Met = &met
		}
		results = append(results, r)
	}
	return results
}

// Missed counts the targets that are not met.
func (t Table) Missed() (missed, targets int) {
	for _, r := range t.Results {
		if r.Met != nil {
			targets++
			if !*r.Met {
				missed++
			}
		}
	}
	return missed, targets
}

// enough is the share of its core, in percent, that the function that does nothing
// has where nobody else takes it away: it always has something to do.
const enough = 80

// Doubt says what makes the ratios of results worth less, and is "" where nothing
// does.
func Doubt(results []Result) string {
	for _, r := range results {
		if r.Of == Nothing && r.Measure == Busy && r.Absent == "" && r.Value.Median < enough {
			return fmt.Sprintf("The machine was busy with something else: the function that does nothing had %.0f %% of its core. Measure again", r.Value.Median)
		}
	}
	return ""
}

// notes say what the rows are.
func (t Table) notes() (notes [][2]string) {
	for _, r := range t.Results {
		if r.Note != "" && r.Absent == "" {
			notes = append(notes, [2]string{r.Name(), r.Note})
		}
	}
	return notes
}

// JSON writes the table as one object.
func (t Table) JSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(t)
}

// Text writes the table for a terminal.
func (t Table) Text(out io.Writer) error {
	for _, line := range t.heading() {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out)
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.Join(titles, "\t"))
	last := ""
	for _, r := range t.Results {
		cells := r.cells()
		if r.Of == last {
			cells[0] = ""
		}
		last = r.Of
		fmt.Fprintln(columns, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, note := range t.notes() {
		fmt.Fprintf(out, "%s: %s\n", note[0], note[1])
	}
	missed, targets := t.Missed()
	_, err := fmt.Fprintf(out, "\n%d of %d targets missed\n", missed, targets)
	return err
}

// Markdown writes the table for a page.
func (t Table) Markdown(out io.Writer) error {
	fmt.Fprintf(out, "%s.\n\n", strings.ReplaceAll(strings.Join(t.heading(), ".\n"), "; ", ";\n"))
	fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(titles, " | "), strings.Repeat("---|", len(titles)))
	for _, r := range t.Results {
		if _, err := fmt.Fprintf(out, "| %s |\n", strings.Join(r.cells(), " | ")); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	for _, note := range t.notes() {
		if _, err := fmt.Fprintf(out, "- *%s*: %s.\n", note[0], note[1]); err != nil {
			return err
		}
	}
	return nil
}

func (t Table) heading() []string {
	lines := []string{t.Machine + ", " + t.Go, t.Pinned, t.Setup}
	if t.Doubt != "" {
		lines = append(lines, t.Doubt)
	}
	return lines
}

var titles = []string{"what", "measure", "median", "quartiles", "of doing nothing", "target"}

func (r Result) cells() []string {
	cells := []string{r.Of, r.Measure, "", "", "", r.Target.String()}
	if r.Absent != "" {
		cells[2] = r.Absent
		return cells
	}
	cells[2] = Number(r.Value.Median) + " " + r.Unit
	if r.Value.Rounds > 1 {
		cells[3] = Number(r.Value.Low) + " to " + Number(r.Value.High)
	}
	if r.Ratio != nil {
		cells[4] = fmt.Sprintf("%.2f", r.Ratio.Median)
		if r.Ratio.Rounds > 1 {
			cells[4] += fmt.Sprintf(" (%.2f to %.2f)", r.Ratio.Low, r.Ratio.High)
		}
	}
	if r.Met != nil {
		cells[5] += ": " + map[bool]string{true: "met", false: "missed"}[*r.Met]
	}
	return cells
}

// Number has three digits that say something, or all of those before the point.
func Number(v float64) string {
	switch size := math.Abs(v); {
	case size >= 1000:
		return Thousands(int(math.Round(v)))
	case size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// Thousands writes a number with commas.
func Thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

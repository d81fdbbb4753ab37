package docs_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const scalePage = "scale.md"

var dollars = regexp.MustCompile(`\$([0-9.]+)`)

// price is the first one in the row of a table that begins so.
func price(t *testing.T, rows map[string][]string, begin string) float64 {
	t.Helper()
	for name, cells := range rows {
		if m := dollars.FindStringSubmatch(strings.Join(cells, " ")); m != nil && strings.HasPrefix(name, begin) {
			return must(strconv.ParseFloat(m[1], 64))
		}
	}
	t.Fatalf("%s: no price for %q", scalePage, begin)
	return 0
}

// tablesOf returns the rows of the tables on a page that have so many columns,
// by their first cell.
func tablesOf(t *testing.T, page string, columns int) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for _, l := range pageOf(t, page).prose {
		all := strings.Split(strings.Trim(l.text, "| "), " | ")
		if strings.HasPrefix(l.text, "| ") && len(all) == columns {
			rows[all[0]] = all[1:]
		}
	}
	return rows
}

func amount(t *testing.T, cell string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimPrefix(cell, "$"), 64)
	if err != nil {
		t.Fatalf("%s: %v", scalePage, err)
	}
	return n
}

// TestCosts does the sums of the page anew, out of its prices, its counts and
// what it assumes.
func TestCosts(t *testing.T) {
	const (
		million                      = 1e6
		entry, record, line, request = 4000, 1600, 1200, 1500 // bytes, as the page says
		memory                       = 0.25
		gib                          = 1 << 30
		months                       = 11
	)
	prices, counts, costs := tablesOf(t, scalePage, 3), tablesOf(t, scalePage, 6), tablesOf(t, scalePage, 9)
	perThousand := func(what string, n string) float64 { return price(t, prices, what) * amount(t, n) * million / 100_000 }
	checked := 0
	for event, row := range costs {
		count, ok := counts[event]
		if !ok {
			continue
		}
		checked++
		seconds, records, lines := amount(t, row[0])*million, amount(t, count[3]), 0.0
		if records > 0 {
			lines = line
		}
		want := []float64{
			2 * entry * million / (gib * 1024) * price(t, prices, "Pub/Sub"),
			seconds * (price(t, prices, "Cloud Run, CPU") + memory*price(t, prices, "Cloud Run, memory")),
			price(t, prices, "Cloud Run, requests"),
			perThousand("Firestore, reads", count[0]) + perThousand("Firestore, writes", count[1]) + perThousand("Firestore, what expires", count[2]),
			(2*records*record + lines + request) * million / gib * price(t, prices, "Cloud Logging, what is stored"),
			records * record * million / gib * months * price(t, prices, "Cloud Logging, kept"),
		}
		sum := 0.0
		for n, w := range want {
			sum += w
			if got := amount(t, row[n+1]); math.Abs(got-w) > 0.006 {
				t.Errorf("%s: %s: column %d says $%.2f, it is $%.2f", scalePage, event, n+2, got, w)
			}
		}
		if got := amount(t, row[len(want)+1]); math.Abs(got-sum) > 0.006 {
			t.Errorf("%s: %s: the sum says $%.2f, it is $%.2f", scalePage, event, got, sum)
		}
		if event == "a grant" {
			year := 20 * 24 * 365
			if text := fmt.Sprintf("%d,%03d a year, which is $%.2f", year/1000, year%1000, math.Round(float64(year)*sum/million*10)/10); !strings.Contains(pageOf(t, scalePage).words(), text) {
				t.Errorf("%s does not say %q", scalePage, text)
			}
		}
	}
	if checked != len(counts)-1 {
		t.Errorf("%s: checked %d events, the page counts %d", scalePage, checked, len(counts)-1)
	}
}

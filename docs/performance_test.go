package docs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/bench/table"
)

const performancePage = "performance.md"

// TestFiguresOfTheBench wants the table on the page to be one that the bench has
// written: all of its rows in their order, with their targets.
func TestFiguresOfTheBench(t *testing.T) {
	var got []string
	for _, l := range pageOf(t, performancePage).prose {
		cells := strings.Split(strings.Trim(l.text, "| "), "|")
		if len(cells) >= 3 && strings.Count(l.text, "|") == 7 {
			got = append(got, strings.TrimSpace(cells[0])+", "+strings.TrimSpace(cells[1]))
		}
	}
	var want []string
	for _, r := range table.Rows() {
		want = append(want, r.Name())
		if target := r.Target.String(); target != "" && !strings.Contains(strings.Join(pageOf(t, performancePage).lines, "\n"), "| "+target+": ") {
			t.Errorf("%s does not say whether %q is met", performancePage, target)
		}
	}
	got = slices.DeleteFunc(got, func(name string) bool { return name == "what, measure" || strings.HasPrefix(name, "---") })
	if !slices.Equal(got, want) {
		t.Errorf("%s has the rows\n%s\nwant those of the bench\n%s\nrun go run ./bench --write docs/%[1]s", performancePage, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

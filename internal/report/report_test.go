package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/audit"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// story is what is recorded of one event, a word a record.
func story(event string, words ...string) []audit.Record {
	var all []audit.Record
	for _, word := range words {
		r := audit.Record{
			Phase: audit.PhaseDecision, Event: event, At: noon, Kind: "run-image", SourceProject: "app-one", Principal: "serviceAccount:a@b.iam.gserviceaccount.com",
			Role: "roles/artifactregistry.reader", Resource: "projects/p/locations/l/repositories/r", Verdict: "grant", Mode: "enforce", Rule: "apps",
			PolicyDigest: "sha256:00", Reason: "because", Version: audit.FormatVersion,
		}
		tell(&r, word)
		all = append(all, r)
	}
	return all
}

func tell(r *audit.Record, word string) {
	if rest, ok := strings.CutPrefix(word, "undo-"); ok {
		r.Cause, word = audit.CauseUndo, rest
	}
	switch word {
	case "intent":
		r.Phase = audit.PhaseIntent
	case "applied", "failed", "undone":
		r.Phase, r.Outcome = audit.PhaseResult, word
	case "refused":
		r.Phase, r.Outcome, r.Verdict = audit.PhaseResult, word, "alert"
	case "checked":
		r.Outcome, r.Verdict, r.Cause = audit.OutcomeRefused, "alert", "image-missing"
	case "observed", "already-held":
		r.Outcome = word
	case "alert", "ignore":
		r.Verdict, r.Rule = word, ""
	case "untold":
		r.Phase, r.Outcome, r.Cause, r.Reason = audit.PhaseNotice, audit.OutcomeRefused, "undelivered", `channel "night" was not told`
	case "trip":
		*r = audit.Record{Phase: audit.PhaseDecision, Event: "trip-0", At: noon, Verdict: "alert", Cause: causeBudget}
	case "pause":
		*r = audit.Record{Phase: audit.PhaseDecision, Event: "pause-0", At: noon, Verdict: "alert", Cause: causePaused}
	case "rearm":
		*r = audit.Record{Phase: audit.PhaseDecision, Event: "rearm-0", At: noon, Verdict: "alert", Cause: causeRearmed}
	default:
		panic(word)
	}
}

func collected(records ...[]audit.Record) *Report {
	c := NewCollector("a test", time.Time{}, time.Time{})
	for _, r := range slices.Concat(records...) {
		c.Add(&r)
	}
	return c.Report()
}

func told(c Counts) string {
	var words []string
	for _, e := range Endings() {
		if c[e] > 0 {
			words = append(words, fmt.Sprintf("%d %s", c[e], e))
		}
	}
	return strings.Join(words, ", ")
}

// What has several records counts once.
func TestStories(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ words, want string }{
		{"", ""},
		{"alert", "1 alert"},
		{"ignore", "1 ignored"},
		{"observed", "1 observed"},
		{"already-held", "1 already-held"},
		{"checked", "1 refused"},
		{"intent applied", "1 granted"},
		{"intent refused", "1 refused"},
		{"intent", "1 unfinished"},
		{"intent failed", "1 failed"},
		{"intent failed applied", "1 granted"},
		{"intent applied failed", "1 granted"}, // Cloud Logging orders what has the same time as it likes
		{"applied intent", "1 granted"},
		{"intent intent applied applied", "1 granted"},
		{"applied", "1 granted"},
		{"intent applied undo-intent undo-undone", "1 granted, 1 undone"},
		{"intent applied undo-intent undo-failed", "1 granted, 1 not-undone"},
		{"intent applied undo-intent undo-failed undo-undone", "1 granted, 1 undone"},
		{"intent applied undo-intent undo-refused", "1 granted, 1 not-undone"},
		{"intent applied undo-intent", "1 granted, 1 unfinished"},
		{"alert untold", "1 alert, 1 untold"},
		{"intent applied untold", "1 granted, 1 untold"},
		{"trip rearm", "1 budget-used-up, 1 re-armed"},
	} {
		if got := told(collected(story("e", strings.Fields(test.words)...)).Counts); got != test.want {
			t.Errorf("%s: got %q, want %q", test.words, got, test.want)
		}
	}
}

func TestActsThatOverlapAreToldApart(t *testing.T) {
	t.Parallel()
	a, b := story("a", "intent", "failed", "applied"), story("b", "intent", "refused", "untold")
	mixed := []audit.Record{a[0], b[0], a[1], b[1], a[2], b[2]}
	if got, want := told(collected(mixed).Counts), "1 granted, 1 refused, 1 untold"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	r := collected(story("kept", "intent", "applied"), story("taken", "intent", "applied", "undo-intent", "undo-undone"), story("refused", "intent", "refused"),
		story("cut off", "intent"), story("held", "already-held"), story("undoing", "undo-intent"), story("x", "trip", "pause", "rearm"), story("y", "alert", "untold"))
	var got []string
	for _, l := range []List{r.Grants, r.NotGranted, r.Undos, r.Budget, r.Untold} {
		for _, e := range l.Entries {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Record.Event, e.Ending, map[bool]string{true: "undone"}[e.Undone])))
		}
		got = append(got, fmt.Sprint(l.Total))
	}
	want := []string{
		"kept granted", "taken granted undone", "2", "refused refused", "cut off unfinished", "2", "taken undone", "undoing unfinished", "2",
		"trip-0 budget-used-up", "pause-0 paused", "rearm-0 re-armed", "3", "y untold", "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The latest entries are listed, whatever the order of the records is, and all
// of them are counted and handed over.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	const all = 5 * MostEntries
	c, handed := NewCollector("a test", time.Time{}, time.Time{}), 0
	c.Each(func(*Entry) { handed++ })
	for n := range all {
		r := story(fmt.Sprint("e", n), "applied")[0]
		r.At = noon.Add(time.Duration(n*7919%all) * time.Minute)
		c.Add(&r)
	}
	r := c.Report()
	if got := []int{handed, r.Grants.Total, len(r.Grants.Entries), r.Grants.Cut()}; !slices.Equal(got, []int{all, all, MostEntries, all - MostEntries}) {
		t.Errorf("got %d handed over, in total, listed and cut", got)
	}
	for n, e := range r.Grants.Entries {
		if want := noon.Add(time.Duration(all-MostEntries+n) * time.Minute); !e.Record.At.Equal(want) {
			t.Fatalf("entry %d is of %s, want %s", n, e.Record.At, want)
		}
	}
}

// Acts without an end are given up when there are too many, the oldest first,
// and the report says how many. What ends them after all counts.
func TestOpenActsAreBounded(t *testing.T) {
	t.Parallel()
	c := NewCollector("a test", time.Time{}, time.Time{})
	for n := range 3 * mostOpen {
		for _, r := range slices.Concat(story(fmt.Sprint("open", n), "intent"), story(fmt.Sprint("done", n), "intent", "applied")) {
			c.Add(&r)
		}
		if len(c.open.begun) > mostOpen || len(c.open.order) > 2*mostOpen {
			t.Fatalf("%d acts are waited for, in an order of %d", len(c.open.begun), len(c.open.order))
		}
	}
	ended := story("open0", "applied")[0]
	c.Add(&ended)
	r := c.Report()
	// The last one that was begun took the place of an unfinished one, and has ended.
	if got, want := told(r.Counts), fmt.Sprintf("%d granted, %d unfinished", 3*mostOpen+1, mostOpen-1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := 2*mostOpen + 1; r.Untraced != want {
		t.Errorf("%d acts were given up, want %d", r.Untraced, want)
	}
}

func TestRepetitionsCountOnce(t *testing.T) {
	t.Parallel()
	twice := story("e", "intent", "applied", "alert", "untold")
	r := collected(twice, twice, story("e", "untold"))
	if got, want := told(r.Counts), "1 granted, 1 alert, 1 untold"; got != want || r.Records != 9 || r.Repeated != 5 {
		t.Errorf("got %d records, %d repeated, %s, want %s", r.Records, r.Repeated, got, want)
	}
}

func TestRulesAreBounded(t *testing.T) {
	t.Parallel()
	c := NewCollector("a test", time.Time{}, time.Time{})
	for n := range 2 * mostRules {
		r := story(fmt.Sprint("e", n), "applied")[0]
		r.Rule = fmt.Sprintf("rule-%04d", n)
		c.Add(&r)
	}
	r := c.Report()
	if len(r.Rules) != mostRules || told(r.OtherRules) != fmt.Sprintf("%d granted", mostRules) || r.Rules[1].Rule != "rule-0001" {
		t.Errorf("got %d rules, and of others %s", len(r.Rules), told(r.OtherRules))
	}
}

func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	r := story("e", "applied")[0]
	r.Reason = strings.Repeat("é", longestRow)
	got := collected([]audit.Record{r}).Grants.Entries[0].Record
	if want := strings.Repeat("é", longestRow/2) + "…"; got.Reason != want || got.Event != "e" || got.Version != audit.FormatVersion {
		t.Errorf("got %d bytes %q", len(got.Reason), got.Event)
	}
}

func TestTimelines(t *testing.T) {
	t.Parallel()
	type span struct{ from, to string }
	for _, test := range []struct {
		name    string
		asked   span
		at      []string
		step    string
		periods int
		first   string
	}{
		{"nothing", span{}, nil, "1h0m0s", 0, ""},
		{"one", span{}, []string{"2026-03-04T12:34:56Z"}, "1h0m0s", 1, "2026-03-04T12:00:00Z"},
		{"three days", span{}, []string{"2026-03-04T00:00:00Z", "2026-03-06T23:59:59Z"}, "1h0m0s", 72, "2026-03-04T00:00:00Z"},
		{"three days and a second", span{}, []string{"2026-03-04T00:00:00Z", "2026-03-07T00:00:00Z"}, "24h0m0s", 4, "2026-03-04T00:00:00Z"},
		{"a quarter", span{"2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"}, []string{"2026-03-04T00:00:00Z"}, "24h0m0s", 90, "2026-01-01T00:00:00Z"},
		{"a year", span{"2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"}, nil, "168h0m0s", 53, "2025-12-29T00:00:00Z"},
		{"before 1970", span{}, []string{"1969-12-01T00:00:00Z", "1970-01-10T00:00:00Z"}, "24h0m0s", 41, "1969-12-01T00:00:00Z"},
		{"ten years", span{}, []string{"2016-01-01T00:00:00Z", "2026-01-01T00:00:00Z"}, "672h0m0s", 131, "2015-12-28T00:00:00Z"},
		{"all times", span{}, []string{"0002-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}, "688128h0m0s", 129, ""},
	} {
		c := NewCollector("a test", parsed(t, test.asked.from), parsed(t, test.asked.to))
		for n, at := range test.at {
			r := story(fmt.Sprint("e", n), "applied")[0]
			r.At = parsed(t, at)
			c.Add(&r)
		}
		got := c.Report().Timeline
		total, first := 0, ""
		for n, p := range got.Periods {
			total += p.Counts[Granted]
			if n == 0 && test.first != "" {
				first = p.From.Format(time.RFC3339)
			}
		}
		if got.Step.String() != test.step || len(got.Periods) != test.periods || first != test.first || total != len(test.at) {
			t.Errorf("%s: got %d steps of %s from %s with %d grants, want %d of %s from %s", test.name, len(got.Periods), got.Step, first, total,
				test.periods, test.step, test.first)
		}
	}
}

func parsed(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The steps depend on the times, and not on their order.
func TestTimelinesDoNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	var records []audit.Record
	for n := range 400 {
		r := story(fmt.Sprint("e", n), "applied")[0]
		r.At = noon.Add(time.Duration(n*n) * time.Minute)
		records = append(records, r)
	}
	forth := collected(records).Timeline
	slices.Reverse(records)
	if diff := cmp.Diff(forth, collected(records).Timeline); diff != "" {
		t.Errorf("-forth +back\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r := collected(story("<e>", "intent", "applied"), story("f", "alert"))
	r.Source = "a test"
	var out bytes.Buffer
	if err := WriteJSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Source   string         `json:"source"`
		From     string         `json:"from"`
		Records  int            `json:"records"`
		Counts   map[string]int `json:"counts"`
		Timeline []struct {
			From   string         `json:"from"`
			Counts map[string]int `json:"counts"`
		} `json:"timeline"`
		Grants struct {
			Total   int `json:"total"`
			Entries []struct {
				Ending string       `json:"ending"`
				Undone bool         `json:"undone"`
				Record audit.Record `json:"record"`
			} `json:"entries"`
		} `json:"grants"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Source != "a test" || got.From != "" || got.Records != 3 || len(got.Counts) != int(endings) || got.Counts["granted"] != 1 ||
		got.Timeline[0].From != "2026-03-04T12:00:00Z" || got.Timeline[0].Counts["alert"] != 1 ||
		got.Grants.Total != 1 || got.Grants.Entries[0].Ending != "granted" || got.Grants.Entries[0].Record.Event != "<e>" {
		t.Errorf("got %s", out.String())
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	hostile := story("=1+1", "applied")
	hostile[0].Reason = "a \"quote\",\nand a line"
	c, text := NewCollector("a test", time.Time{}, time.Time{}), []byte(CSVHeader)
	c.Each(func(e *Entry) { text = AppendCSV(text, e) })
	for _, r := range slices.Concat(hostile, story("open", "intent"), story("alert", "alert")) {
		c.Add(&r)
	}
	c.Report()
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 {
		t.Fatalf("got %d rows, want a header and two acts", len(rows))
	}
	got := map[string]string{}
	for n, name := range rows[0] {
		got[name] = rows[1][n]
	}
	want := map[string]string{
		"at": "2026-03-04T12:00:00Z", "ending": "granted", "event": "'=1+1", "principal": "serviceAccount:a@b.iam.gserviceaccount.com",
		"role": "roles/artifactregistry.reader", "resource": "projects/p/locations/l/repositories/r", "image": "", "kind": "run-image",
		"source_project": "app-one", "caller": "", "workload": "", "rule": "apps", "policy_digest": "sha256:00",
		"reason": `a "quote",\nand a line`, "cause": "", "error": "", "etag_before": "", "etag_after": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if rows[2][1] != "unfinished" {
		t.Errorf("got %q, want what has no end last", rows[2])
	}
}

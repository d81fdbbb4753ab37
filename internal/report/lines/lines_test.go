package lines

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/audit"
)

func record() audit.Record {
	return audit.Record{
		Phase: audit.PhaseResult, Event: "abc123", Log: "projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event",
		At:   time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC),
		Kind: "run-image", SourceProject: "app-one", Caller: "user:ann@example.com", Workload: "service web",
		Principal:  "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com",
		Permission: "artifactregistry.repositories.downloadArtifacts",
		Resource:   "projects/shared/locations/us/repositories/apps", Image: "us-docker.pkg.dev/shared/apps/web:v1",
		Verdict: "grant", Mode: "enforce", Rule: "apps", PolicyDigest: "sha256:00", Reason: "a rule", Cause: "",
		Role: "roles/artifactregistry.reader", Outcome: audit.OutcomeApplied, EtagBefore: "AA==", EtagAfter: "AQ==", Version: audit.FormatVersion,
	}
}

// odd are records whose texts do more than say something.
func odd() []audit.Record {
	var all []audit.Record
	for _, text := range []string{
		"", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "a;=1", " =1", `a"b`, "a,b", "a\nb", "a\r\nb", "\x1b[31mred", "\x00", "\u202etxt",
		"<script>&", "\u2028", "a\xffb", "é", "東京", "…", `\`, "\u007f", "\b\f", strings.Repeat("long ", 1000), strings.Repeat("東", 1000),
	} {
		r := record()
		for _, field := range Texts(&r) {
			*field = text
		}
		all = append(all, r)
	}
	return all
}

func TestRows(t *testing.T) {
	undo := record()
	undo.Cause, undo.Outcome, undo.Principal, undo.Resource = audit.CauseUndo, audit.OutcomeUndone,
		"serviceAccount:web@app-one.iam.gserviceaccount.com", "projects/shared/secrets/db"
	long := record()
	long.Phase, long.Outcome, long.Verdict, long.Kind, long.SourceProject, long.Rule = audit.PhaseDecision, "", "alert", "binary-authorization",
		"a-project-with-a-long-name", "a-rule-with-a-long-name"
	long.Event = "an-event-with-a-long-name"
	long.Principal, long.Resource = "serviceAccount:a-builder-of-images@app-one.iam.gserviceaccount.com",
		"projects/a-project-with-a-long-name/locations/us/repositories/apps"
	person := record()
	person.Phase, person.Outcome, person.Verdict, person.Principal, person.Resource = audit.PhaseIntent, "", "alert", "user:ann@example.com", "projects/p"
	const want = "" +
		"TIME (UTC)          RECORD       VERDICT KIND              PROJECT      PRINCIPAL            RESOURCE         RULE       EVENT\n" +
		"2026-03-04 05:06:07 applied      grant   run-image         app-one      service-111111111111 shared/apps      apps       abc123\n" +
		"2026-03-04 05:06:07 undone       grant   run-image         app-one      web@app-one          shared/db        apps       abc123\n" +
		"2026-03-04 05:06:07 decision     alert   binary-authoriza… a-project-w… a-builder-o…@app-one a-project-…/apps a-rule-wi… an-event-with-a-long-name\n" +
		"2026-03-04 05:06:07 intent       alert   run-image         app-one      ann@example.com      p                apps       abc123\n"
	l := NewLayout(0)
	got := []byte(l.Header())
	for _, r := range []audit.Record{record(), undo, long, person} {
		got = l.Append(got, &r)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRecordsInAWord(t *testing.T) {
	for _, test := range []struct{ phase, outcome, cause, want string }{
		{audit.PhaseIntent, "", "", "intent"},
		{audit.PhaseDecision, "", "spoof", "decision"},
		{audit.PhaseDecision, audit.OutcomeObserved, "", "observed"},
		{audit.PhaseResult, audit.OutcomeApplied, "", "applied"},
		{audit.PhaseNotice, "", "undelivered", "untold"},
		{audit.PhaseIntent, "", audit.CauseUndo, "undo"},
		{audit.PhaseResult, audit.OutcomeUndone, audit.CauseUndo, "undone"},
		{audit.PhaseResult, audit.OutcomeRefused, audit.CauseUndo, "undo-refused"},
		{audit.PhaseResult, audit.OutcomeFailed, audit.CauseUndo, "undo-failed"},
	} {
		if got := What(&audit.Record{Phase: test.phase, Outcome: test.outcome, Cause: test.cause}); got != test.want {
			t.Errorf("%s %s %s: got %q, want %q", test.phase, test.outcome, test.cause, got, test.want)
		}
	}
}

// No text makes a row longer, or more than one, or does something to a terminal.
func TestOddRows(t *testing.T) {
	for _, columns := range []int{0, Columns, 200} {
		l := NewLayout(columns)
		for _, r := range odd() {
			row := strings.TrimSuffix(string(l.Append(nil, &r)), "\n")
			most := max(columns, Columns) + longestEvent - least[event]
			if n := utf8.RuneCountInString(row); n > most {
				t.Errorf("%q: %d characters, want at most %d", row, n, most)
			}
			if strings.ContainsFunc(row, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q: want a line that can be seen", row)
			}
		}
	}
}

func TestCells(t *testing.T) {
	for _, test := range [][2]string{
		{"", ""},
		{"a b", "a b"},
		{"a,b", `"a,b"`},
		{`a"b`, `"a""b"`},
		{"=1+1", `"'=1+1"`},
		{"-", `"'-"`},
		{"+1", `"'+1"`},
		{"@x", `"'@x"`},
		{"＝1", `"'＝1"`},
		{"a;=1", `"a;'=1"`},
		{"\t=1", `"\t=1"`},
		{"a\nb", `"a\nb"`},
		{"\x1b[0m", `"\x1b[0m"`},
		{"a\xffb", `"a\xffb"`},
		{"東京", `"東京"`},
	} {
		if got := string(AppendCell(nil, test[0])); got != test[1] {
			t.Errorf("%q: got %s, want %s", test[0], got, test[1])
		}
	}
}

// What other programs read has as many values as the header, none of them a
// formula.
func TestOddLinesOfCSV(t *testing.T) {
	text := []byte(CSVHeader)
	for _, r := range append(odd(), record()) {
		text = AppendCSV(text, &r)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2+len(odd()) || len(rows[0]) != 24 {
		t.Errorf("got %d rows of %d values, want %d of 24", len(rows), len(rows[0]), 2+len(odd()))
	}
	for _, row := range rows {
		for _, value := range row {
			if first, _ := utf8.DecodeRuneInString(value); strings.ContainsRune("=+-@\t\r＝", first) {
				t.Errorf("%q can be a formula", value)
			}
		}
	}
	want := []string{"result", "abc123", record().Log, "2026-03-04T05:06:07.89Z", "run-image", "app-one"}
	if diff := cmp.Diff(want, rows[len(rows)-1][:6]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestJSONIsWhatIsRecorded(t *testing.T) {
	for _, r := range append(odd(), record(), audit.Record{}) {
		for _, field := range Texts(&r) {
			*field = (*field)[:min(len(*field), 4000)] // Line cuts what is longer
		}
		want, err := r.Line()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(AppendJSON(nil, &r))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, r := range odd() {
		f.Add(r.Phase)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		r := audit.Record{Reason: text}
		want, err := r.Line()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(AppendJSON(nil, &r))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestLinesNeedNoMemory(t *testing.T) {
	r, l := record(), NewLayout(0)
	b := make([]byte, 0, 4<<10)
	for name, write := range writers(l) {
		if n := testing.AllocsPerRun(100, func() { b = write(b[:0], &r) }); n > 0 {
			t.Errorf("%s allocates %g times a record, want 0", name, n)
		}
	}
}

func writers(l *Layout) map[string]func([]byte, *audit.Record) []byte {
	return map[string]func([]byte, *audit.Record) []byte{"text": l.Append, "csv": AppendCSV, "json": AppendJSON}
}

func BenchmarkLines(b *testing.B) {
	r := record()
	for name, write := range writers(NewLayout(0)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			line := make([]byte, 0, 4<<10)
			for b.Loop() {
				line = write(line[:0], &r)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func record(event string, after time.Duration) audit.Record {
	return audit.Record{
		Phase: audit.PhaseResult, Event: event, At: time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC).Add(after),
		Kind: "run-image", SourceProject: "app-one", Caller: "user:ann@example.com", Workload: "service web",
		Principal:  "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com",
		Permission: "artifactregistry.repositories.downloadArtifacts",
		Resource:   "projects/shared/locations/us/repositories/apps", Image: "us-docker.pkg.dev/shared/apps/web:v1",
		Verdict: "grant", Mode: "enforce", Rule: "apps", PolicyDigest: "sha256:" + strings.Repeat("0123456789abcdef", 4),
		Reason: `rule "apps" allows it: platform serves images`, Role: "roles/artifactregistry.reader", Outcome: audit.OutcomeApplied,
		EtagBefore: "AA==", EtagAfter: "AQ==", Version: audit.FormatVersion,
	}
}

// eventful is a report with something in every list.
func eventful() *report.Report {
	c := report.NewCollector(`the file "record.jsonl"`, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	add := func(event string, after time.Duration, change func(*audit.Record)) {
		r := record(event, after)
		change(&r)
		c.Add(&r)
	}
	add("granted", 0, func(*audit.Record) {})
	add("undone", time.Hour, func(*audit.Record) {})
	add("undone", time.Hour, func(r *audit.Record) {
		r.Cause, r.Outcome, r.Reason = audit.CauseUndo, audit.OutcomeUndone, "undone with pullfix undo: ticket 7"
	})
	add("refused", 30*time.Hour, func(r *audit.Record) {
		r.Verdict, r.Outcome, r.Cause, r.Error = "alert", audit.OutcomeRefused, "org-policy", "rpc error: code = FailedPrecondition"
	})
	add("cut off", 40*time.Hour, func(r *audit.Record) { r.Phase, r.Outcome, r.EtagAfter = audit.PhaseIntent, "", "" })
	add("trip-0", 200*time.Hour, func(r *audit.Record) {
		*r = audit.Record{
			Phase: audit.PhaseDecision, Event: r.Event, At: r.At, Verdict: "alert", Cause: "budget",
			Reason: "the budget of 20 grants an hour is used up", PolicyDigest: r.PolicyDigest,
		}
	})
	for event, cause := range map[string]string{"paused": "paused", "re-armed": "rearmed"} {
		add(event, time.Duration(200+len(cause))*time.Hour, func(r *audit.Record) {
			*r = audit.Record{Phase: audit.PhaseDecision, Event: event, At: r.At, Verdict: "alert", Cause: cause, Reason: "by a person: ticket 8"}
		})
	}
	add("alert", 300*time.Hour, func(r *audit.Record) { r.Phase, r.Verdict, r.Outcome, r.Rule = audit.PhaseDecision, "alert", "", "" })
	add("alert", 300*time.Hour, func(r *audit.Record) {
		r.Phase, r.Verdict, r.Outcome, r.Reason = audit.PhaseNotice, "alert", audit.OutcomeRefused, `channel "night" was not told`
	})
	return c.Report()
}

// hostile is what somebody may have written into records.
func hostile() *report.Report {
	c := report.NewCollector("</title><script>alert(1)</script>", time.Time{}, time.Time{})
	for n, text := range []string{
		"<script>alert(1)</script>", `"><img src=https://example.com/x onerror=alert(1)>`, "javascript:alert(1)", "</style><style>*{display:none}",
		"\x1b[31m\x00\u202etxt.exe", "{{.}}", "-->", strings.Repeat("x", 5000), strings.Repeat("東京", 2000), "a\xffb",
	} {
		r := record(text, time.Duration(n)*time.Hour)
		for _, field := range []*string{
			&r.Kind, &r.SourceProject, &r.Caller, &r.Workload, &r.Principal, &r.Resource, &r.Image, &r.Rule, &r.PolicyDigest, &r.Reason, &r.Role,
			&r.EtagBefore, &r.EtagAfter, &r.Error,
		} {
			*field = text
		}
		c.Add(&r)
	}
	return c.Report()
}

// many is a report of more grants than are listed.
func many() *report.Report {
	c := report.NewCollector(`the file "record.jsonl"`, time.Time{}, time.Time{})
	for n := range 3 * report.MostEntries {
		r := record(fmt.Sprintf("event-%04d", n), time.Duration(n)*time.Hour)
		c.Add(&r)
	}
	return c.Report()
}

func rendered(t *testing.T, r *report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*report.Report{"eventful": eventful(), "nothing": report.NewCollector("nowhere", time.Time{}, time.Time{}).Report()} {
		got, file := rendered(t, r), filepath.Join("testdata", name+".html")
		got = strings.NewReplacer(style, "STYLE", script, "SCRIPT").Replace(got)
		got = regexp.MustCompile(`sha256-.*?=&#39;`).ReplaceAllString(got, "HASH&#39;")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// The page is made of its own elements, whatever records hold, and every one of
// them is closed.
func TestNothingGetsOutOfItsText(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, name := range tags(t, rendered(t, eventful())) {
		known[name] = true
	}
	for _, name := range tags(t, rendered(t, hostile())) {
		if !known[name] {
			t.Errorf("there is an element %q", name)
		}
	}
	if text := rendered(t, hostile()); strings.ContainsAny(text, "\x1b\x00\u202e") {
		t.Error("a control character is left")
	}
}

// tags returns the names of all elements, with those of their attributes.
func tags(t *testing.T, page string) (names []string) {
	t.Helper()
	_, page, _ = strings.Cut(page, ">") // the doctype
	page = strings.NewReplacer(style, "", script, "").Replace(page)
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.AutoClose, decoder.Entity = []string{"meta", "input"}, xml.HTMLEntity
	decoder.Strict = false
	depth := 0
	for {
		token, err := decoder.Token()
		if err != nil {
			if depth != 0 {
				t.Errorf("%d elements are not closed", depth)
			}
			return names
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			name := token.Name.Local
			for _, a := range token.Attr {
				name += " " + a.Name.Local
			}
			names = append(names, name)
		case xml.EndElement:
			depth--
		}
	}
}

// The browser runs what has the hash that the page names, and nothing else.
func TestPolicyNamesThePagesOwnContent(t *testing.T) {
	t.Parallel()
	page := rendered(t, eventful())
	policy := html.UnescapeString(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1])
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("got policy %q, want one that begins with nothing", policy)
	}
	for _, element := range []string{"style", "script"} {
		found := regexp.MustCompile("(?s)<"+element+">(.*?)</"+element+">").FindAllStringSubmatch(page, -1)
		if len(found) != 1 {
			t.Fatalf("got %d elements %s, want 1", len(found), element)
		}
		sum := sha256.Sum256([]byte(found[0][1]))
		if want := fmt.Sprintf("%s-src 'sha256-%s'", element, base64.StdEncoding.EncodeToString(sum[:])); !strings.Contains(policy, want) {
			t.Errorf("got policy %q, want %s", policy, want)
		}
	}
	if found := regexp.MustCompile(`(?i)(src|href)="[^#]|url\(|@import|style="|\son\w+=`).FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
}

func TestCutListsSaySo(t *testing.T) {
	t.Parallel()
	page := rendered(t, many())
	if want := "The latest 1,000 of 3,000 are listed."; !strings.Contains(page, want) {
		t.Errorf("want %q", want)
	}
	if n := strings.Count(page, `<tr role="row" class="granted">`); n != report.MostEntries {
		t.Errorf("got %d rows, want %d", n, report.MostEntries)
	}
	if strings.Contains(page, "event-1999<") || !strings.Contains(page, "event-2000<") {
		t.Error("these are not the latest")
	}
}

func TestPagesAreTheSameEveryTime(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(rendered(t, eventful()), rendered(t, eventful())); diff != "" {
		t.Errorf("-first +second\n%s", diff)
	}
}

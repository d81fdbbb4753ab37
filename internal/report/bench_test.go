package report

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/pullfix/pullfix/audit"
)

// busy hands over the records of so many deploys: of each three a grant with its
// intent, an alert, and what a rule ignores. A record is good until the next one.
func busy(deploys int, yield func(*audit.Record)) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := audit.Record{
		Log: "projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event", Kind: "run-image", SourceProject: "app-one",
		Caller: "user:ann@example.com", Workload: "service web",
		Principal:  "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com",
		Permission: "artifactregistry.repositories.downloadArtifacts", Resource: "projects/shared/locations/us/repositories/apps",
		Image: "us-docker.pkg.dev/shared/apps/web:v1", Mode: "enforce", Rule: "apps", PolicyDigest: "sha256:00",
		Reason: `rule "apps" allows it: platform serves images to every app project`, Role: "roles/artifactregistry.reader", Version: audit.FormatVersion,
	}
	for n := range deploys {
		r.Event, r.At = "event-"+strconv.Itoa(n), at.Add(time.Duration(n)*17*time.Second)
		switch n % 3 {
		case 0:
			r.Verdict, r.Phase, r.Outcome = "grant", audit.PhaseIntent, ""
			yield(&r)
			r.Phase, r.Outcome = audit.PhaseResult, audit.OutcomeApplied
		case 1:
			r.Verdict, r.Phase, r.Outcome = "alert", audit.PhaseDecision, ""
		default:
			r.Verdict, r.Phase, r.Outcome = "ignore", audit.PhaseDecision, ""
		}
		yield(&r)
	}
}

// A million records need what a hundred thousand need.
func TestMemoryIsConstant(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := NewCollector("memory", time.Time{}, time.Time{})
	busy(750_000, c.Add)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("a million records take %d MiB, want at most 32", grown>>20)
	}
	r := c.Report()
	if got := fmt.Sprint(r.Records, r.Counts[Granted], r.Grants.Total, len(r.Grants.Entries)); got != "1000000 250000 250000 1000" {
		t.Errorf("got %s records, grants, and grants listed", got)
	}
}

func BenchmarkCollect(b *testing.B) {
	b.ReportAllocs()
	c, n := NewCollector("memory", time.Time{}, time.Time{}), 0
	for b.Loop() {
		busy(750, func(r *audit.Record) { c.Add(r); n++ })
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report/lines"
)

// recordsOf writes a file with the records of so many grants, and returns its
// path. They are as pullfix writes them, but in one go.
func recordsOf(t testing.TB, grants int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "record.jsonl")
	var text []byte
	r := audit.Record{
		Log: "projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event", Kind: "run-image", SourceProject: "app-one",
		Caller: "user:ann@example.com", Workload: "service web",
		Principal:  "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com",
		Permission: "artifactregistry.repositories.downloadArtifacts", Resource: "projects/shared/locations/us/repositories/apps",
		Image: "us-docker.pkg.dev/shared/apps/web:v1", Verdict: "grant", Mode: "enforce", Rule: "apps",
		PolicyDigest: "sha256:" + strings.Repeat("0123456789abcdef", 4), Reason: `rule "apps" allows it: platform serves images to every app project`,
		Role: "roles/artifactregistry.reader", EtagBefore: "BwY000000AA=", Version: audit.FormatVersion,
	}
	for n := range grants {
		r.Event, r.At = "event-"+strconv.Itoa(n), time.Date(2026, 3, 4, 5, n, 0, 0, time.UTC)
		r.Phase, r.Outcome, r.EtagAfter = audit.PhaseIntent, "", ""
		text = lines.AppendJSON(text, &r)
		r.Phase, r.Outcome, r.EtagAfter = audit.PhaseResult, audit.OutcomeApplied, "BwY000001AA="
		text = lines.AppendJSON(text, &r)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// head reads so much, and goes.
type head struct{ left int }

func (h *head) Write(p []byte) (int, error) {
	if h.left -= len(p); h.left < 0 {
		return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
	}
	return len(p), nil
}

// Who has read enough is nobody's mistake.
func TestAuditCommandsEndWithTheirReader(t *testing.T) {
	file := recordsOf(t, 1000)
	for _, command := range []string{
		"list", "list --format json", "list --format csv", "report", "report --format json", "report --format csv", "report --format html", "show event-7",
	} {
		for _, left := range []int{0, 100_000} {
			var errs bytes.Buffer
			args := append([]string{"audit"}, strings.Fields(command+" --file "+file)...)
			if status := run(args, nil, &head{left}, &errs); status != exitDone || errs.Len() > 0 {
				t.Errorf("%s: after %d bytes: status %d, %q, want 0 and nothing", command, left, status, errs.String())
			}
		}
	}
}

// A disk that is full is not.
func TestAuditCommandsTellThatTheyCannotWrite(t *testing.T) {
	file := recordsOf(t, 1000)
	for _, command := range []string{"list", "report --format csv", "report --format html"} {
		var errs bytes.Buffer
		args := append([]string{"audit"}, strings.Fields(command+" --file "+file)...)
		if status := run(args, nil, full{}, &errs); status != exitUsage || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%s: status %d, %q, want 2 and the reason", command, status, errs.String())
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// BenchmarkAudit reads a file of 20,000 records.
func BenchmarkAudit(b *testing.B) {
	const grants = 10_000
	file := recordsOf(b, grants)
	for _, command := range []string{"list --format text", "list --format json", "list --format csv", "report --format text", "report --format csv", "report --format html"} {
		b.Run(strings.ReplaceAll(command, " --format ", "-"), func(b *testing.B) {
			b.ReportAllocs()
			args := append([]string{"audit"}, strings.Fields(command+" --file "+file)...)
			for b.Loop() {
				if status := run(args, nil, io.Discard, io.Discard); status != exitDone {
					b.Fatal(fmt.Sprint(args, " ended with ", status))
				}
			}
			b.ReportMetric(float64(2*grants*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

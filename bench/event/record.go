package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/pullfix/pullfix/audit"
)

// Record returns a file of so many records, as pullfix writes it: a grant with
// its intent, an alert, and what a rule ignores, over and over. Each line has its
// value in the chain, which is in docs/compliance.md.
func Record(lines int, now time.Time) ([]byte, error) {
	var text bytes.Buffer
	last := ""
	for n := range lines {
		line, err := record(n, lines, now).Line()
		if err != nil {
			return nil, err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		sum := sha256.Sum256(append([]byte(last), line...))
		last = hex.EncodeToString(sum[:])
		fmt.Fprintf(&text, "%s,\"chain\":%q}\n", bytes.TrimSuffix(line, []byte("}")), last)
	}
	return text.Bytes(), nil
}

// record is line n of a file. The lines stand a second apart, the last one a day
// before now.
func record(n, lines int, now time.Time) audit.Record {
	deploy := n
	if n%4 == 1 {
		deploy-- // the result of the intent before it
	}
	r := audit.Record{
		Event: fmt.Sprintf("bench-%d", deploy), At: now.Add(-24*time.Hour - time.Duration(lines-deploy)*time.Second).UTC().Truncate(time.Second),
		Log: fmt.Sprintf("projects/app-%d/logs/cloudaudit.googleapis.com%%2Fsystem_event", deploy%Projects), Kind: "run-image",
		SourceProject: fmt.Sprintf("app-%d", deploy%Projects), Workload: "service web",
		Principal:  fmt.Sprintf("serviceAccount:service-11111111%04d@serverless-robot-prod.iam.gserviceaccount.com", deploy%Projects),
		Permission: "artifactregistry.repositories.downloadArtifacts",
		Resource:   fmt.Sprintf("projects/shared-images/locations/us-central1/repositories/apps-%03d", deploy/Projects),
		Image:      fmt.Sprintf("us-central1-docker.pkg.dev/shared-images/apps-%03d/web:v1", deploy/Projects),
		Mode:       "enforce", Rule: "apps-pull-shared-images", PolicyDigest: "sha256:00", Role: "roles/artifactregistry.reader",
		Reason: "the platform serves images to every app project", Verdict: "grant", Phase: audit.PhaseDecision, Version: audit.FormatVersion,
	}
	switch n % 4 {
	case 0:
		r.Phase, r.EtagBefore = audit.PhaseIntent, "BwY="
	case 1:
		r.Phase, r.Outcome, r.EtagBefore, r.EtagAfter = audit.PhaseResult, audit.OutcomeApplied, "BwY=", "BwZ="
	case 2:
		r.Verdict, r.Rule = "alert", ""
	default:
		r.Verdict, r.Rule = "ignore", "sandboxes"
	}
	return r
}

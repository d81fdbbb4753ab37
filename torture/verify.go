package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/grpc/metadata"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/torture/check"
	"github.com/pullfix/pullfix/torture/world"
)

const (
	pullfix    = "pullfix@pullfix-local.iam.gserviceaccount.com" // as the local Google Cloud calls everybody
	somebody   = "others@others.iam.gserviceaccount.com"
	stragglers = time.Minute // between what is seen of an act
)

// verify holds the record against Google's log of policy changes, as an auditor
// does with pullfix audit verify. The local Google Cloud keeps only the newest
// entries: where some are gone, nothing is found.
func (r *run) verify(ctx context.Context, w world.World) (check.Result, error) {
	result := check.Result{Name: "verified", Says: "pullfix audit verify finds nothing that does not match"}
	ctx = metadata.AppendToOutgoingContext(ctx, "x-goog-request-reason", theirs)
	opts := clientOptions(r.cloud.address)
	records := audit.ReadCloud(ctx, audit.Log{Project: world.Home}, audit.Query{}, opts...)
	report, err := audit.Verify(ctx, records, audit.VerifyOptions{
		Changes: changes(ctx, w.Projects(), opts), Account: pullfix, Grace: stragglers,
	})
	if err != nil {
		return result, err
	}
	if report.Changes < len(r.cloud.witness.writes) {
		result.Examined, result.Excused = report.Records, report.Records
		return result, nil
	}
	result.Examined = report.Records + report.Changes
	recovered := map[string]bool{} // where somebody else may have made the change: docs/checks.md#recovered
	for _, record := range r.history.Records {
		recovered[record.ID] = recovered[record.ID] || record.Cause == "recovered"
	}
	for _, m := range report.Mismatches {
		if m.Kind == audit.MismatchContradicted && recovered[m.ID] {
			result.Excused++
			continue
		}
		result.Broken = append(result.Broken, fmt.Sprintf("%s: event %q, id %q, %s: %s", m.Kind, m.Event, m.ID, m.At.Format(time.RFC3339Nano), m.Why))
	}
	return result, nil
}

// changes are those of all projects, told apart by who made them.
func changes(ctx context.Context, projects []string, opts []option.ClientOption) iter.Seq2[*audit.PolicyChange, error] {
	return func(yield func(*audit.PolicyChange, error) bool) {
		for _, project := range projects {
			for c, err := range audit.ReadPolicyChangesCloud(ctx, project, "", time.Time{}, time.Time{}, opts...) {
				if err == nil && c.Reason == theirs {
					c.Account = somebody
				}
				if !yield(c, err) {
					return
				}
			}
		}
	}
}

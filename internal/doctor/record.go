package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/logging/v2"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// recordFilter is what goes into the bucket of the record.
const recordFilter = `log_id("` + audit.LogID + `")`

func (k *desk) record() []Check {
	return []Check{
		{Name: recordSink, Look: func(ctx context.Context) []Result { return []Result{k.lookAtRecordSink(ctx)} }},
		{Name: "record-bucket", Needs: []string{recordSink}, Look: func(ctx context.Context) []Result { return []Result{k.lookAtBucket(ctx)} }},
		{Name: "record-writer", Needs: []string{project, recordSink}, Look: func(ctx context.Context) []Result { return []Result{k.lookAtRecordWriter(ctx)} }},
		{Name: "record", Look: func(ctx context.Context) []Result { return []Result{k.lookAtRecord(ctx)} }},
	}
}

func (k *desk) lookAtRecordSink(ctx context.Context) Result {
	usual := loggingService + "/" + k.name("locations/global/buckets/"+deploy.RecordBucket)
	s, err := k.sink(ctx, "projects/"+k.Project.String(), deploy.RecordSink)
	switch {
	case rest.Missing(err):
		return missing(gcloud("logging", "sinks", "create", deploy.RecordSink, usual, "--log-filter="+recordFilter, k.in()),
			"there is none: records stay 30 days")
	case err != nil:
		return Unseen(err, "logging.sinks.get")
	}
	var d differences
	_, isBucket := bucketOf(s)
	d.when(!isBucket, fmt.Sprintf("the destination is %q, want a log bucket", s.Destination), usual)
	d.when(strings.TrimSpace(s.Filter) != recordFilter, fmt.Sprintf("the filter is %q, want %q", s.Filter, recordFilter), "--log-filter="+recordFilter)
	d.when(s.Disabled, "it is disabled", "--no-disabled")
	d.when(len(s.Exclusions) > 0, "it excludes entries", "--clear-exclusions")
	r := d.result("to "+s.Destination, func(flags ...string) string {
		return gcloud(append(append([]string{"logging", "sinks", "update", deploy.RecordSink}, flags...), k.in())...)
	})
	r.absent = !isBucket
	return r
}

// bucketOf is the log bucket that a sink leads to, which may be in another
// project.
func bucketOf(s *logging.LogSink) (name string, ok bool) {
	name, ok = strings.CutPrefix(s.Destination, loggingService+"/")
	return name, ok && strings.Count(name, "/") == 5 && strings.Contains(name, "/buckets/")
}

func (k *desk) lookAtBucket(ctx context.Context) Result {
	s, err := k.sink(ctx, "projects/"+k.Project.String(), deploy.RecordSink)
	if err != nil {
		return Unseen(err, "logging.sinks.get")
	}
	name, _ := bucketOf(s)
	part := strings.Split(name, "/")
	command := func(verb string) string {
		return gcloud("logging", "buckets", verb, part[5], "--location="+part[3], "--project="+part[1], fmt.Sprintf("--retention-days=%d", k.RetentionDays))
	}
	b, err := rest.Get[logging.LogBucket](ctx, k.cloud, loggingService, "v2/"+name)
	switch {
	case rest.Missing(err):
		return Bad(command("create"), "there is none")
	case err != nil:
		return Unseen(err, "logging.buckets.get")
	case b.LifecycleState == "DELETE_REQUESTED":
		return Bad(gcloud("logging", "buckets", "undelete", part[5], "--location="+part[3], "--project="+part[1]), "it is being deleted")
	case b.RetentionDays < int64(k.RetentionDays) && b.Locked:
		return Result{Status: Fail, Reason: fmt.Sprintf("records stay %d days, want %d, and it is locked: only another bucket can keep them longer", b.RetentionDays, k.RetentionDays)}
	case b.RetentionDays < int64(k.RetentionDays):
		return Bad(command("update"), "records stay %d days, want %d", b.RetentionDays, k.RetentionDays)
	}
	return Good("records stay %d days", b.RetentionDays)
}

const bucketWriter = "roles/logging.bucketWriter"

// lookAtRecordWriter looks whether the sink may write to a bucket of another
// project, at all or only to that bucket. In its own project it needs no right
// (https://cloud.google.com/logging/docs/export/configure_export_v2#dest-auth).
func (k *desk) lookAtRecordWriter(ctx context.Context) Result {
	home := "projects/" + k.Project.String()
	s, err := k.sink(ctx, home, deploy.RecordSink)
	if err != nil {
		return Unseen(err, "logging.sinks.get")
	}
	own, err := k.project(ctx, home)
	if err != nil {
		return Unseen(err, "resourcemanager.projects.get")
	}
	bucket, _ := bucketOf(s)
	part := strings.Split(bucket, "/")
	if part[1] == k.Project.String() || part[1] == numberOf(own) {
		return Good("the bucket is in the same project")
	}
	holder := "projects/" + part[1]
	p, err := k.policy(ctx, holder)
	if err != nil {
		return Unseen(err, permissionOf(holder))
	}
	for _, b := range p.Bindings {
		if b.Role == bucketWriter && slices.Contains(b.Members, s.WriterIdentity) {
			return Good("%s has %s", bare(s.WriterIdentity), bucketWriter)
		}
	}
	only := "--condition=title=" + deploy.RecordBucket + ",expression=resource.name.endsWith('" + strings.Join(part[2:], "/") + "')"
	command := gcloud("projects", "add-iam-policy-binding", part[1], "--member="+s.WriterIdentity, "--role="+bucketWriter, only)
	return Bad(command, "%s has no %s on %s: no record comes into the bucket", bare(s.WriterIdentity), bucketWriter, holder)
}

// lookAtRecord finds the latest record. That there is none is nothing bad:
// perhaps nothing has failed yet.
func (k *desk) lookAtRecord(ctx context.Context) Result {
	list, err := k.entries(ctx, `timestamp>="1970-01-01T00:00:00Z"`)
	switch {
	case err != nil:
		return Unseen(err, "logging.logEntries.list")
	case len(list) == 0:
		return Good("readable; there is none yet")
	}
	return Good("readable; the latest is of %s", list[0].Timestamp)
}

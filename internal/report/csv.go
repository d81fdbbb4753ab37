package report

import (
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/internal/report/lines"
)

// CSVHeader is the first line of the table of acts.
const CSVHeader = "at,ending,event,principal,role,resource,image,kind,source_project,caller,workload," +
	"rule,policy_digest,reason,cause,error,etag_before,etag_after\n"

// AppendCSV appends an entry as a line of that table.
func AppendCSV(b []byte, e *Entry) []byte {
	r := &e.Record
	b = r.At.UTC().AppendFormat(b, time.RFC3339Nano)
	for _, value := range row(e.Ending, r) {
		b = lines.AppendCell(append(b, ','), value)
	}
	return append(b, '\n')
}

func row(e Ending, r *audit.Record) [17]string {
	return [...]string{
		e.String(), r.Event, r.Principal, r.Role, r.Resource, r.Image, r.Kind, r.SourceProject, r.Caller, r.Workload,
		r.Rule, r.PolicyDigest, r.Reason, r.Cause, r.Error, r.EtagBefore, r.EtagAfter,
	}
}

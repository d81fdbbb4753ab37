package parse

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pullfix/pullfix/iam"
)

// Entry reads one Cloud Logging entry in JSON
// (https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry), or
// the bare protoPayload of one. The data of an Eventarc event of type
// google.cloud.audit.log.v1.written is the same JSON.
//
// An error says at which byte and in which field the data is not an entry;
// there are no findings then.
func Entry(data []byte) (Event, error) {
	t, err := decodeJSON(string(data))
	if err != nil {
		return Event{}, err
	}
	return readEntry(t, root)
}

// Interesting reports whether Entry may find something in the data. It looks
// at the bytes only, so that the many entries that say nothing cost little:
// where it answers false, Entry finds nothing or reports an error.
func Interesting(data []byte) bool {
	for _, sign := range signs {
		if holds(data, sign[0], sign[1:]) {
			return true
		}
	}
	return escapedLetter(data)
}

// signs are what an entry must hold for Entry to look for a denial: a status
// code, something that is False, false or FAILED, a payload that is plain
// text. Each begins with a byte that is rare in entries.
var signs = [...]string{"False", "FAILED", "false", "xtPayload", "jsonPayload", `code"`}

// holds reports whether the text that begins with first and goes on with rest
// occurs in the data.
func holds(data []byte, first byte, rest string) bool {
	for {
		i := bytes.IndexByte(data, first)
		if i < 0 {
			return false
		}
		if data = data[i+1:]; len(data) >= len(rest) && string(data[:len(rest)]) == rest {
			return true
		}
	}
}

// escapedLetter reports whether a letter is written as an escape, which could
// hide a sign.
func escapedLetter(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '\\')
		if i < 0 || i+1 >= len(data) {
			return false
		}
		if data = data[i+1:]; len(data) > 3 && string(data[:3]) == "u00" && '4' <= data[3] && data[3] <= '7' {
			return true
		}
		data = data[1:]
	}
}

// entry is a log entry while it is read.
type entry struct {
	*tree
	Event
	top, proto, labels int32 // the entry, its protoPayload, the labels of its monitored resource
	code               string
	message            string // status.message
	service            string // serviceName
	number             iam.Project
	project            iam.Project
	workload           string
	location           string
	conflict           string       // why its fields contradict one another
	named              iam.Resource // resourceName
	specs              []int32      // the objects that list containers
	partial            bool         // it says more than is read

	// What several denials ask for is read once, when the first one does.
	images   once[[]iam.Image]   // of the deployed containers
	identity once[iam.Principal] // the service account that they run as
	uses     once[uses]          // the secrets that they use
	deployed once[iam.Resource]  // the service or job that the labels name
	address  once[string]        // that was requested of a registry
}

// once holds what is read at most once.
type once[T any] struct {
	value T
	known bool
}

func (o *once[T]) get(read func() T) T {
	if !o.known {
		o.value, o.known = read(), true
	}
	return o.value
}

// An entry that holds more than this is not Google's: Cloud Logging takes none
// that is larger than 512 KiB (https://cloud.google.com/logging/quotas). What
// is more is not read, so that nobody can make one entry expensive.
const (
	longestText  = 256 << 10 // bytes of its messages
	mostTold     = 1024      // sentences, addresses and settings in them, permissions in its fields
	mostRefused  = 64        // permissions in its fields that differ
	mostFindings = 64
)

func readEntry(t *tree, n int32) (Event, error) {
	e := &entry{tree: t, top: n}
	e.envelope()
	e.status()
	e.context()
	drafts := e.denials()
	if t.err != nil {
		return Event{}, t.err
	}
	for i := range drafts[:min(len(drafts), mostFindings)] {
		e.Findings = append(e.Findings, drafts[i].Finding)
	}
	return e.Event, nil
}

func (e *entry) envelope() {
	e.ID = e.string(e.top, "insertId")
	e.Log = e.string(e.top, "logName")
	e.labels = e.object(e.object(e.top, "resource"), "labels")
	e.proto = e.object(e.top, "protoPayload")
	if e.proto == absent && e.fold {
		e.proto = e.object(e.top, "protopayload_auditlog")
	}
	switch {
	case e.proto != absent:
	case e.member(e.top, "serviceName") != absent:
		e.proto, e.labels = e.top, absent
	case !e.isEntry(e.top) && e.Log == "":
		e.fail(e.top, "", `not a log entry: none of "protoPayload", "textPayload", "jsonPayload", "logName"`)
	}
	kind := e.loose(e.proto, "@type")
	e.Audit = auditLog(e.Log) && e.proto != absent && e.proto != e.top && (kind == "" || kind == auditType)
	e.At, e.Received = e.time("timestamp"), e.time("receiveTimestamp")
	if e.At.IsZero() {
		e.At = e.Received
	}
	e.service = cut(e.string(e.proto, "serviceName"), longestWritten)
	info := e.object(e.proto, "authenticationInfo")
	e.Caller = readPrincipal(e.string(info, "principalEmail"))
	if _, subject, _ := strings.Cut(e.string(info, "principalSubject"), ":"); !e.Caller.IsZero() &&
		strings.Contains(subject, "@") && !strings.EqualFold(subject, e.Caller.Email()) {
		e.conflict = fmt.Sprintf("the caller is %q, the subject %q", e.Caller, subject)
	}
}

const auditType = "type.googleapis.com/google.cloud.audit.AuditLog"

// timeLayouts are those of Cloud Logging and of tables that it is exported to.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999 MST"}

func (e *entry) time(key string) time.Time {
	s := e.string(e.top, key)
	if s == "" {
		return time.Time{}
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC()
		}
	}
	if !e.fold {
		e.fail(e.member(e.top, key), key, `want a time such as "2026-01-31T08:00:00Z"`)
	}
	return time.Time{}
}

// auditLog reports whether a log name is that of an audit log
// (https://cloud.google.com/logging/docs/audit#types).
func auditLog(name string) bool {
	parent, log, ok := strings.Cut(name, "/logs/")
	if !ok || strings.Count(parent, "/") != 1 {
		return false
	}
	kind, ok := strings.CutPrefix(log, "cloudaudit.googleapis.com%2F")
	return ok && (kind == "activity" || kind == "data_access" || kind == "system_event" || kind == "policy")
}

func (e *entry) status() {
	s := e.object(e.proto, "status")
	if m := e.member(s, "code"); m != absent && e.nodes[m].kind > stringNode {
		e.fail(m, "code", "want a number")
	}
	e.code = e.loose(s, "code")
	if n, ok := codeWords[e.code]; ok {
		e.code = n
	}
	if f, err := strconv.ParseFloat(e.code, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1000 {
		e.code = strconv.Itoa(int(f))
	}
	e.message = e.bounded(e.string(s, "message"), longestText)
}

// bounded returns what is read of a text.
func (e *entry) bounded(s string, limit int) string {
	e.partial = e.partial || len(s) > limit
	return cut(s, limit)
}

// context reads who deploys what where.
func (e *entry) context() {
	meta := e.object(e.proto, "response", "metadata")
	for _, p := range []iam.Project{
		readProject(e.loose(meta, "namespace")), readPlace(e.loose(e.object(e.proto, "response"), "name")).project,
	} {
		switch {
		case !p.IsNumber():
		case e.number.IsZero():
			e.number = p
		case p != e.number:
			e.conflict = fmt.Sprintf("the entry names project %q and project %q", e.number, p)
		}
	}
	place := readPlace(e.string(e.proto, "resourceName"))
	e.named = place.resource
	parent, _, _ := strings.Cut(e.Log, "/logs/")
	for _, p := range []iam.Project{
		readProject(e.loose(e.labels, "project_id")), place.project, readProject(strings.TrimPrefix(parent, "projects/")), e.number,
		readProject(e.loose(meta, "namespace")),
	} {
		switch {
		case e.project.IsZero():
			e.project = p
		case p.IsNumber() != e.project.IsNumber() || p.IsZero() || p == e.project:
		case e.conflict == "":
			e.conflict = fmt.Sprintf("the entry names project %q and project %q", e.project, p)
		}
	}
	if p := place.project; p.IsNumber() && !e.number.IsZero() && p != e.number {
		e.conflict = fmt.Sprintf("the entry names project %q and project %q", e.number, p)
	}
	e.location = cmp.Or(region(e.loose(e.labels, "location")), region(e.loose(e.labels, "region")),
		region(e.loose(e.object(meta, "labels"), "cloud.googleapis.com/location")))
	e.workload = e.labelled()
	if e.workload == "" {
		e.workload = place.workload
	}
}

// workloadLabels are the labels that name a workload
// (https://cloud.google.com/logging/docs/api/v2/resource-list).
var workloadLabels = [...]struct{ key, collection string }{
	{"service_name", "services"},
	{"job_name", "jobs"},
	{"worker_pool_name", "workerPools"},
	{"function_name", "functions"},
	{"revision_name", "revisions"},
}

// labelled returns the workload that the labels of the monitored resource
// name.
func (e *entry) labelled() string {
	for _, label := range workloadLabels {
		if w := workload(label.collection, e.loose(e.labels, label.key)); w != "" {
			return w
		}
	}
	return ""
}

// systemEvent reports whether Cloud Run itself wrote the entry, about a deploy
// that it carried out.
func (e *entry) systemEvent() bool { return strings.HasSuffix(e.Log, "%2Fsystem_event") }

// byRun reports whether the entry is about a deploy to Cloud Run.
func (e *entry) byRun() bool {
	return e.service == "run.googleapis.com" || e.service == "cloudfunctions.googleapis.com"
}

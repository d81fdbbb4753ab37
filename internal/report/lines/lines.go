// Package lines writes records of the compliance record one a line: a [Layout]
// for a person at a terminal, [AppendCSV] for a spreadsheet, [AppendJSON] as
// they were recorded. A record comes in; bytes are appended. Nothing that is
// written does more than show: a terminal gets no control character, a
// spreadsheet no formula.
package lines

import (
	"strings"

	"github.com/pullfix/pullfix/audit"
)

// Texts are the values of a record, in the order of the wire format; the time is
// not among them.
func Texts(r *audit.Record) [len(Keys)]*string {
	return [...]*string{
		&r.Phase, &r.Event, &r.Log, &r.Kind, &r.SourceProject, &r.Caller, &r.Workload, &r.Principal, &r.Permission, &r.Resource, &r.Image,
		&r.Verdict, &r.Mode, &r.Rule, &r.PolicyDigest, &r.Reason, &r.Cause, &r.Role, &r.Outcome, &r.EtagBefore, &r.EtagAfter, &r.Error, &r.Version,
	}
}

// Keys are the keys of these texts.
var Keys = [...]string{
	"phase", "event", "log", "kind", "source_project", "caller", "workload", "principal", "permission", "resource", "image",
	"verdict", "mode", "rule", "policy_digest", "reason", "cause", "role", "outcome", "etag_before", "etag_after", "error", "version",
}

// beforeTime is how many columns stand before the time.
const beforeTime = 3

// What says in a word which record of its event it is: how an act ended, or how
// far it got.
func What(r *audit.Record) string {
	undo := r.Cause == audit.CauseUndo
	switch {
	case r.Phase == audit.PhaseNotice:
		return "untold"
	case undo && r.Outcome == audit.OutcomeUndone:
		return r.Outcome
	case undo && r.Outcome == "":
		return "undo"
	case undo:
		return undoWords[r.Outcome]
	case r.Outcome == "":
		return r.Phase
	default:
		return r.Outcome
	}
}

var undoWords = map[string]string{audit.OutcomeRefused: "undo-refused", audit.OutcomeFailed: "undo-failed"}

// shortPrincipal leaves out what can be told from the rest: the type, and the
// domain of Google's accounts.
func shortPrincipal(name string) (account, home string) {
	name = name[strings.LastIndexByte(name, ':')+1:]
	local, domain, _ := strings.Cut(name, "@")
	owner, google := strings.CutSuffix(domain, "gserviceaccount.com")
	project, own := strings.CutSuffix(owner, ".iam.")
	switch {
	case !google:
		return name, ""
	case !own || strings.HasPrefix(local, "service-"):
		return local, ""
	default:
		return local, name[len(local) : len(local)+1+len(project)]
	}
}

// shortResource is the project and the last part of a name.
func shortResource(name string) (project, last string) {
	rest, ok := strings.CutPrefix(name, "projects/")
	if !ok {
		return name, ""
	}
	project, rest, _ = strings.Cut(rest, "/")
	if rest == "" {
		return project, ""
	}
	return project, rest[max(0, strings.LastIndexByte(rest, '/')):]
}

// Package audit keeps the compliance record: what was denied, what was decided
// by which rule, what was done, in one flat wire format. A [Record] comes in;
// it is in Cloud Logging, or on disk, when the writer returns without an error.
//
// An act has two records: the intent before it and the result after it. No
// record, no act. Whatever needs no act has one record, the decision. Who undoes
// an act records that likewise, beside the records of the act.
//
// [FindInFile] and [FindInCloud] read back what is recorded about one event,
// [ReadFile] and [ReadCloud] whatever a [Query] wants. [Verify] holds records
// against the policy changes of Google's own audit log, and [VerifyFile] also
// each line of a file against the one before it.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// FormatVersion names the wire format of [Record].
const FormatVersion = "v1"

// The phases of a record.
const (
	PhaseIntent   = "intent"
	PhaseResult   = "result"
	PhaseDecision = "decision"
	PhaseNotice   = "notice" // a channel refused for good to tell about what was decided; the reason names it
)

// The outcomes of a grant, and of its undoing.
const (
	OutcomeApplied     = "applied"      // the member was added
	OutcomeAlreadyHeld = "already-held" // the member holds the role already
	OutcomeObserved    = "observed"     // it would have been added in enforce mode
	OutcomeRefused     = "refused"      // for good: a check, a limit or Google Cloud said no
	OutcomeFailed      = "failed"       // for now: the event comes again
	OutcomeUndone      = "undone"       // the member was removed again by pullfix undo
)

// CauseUndo is the cause of every record of an undo: it tells them from those
// of the grant of the same event.
const CauseUndo = "undo"

// Record is one line of the compliance record. What is not known is "".
type Record struct {
	Phase         string    `json:"phase"`          // intent, result, decision or notice
	Event         string    `json:"event"`          // insertId of the log entry, or the id of the message that carried it
	Log           string    `json:"log"`            // logName of the log entry
	At            time.Time `json:"at"`             // timestamp of the log entry
	Kind          string    `json:"kind"`           // what went wrong
	SourceProject string    `json:"source_project"` // the project that deploys
	Caller        string    `json:"caller"`         // who deployed
	Workload      string    `json:"workload"`       // what was deployed
	Principal     string    `json:"principal"`      // who lacks the permission
	Permission    string    `json:"permission"`
	Resource      string    `json:"resource"` // where
	Image         string    `json:"image"`
	Verdict       string    `json:"verdict"`       // alert, grant or ignore
	Mode          string    `json:"mode"`          // observe or enforce
	Rule          string    `json:"rule"`          // name of the rule that decided
	PolicyDigest  string    `json:"policy_digest"` // of the policy that decided
	Reason        string    `json:"reason"`        // why, in one sentence
	Cause         string    `json:"cause"`         // one word for what a check found
	Role          string    `json:"role"`          // the least role that would help
	Outcome       string    `json:"outcome"`
	EtagBefore    string    `json:"etag_before"` // of the policy that was changed, base64
	EtagAfter     string    `json:"etag_after"`
	Error         string    `json:"error"`
	Version       string    `json:"version"` // of this format
}

// Key names what the record is about, whatever became of it: one finding of
// one event.
func (r Record) Key() string { return r.hash("") }

// ID is the same for every delivery of the same event, so that a redelivery
// writes no second line. What differs by phase, is another decision, or a failure
// that may pass, by its error, has an id of its own: a later truth must not be
// taken for its repetition.
//
// The undo of a grant is an act of its own on the same event. A person may have
// it tried again however it ended, so each of its outcomes has its own id: that
// it was refused must not hide that it was done later.
func (r Record) ID() string { return r.hash(r.slot()) }

// slot tells the records of one key apart.
func (r *Record) slot() string {
	outcome := r.Outcome
	if outcome == OutcomeFailed && r.Error != "" {
		outcome += " " + bounded(r.Error)
	}
	switch {
	case r.undo() && r.Phase == PhaseIntent:
		return CauseUndo + " " + PhaseIntent
	case r.undo():
		return CauseUndo + " " + outcome
	case r.Outcome == OutcomeFailed:
		return outcome
	case r.Phase == PhaseNotice:
		return PhaseNotice + " " + r.Reason
	case r.Phase == PhaseDecision:
		return strings.Join([]string{PhaseDecision, r.Verdict, r.Outcome, r.Cause}, " ")
	default:
		return r.Phase
	}
}

// undo goes by the outcome too: without the cause it would have the id of the
// grant's result, and be dropped as its repetition.
func (r *Record) undo() bool { return r.Cause == CauseUndo || r.Outcome == OutcomeUndone }

func (r *Record) hash(slot string) string {
	sum := r.digest(slot, nil)
	return hex.EncodeToString(sum[:])
}

// digest is what a key and an id are written from. It needs room for the texts
// that it is made of.
func (r *Record) digest(slot string, room []byte) (sum [16]byte) {
	room = append(room, slot...)
	for _, text := range [...]string{r.Log, r.Event, r.Kind, r.SourceProject, r.Principal, r.Permission, r.Resource, r.Image} {
		room = append(append(room, 0), bounded(text)...) // as it is read back
	}
	whole := sha256.Sum256(room)
	copy(sum[:], whole[:])
	return sum
}

// texts are the fields that are text, in the order of the format.
func (r *Record) texts() []*string {
	return []*string{
		&r.Phase, &r.Event, &r.Log, &r.Kind, &r.SourceProject, &r.Caller, &r.Workload, &r.Principal, &r.Permission, &r.Resource, &r.Image,
		&r.Verdict, &r.Mode, &r.Rule, &r.PolicyDigest, &r.Reason, &r.Cause, &r.Role, &r.Outcome, &r.EtagBefore, &r.EtagAfter, &r.Error, &r.Version,
	}
}

// Clone returns a copy that stays when the record is overwritten.
func (r *Record) Clone() *Record {
	c := *r
	for _, text := range c.texts() {
		*text = strings.Clone(*text)
	}
	return &c
}

// longestText bounds what somebody else may have written into a record: Cloud
// Logging refuses an entry of more than 256 KiB
// (https://cloud.google.com/logging/quotas).
const longestText = 4 << 10

// bounded cuts texts that are too long.
func (r Record) bounded() Record {
	for _, text := range []*string{
		&r.Event, &r.Log, &r.Kind, &r.SourceProject, &r.Caller, &r.Workload, &r.Principal, &r.Permission, &r.Resource, &r.Image,
		&r.Reason, &r.Error,
	} {
		*text = bounded(*text)
	}
	return r
}

// bounded cuts a text that is too long, and keeps it apart from others by a
// hash.
func bounded(text string) string {
	if len(text) <= longestText {
		return text
	}
	return fmt.Sprintf("%s…sha256:%x", strings.ToValidUTF8(text[:longestText/2], ""), sha256.Sum256([]byte(text)))
}

// Line returns the record as one line of JSON with a line feed.
func (r Record) Line() ([]byte, error) {
	line, err := json.Marshal(r.bounded())
	return append(line, '\n'), err
}

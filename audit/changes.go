package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/api/option"
)

// PolicyChange is one change of an allow policy, as Google's own audit log of
// admin activity has it.
type PolicyChange struct {
	ID         string         // insertId of the entry
	At         time.Time      // timestamp of the entry
	Account    string         // e-mail of who made it
	Resource   string         // whose policy it is, in the form of Record.Resource where the entry says enough
	Deltas     []BindingDelta // what it added and removed; nil where the entry does not say
	Bindings   []BindingDelta // the whole policy that was sent; nil where the entry does not say
	EtagBefore string         // of the policy that was sent, base64; "" where the entry does not say
	EtagAfter  string         // of the policy that it became
	Reason     string         // that the request gave, see [Record.RequestReason]
}

// BindingDelta is one member of one role, added or removed.
type BindingDelta struct {
	Removed      bool
	Role, Member string
}

// String says what was done.
func (d BindingDelta) String() string {
	if d.Removed {
		return fmt.Sprintf("removed %q from %q", d.Member, d.Role)
	}
	return fmt.Sprintf("added %q to %q", d.Member, d.Role)
}

// ReadPolicyChanges yields the policy changes among log entries in JSON: an
// array of them, as "gcloud logging read --format=json" prints it, or one after
// the other, as in JSON lines. name is that of the input, for errors. Entries of
// anything else, and of changes that were refused, are skipped. What is not a
// log entry ends the reading, with an error that says where it is. It needs
// memory for one entry, however many there are.
func ReadPolicyChanges(name string, from io.Reader) iter.Seq2[*PolicyChange, error] {
	return func(yield func(*PolicyChange, error) bool) {
		entries := entryReader{values: newValues(from)}
		for {
			entry, err := entries.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, fmt.Errorf("policy changes of %q: %w", name, err))
				return
			case entry.isChange() && !yield(&entry.change, nil):
				return
			}
		}
	}
}

// ReadPolicyChangesCloud yields the policy changes that the Cloud Logging of a
// project has, ordered by time: those of its own resources. account is the
// e-mail of who made them, "" for anybody; from and to bound their time, to is
// out, zero is no bound. Google keeps them for 400 days
// (https://cloud.google.com/logging/quotas#logs_retention_periods). The quota is
// respected as by [ReadCloud].
func ReadPolicyChangesCloud(
	ctx context.Context, project, account string, from, to time.Time, opts ...option.ClientOption,
) iter.Seq2[*PolicyChange, error] {
	return func(yield func(*PolicyChange, error) bool) {
		err := checkText("account", account)
		if err != nil {
			yield(nil, fmt.Errorf("policy changes of %q: %w", project, err))
			return
		}
		for found, err := range entries(ctx, Log{Project: project}.resource(), changeFilter(project, account, from, to), defaultPatience, opts...) {
			var entry *auditEntry
			if err == nil {
				entry, err = readAuditEntry(found)
			}
			if err != nil {
				yield(nil, fmt.Errorf("policy changes of %q: %w", project, err))
				return
			}
			if entry.isChange() && !yield(&entry.change, nil) {
				return
			}
		}
	}
}

func changeFilter(project, account string, from, to time.Time) string {
	all := []string{
		"logName=" + quote("projects/"+project+"/logs/cloudaudit.googleapis.com%2Factivity"),
		`protoPayload.methodName:("SetIamPolicy" OR "SetIAMPolicy")`,
		between(from, to, 0),
	}
	if account != "" {
		all = append(all, "protoPayload.authenticationInfo.principalEmail="+quote(account))
	}
	return strings.Join(all, " AND ")
}

// entryReader reads one log entry after the other.
type entryReader struct {
	*values
	n     int  // entries
	begun bool // it is known whether
	array bool // they are the elements of one array
}

// next returns io.EOF after the last entry.
func (r *entryReader) next() (*auditEntry, error) {
	if !r.begun {
		r.begun = true
		if r.array = r.PeekKind() == '['; r.array {
			if _, err := r.ReadToken(); err != nil {
				return nil, r.named(err)
			}
		}
	}
	if r.array && r.PeekKind() == ']' {
		return nil, r.end()
	}
	if r.PeekKind() == 0 { // the end, or nothing that begins a value
		_, err := r.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, r.named(err)
	}
	r.n++
	if r.PeekKind() == 'n' {
		return nil, r.named(errors.New("null, want a log entry"))
	}
	entry, err := readEntry(r.values)
	if err != nil {
		return nil, r.named(err)
	}
	return entry, nil
}

// end reads the end of the array, and wants nothing after it.
func (r *entryReader) end() error {
	_, err := r.ReadToken()
	if err == nil {
		_, err = r.ReadToken()
	}
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err == nil:
		err = errors.New("something follows the array of log entries")
	}
	return r.named(err)
}

// named says where an error is: in which entry, after how many bytes of the
// input, and at which value, as a JSON pointer (RFC 6901).
func (r *entryReader) named(err error) error {
	offset, at := r.InputOffset(), r.StackPointer()
	if malformed := (*jsontext.SyntacticError)(nil); errors.As(err, &malformed) {
		offset, at, err = malformed.ByteOffset, malformed.JSONPointer, malformed.Err
	}
	where := fmt.Sprintf("entry %d, after byte %d", r.n, offset)
	if at != "" {
		where += fmt.Sprintf(", at %q", at)
	}
	return fmt.Errorf("%s: %w", where, err)
}

package audit

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// VerifyOptions say what the record is held against, and since when.
type VerifyOptions struct {
	// Digests are the policies that are known, as Record.PolicyDigest names
	// them. None: they are not compared.
	Digests map[string]bool

	// Changes are the policy changes of the projects whose resources pullfix
	// may change; nil: they are not compared. They should be those of everybody:
	// an undo is made by whoever runs it.
	Changes iter.Seq2[*PolicyChange, error]

	// Account is the e-mail of the account that pullfix runs as: each of its
	// changes must have an intent, and each grant must be one of its changes. "":
	// this holds for the changes of everybody.
	Account string

	// Window is how long after its event a grant may be made: the policy's
	// maxEventAge. 0 is a day. Its undo may be made at any time after that.
	Window time.Duration

	// Since and Now bound what is judged: the record and the policy changes are
	// complete between them. Zero: there is no bound. Grace widens what counts as
	// near, and is how long before Now things may be unfinished.
	Since, Now time.Time
	Grace      time.Duration

	// Chain is the chain value that an earlier report of the same file ended in,
	// and that must be in it still. "": there is none. Only for VerifyFile.
	Chain string
}

// MismatchKind says what does not match, in one word.
type MismatchKind string

// The kinds of mismatch.
const (
	MismatchChain        MismatchKind = "chain"        // a line does not follow from the one before it
	MismatchUnreadable   MismatchKind = "unreadable"   // a line or entry is not a record
	MismatchDigest       MismatchKind = "digest"       // a policy decided that is not known
	MismatchNoIntent     MismatchKind = "no-intent"    // a policy was changed, and nothing was recorded before
	MismatchNoResult     MismatchKind = "no-result"    // an act was begun, and how it ended is not recorded
	MismatchContradicted MismatchKind = "contradicted" // a result that the policy changes do not show
)

// Mismatch is one thing that does not match.
type Mismatch struct {
	Kind  MismatchKind
	Line  int       // of the file, counted from 1; 0 where there is none
	Event string    // of the record; "" where there is none
	ID    string    // of the record, or the insertId of the policy change
	At    time.Time // of the record's event or of the policy change
	Why   string    // in one sentence; it quotes what others have written
}

// Report is what [Verify] found.
type Report struct {
	Records    int // that were read
	Changes    int // of policies that were read
	Mismatches []Mismatch
	Counts     map[MismatchKind]int // of all mismatches, also of those that Mismatches leaves out
	Chained    int                  // of VerifyFile: lines with a chain value. Without any, no line is held against another
	Chain      string               // of VerifyFile: the last chain value. It stands for all lines of the file
}

// mostMismatches of one kind are kept.
const mostMismatches = 100

// OK reports whether everything matches.
func (r *Report) OK() bool { return len(r.Counts) == 0 }

func (r *Report) add(m Mismatch) {
	if r.Counts == nil {
		r.Counts = map[MismatchKind]int{}
	}
	if r.Counts[m.Kind]++; r.Counts[m.Kind] <= mostMismatches {
		r.Mismatches = append(r.Mismatches, m)
	}
}

// join adds what another one found.
func (r *Report) join(other *Report) {
	r.Mismatches = append(r.Mismatches, other.Mismatches...)
	for kind, count := range other.Counts {
		if r.Counts == nil {
			r.Counts = map[MismatchKind]int{}
		}
		r.Counts[kind] += count
	}
}

// Verify says where the record contradicts itself or the policy changes that
// Google has recorded. records are all of some time and not a choice of them, in
// any order of [ReadFile] and [ReadCloud]. Of a kind of mismatch at most 100 are
// kept, the rest is counted.
//
// It keeps the acts that have no result yet in memory, and where there are
// policy changes, all acts, at half a kilobyte each, or a whole one where each is
// for another member; nothing else of the records, and nothing of the changes.
// These are read after the records. The error is that
// of reading something; what is not a record is a mismatch.
func Verify(ctx context.Context, records iter.Seq2[*Record, error], o VerifyOptions) (Report, error) {
	v := newVerifier(o)
	for r, err := range records {
		if err := v.take(ctx, r, err); err != nil {
			return v.report, err
		}
	}
	err := v.end(ctx)
	return v.report, err
}

// VerifyFile is [Verify] for a file that a [File] wrote. It also holds each line
// against the chain of those before it, and names lines.
//
// A line that was changed, added or taken out, or stands elsewhere, is found, as
// long as not all lines after it were written anew, and the lines that were cut
// off the end are. Both show when the Chain of an earlier report is no longer in
// the file: keep it where who can write to the file cannot.
func VerifyFile(ctx context.Context, path string, o VerifyOptions, progress func(read, size int64)) (Report, error) {
	if o.Chain != "" && !isChainValue(o.Chain) {
		return Report{}, fmt.Errorf("chain %q: want the %d hexadecimal digits of an earlier report", o.Chain, chainLength)
	}
	v := newVerifier(o)
	file, err := openToRead(ctx, path, progress)
	if err != nil {
		return Report{}, inFile(path, err)
	}
	defer func() { _ = file.Close() }()
	v.lines = &chainCheck{chain: newChain(), report: &v.report, earlier: o.Chain}
	file.each = v.lines.see
	for r, err := range file.records(ctx) {
		v.line = file.n
		if err := v.take(ctx, r, err); err != nil {
			return v.report, inFile(path, err)
		}
	}
	if file.rest > 0 {
		why := fmt.Sprintf("line %d has no end: its writer crashed, or somebody cut it off. Who writes next takes its %d bytes away", file.n+1, file.rest)
		v.report.add(Mismatch{Kind: MismatchUnreadable, Line: file.n + 1, Why: why})
	}
	v.lines.end()
	err = v.end(ctx)
	return v.report, err
}

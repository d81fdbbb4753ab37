package audit

import (
	"cmp"
	"encoding/binary"
	"math"
	"time"
)

// claims are what a record says of policies: which steps pullfix meant to make,
// which it made, and which it left. They stay in memory.
type claims struct {
	steps   *steps
	intents []claim
	made    []result
	left    []result // of acts that were begun
	texts   []byte   // of the results
}

// claim is that a record speaks of a step.
type claim struct {
	step uint32
	at   instant
	key  [16]byte // of the record
}

// namedStep is a step of an act, whenever its records are dated.
type namedStep struct {
	step uint32
	key  [16]byte
}

func (c *claim) named() namedStep { return namedStep{c.step, c.key} }

// result is what a record says of an act that has ended.
type result struct {
	claim
	etags etags
	id    [16]byte
	line  int
	texts int // where they begin
}

func newClaims() *claims { return &claims{steps: newSteps()} }

func (c *claims) claim(r *Record, key [16]byte) claim {
	return claim{c.steps.note(r.Resource, r.Role, r.Principal, r.undo()), instantOf(r.At), key}
}

func (c *claims) intend(r *Record, key [16]byte) { c.intents = append(c.intents, c.claim(r, key)) }

func (c *claims) make(r *Record, key, id [16]byte, line int) {
	c.made = append(c.made, c.result(r, key, id, line))
}

func (c *claims) leave(r *Record, key, id [16]byte, line int) {
	c.left = append(c.left, c.result(r, key, id, line))
}

func (c *claims) result(r *Record, key, id [16]byte, line int) result {
	begin := len(c.texts)
	for _, text := range []string{r.Event, cmp.Or(r.Outcome, r.Verdict), r.EtagBefore, r.EtagAfter} {
		c.texts = binary.AppendUvarint(c.texts, uint64(len(text)))
		c.texts = append(c.texts, text...)
	}
	return result{c.claim(r, key), c.etags(r.EtagBefore, r.EtagAfter), id, line, begin}
}

// said is what a result says in words.
type said struct{ event, outcome, before, after string }

func (c *claims) said(r *result) (s said) {
	rest := c.texts[r.texts:]
	for _, text := range []*string{&s.event, &s.outcome, &s.before, &s.after} {
		length, size := binary.Uvarint(rest)
		rest = rest[size:]
		*text, rest = string(rest[:length]), rest[length:]
	}
	return s
}

// etags are those before and after a change, as hashes.
type etags struct{ before, after uint64 }

// What stands for an etag that is not known.
const (
	noEtags   = 0 // nor is the other one
	otherEtag = 1 // the other one is
	someEtag  = 2 // and more: the hash of one that is known
)

func (c *claims) etags(before, after string) etags {
	if before == "" && after == "" {
		return etags{noEtags, noEtags}
	}
	return etags{c.etag(before), c.etag(after)}
}

func (c *claims) etag(text string) uint64 {
	if text == "" {
		return otherEtag
	}
	return max(someEtag, c.steps.hash(text))
}

// agree reports whether one of the etags that both know is the same, or there is
// none.
func (e etags) agree(other etags) bool {
	before, after := e.before >= someEtag && other.before >= someEtag, e.after >= someEtag && other.after >= someEtag
	return !before && !after || before && e.before == other.before || after && e.after == other.after
}

// instant is a time in nanoseconds since 1970. What is before 1678 or after 2262
// is at these ends.
type instant int64

func instantOf(t time.Time) instant {
	switch first, last := time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64); {
	case t.Before(first):
		return math.MinInt64
	case t.After(last):
		return math.MaxInt64
	default:
		return instant(t.UnixNano())
	}
}

func (i instant) time() time.Time { return time.Unix(0, int64(i)).UTC() }

// span is a part of a slice.
type span struct{ from, to uint32 }

func (s span) empty() bool { return s.from >= s.to }

func within[E any](s span, of []E) []E { return of[s.from:s.to] }

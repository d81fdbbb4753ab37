package audit

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
	"time"
)

// claims are what a record says of policies: which steps pullfix meant to make,
// and which it made. They stay in memory, some 150 bytes for an act.
type claims struct {
	steps   *steps
	intents []intent
	results []result
	texts   []byte // of the results
	seed    maphash.Seed
}

// intent is that an act was recorded before it was done.
type intent struct {
	step uint32
	at   instant
	key  [16]byte
}

// result is that an act is said to have been done.
type result struct {
	step  uint32
	line  uint32
	at    instant
	etags etags
	id    [16]byte
	texts int // where they begin
}

func newClaims() *claims { return &claims{steps: newSteps(), seed: maphash.MakeSeed()} }

func (c *claims) step(r *Record) uint32 {
	return c.steps.note(r.Resource, r.Role, r.Principal, r.undo())
}

func (c *claims) intend(r *Record, key [16]byte) {
	c.intents = append(c.intents, intent{c.step(r), instantOf(r.At), key})
}

func (c *claims) done(r *Record, line int, id [16]byte) {
	c.results = append(c.results, result{c.step(r), uint32(line), instantOf(r.At), c.etags(r.EtagBefore, r.EtagAfter), id, len(c.texts)})
	for _, text := range []string{r.Event, r.EtagBefore, r.EtagAfter} {
		c.texts = binary.AppendUvarint(c.texts, uint64(len(text)))
		c.texts = append(c.texts, text...)
	}
}

// textsOf are the event and the etags of a result.
func (c *claims) textsOf(r *result) (event, before, after string) {
	rest := c.texts[r.texts:]
	for _, text := range []*string{&event, &before, &after} {
		length, size := binary.Uvarint(rest)
		rest = rest[size:]
		*text, rest = string(rest[:length]), rest[length:]
	}
	return event, before, after
}

// etags are those before and after a change, as hashes: attackers do not know
// the seed, and two in 10 billion are the same.
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
	return max(someEtag, maphash.String(c.seed, text))
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

// sort puts the claims of each step together, by time, and returns where those
// of each step lie.
func (c *claims) sort() (intents, results []span) {
	slices.SortFunc(c.intents, func(a, b intent) int { return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(a.at, b.at)) })
	slices.SortFunc(c.results, func(a, b result) int { return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(a.at, b.at)) })
	intents = c.spans(len(c.intents), func(n int) uint32 { return c.intents[n].step })
	results = c.spans(len(c.results), func(n int) uint32 { return c.results[n].step })
	return intents, results
}

// spans returns where the claims of each step lie in a slice in which they lie
// together.
func (c *claims) spans(count int, step func(n int) uint32) []span {
	spans := make([]span, len(c.steps.all))
	for n := range count {
		s := &spans[step(n)]
		if s.to == 0 {
			s.from = uint32(n)
		}
		s.to = uint32(n) + 1
	}
	return spans
}

package audit

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"sort"
)

// spoken finds claims by their step, and by their time or key.
type spoken struct {
	claim func(n uint32) *claim // the nth by step and time
	of    []span                // by step
	byKey []uint32              // by step and key
}

// newSpoken takes so many claims, of so many steps. The claims lie by step and
// time.
func newSpoken(claims, steps int, claim func(n uint32) *claim) spoken {
	s := spoken{claim, make([]span, steps), make([]uint32, claims)}
	for n := range uint32(claims) {
		of := &s.of[claim(n).step]
		if of.empty() {
			of.from = n
		}
		of.to = n + 1
		s.byKey[n] = n
	}
	slices.SortFunc(s.byKey, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(claim(a).step, claim(b).step), bytes.Compare(claim(a).key[:], claim(b).key[:]))
	})
	return s
}

func (c *claim) compare(d *claim) int {
	return cmp.Or(cmp.Compare(c.step, d.step), cmp.Compare(c.at, d.at))
}

// at returns a claim of a step at a time from the first to the last.
func (s *spoken) at(step uint32, first, last instant) (n uint32, found bool) {
	of := s.of[step]
	n = of.from + uint32(sort.Search(int(of.to-of.from), func(i int) bool { return s.claim(of.from+uint32(i)).at >= first }))
	return n, n < of.to && s.claim(n).at <= last
}

// named yields the claims of a step that have one of the keys. Their time does not
// count: what is replayed long after its event is dated anew.
func (s *spoken) named(step uint32, keys [][16]byte) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		byKey := within(s.of[step], s.byKey)
		for _, key := range keys {
			first, _ := slices.BinarySearchFunc(byKey, key, func(n uint32, key [16]byte) int { return bytes.Compare(s.claim(n).key[:], key[:]) })
			for _, n := range byKey[first:] {
				if s.claim(n).key != key {
					break
				}
				if !yield(n) {
					return
				}
			}
		}
	}
}

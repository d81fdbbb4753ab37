package audit

import (
	"cmp"
	"slices"
)

// tally counts, for each of many results, the policy changes that speak for it.
// However many results a change speaks for, that takes no longer: of the results
// in order, it notes the first one and the one after the last.
type tally struct {
	order []uint32 // results: those of a step together, by etag and time
	etag  func(*result) uint64
	more  []int32 // for each in order, and the end: how many more changes begin there than end
}

func newTally(results []result, etag func(*result) uint64) tally {
	order := make([]uint32, len(results))
	for n := range order {
		order[n] = uint32(n)
	}
	slices.SortFunc(order, func(n, m uint32) int {
		a, b := &results[n], &results[m]
		return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(etag(a), etag(b)), cmp.Compare(a.at, b.at))
	})
	return tally{order, etag, make([]int32, len(results)+1)}
}

// count counts a change for those of some results that have the etag, at a time
// from the first to the last. It returns where they are in the order.
func (t *tally) count(results []result, of span, etag uint64, first, last instant) span {
	among := within(of, t.order)
	compare := func(n uint32, at instant) int {
		return cmp.Or(cmp.Compare(t.etag(&results[n]), etag), cmp.Compare(results[n].at, at))
	}
	from, _ := slices.BinarySearchFunc(among, first, compare)
	count, _ := slices.BinarySearchFunc(among[from:], last, func(n uint32, at instant) int { return cmp.Or(compare(n, at), -1) })
	counted := span{of.from + uint32(from), of.from + uint32(from+count)}
	t.more[counted.from]++
	t.more[counted.to]--
	return counted
}

// mark sets those results that a change was counted for.
func (t *tally) mark(results []bool) {
	changes := int32(0)
	for n, result := range t.order {
		if changes += t.more[n]; changes > 0 {
			results[result] = true
		}
	}
}

package parse

import "sync"

// shape is a sentence that the reader knows: a row or a remark.
type shape struct {
	pattern
	*row
	*remark
}

// shapeIndex finds the shapes that begin with a word, in the order of the tables.
type shapeIndex struct {
	byWord map[string][]*shape
	// anchors tells which words cannot begin a shape without looking them up: for
	// each first byte, a bit for each length.
	anchors [256]uint64
}

// shapes are compiled when the first denial is read, and not in every cold start.
var shapes = sync.OnceValue(func() *shapeIndex {
	index := &shapeIndex{byWord: map[string][]*shape{}}
	add := func(s *shape) {
		for _, word := range s.anchor() {
			index.byWord[word] = append(index.byWord[word], s)
			index.anchors[word[0]] |= 1 << len(word)
		}
	}
	for _, rows := range denials {
		for i := range rows {
			add(&shape{pattern: compile(rows[i].text), row: &rows[i]})
		}
	}
	for i := range remarks {
		add(&shape{pattern: compile(remarks[i].text), remark: &remarks[i]})
	}
	return index
})

const longestAnchor = 40

// shapeAt returns the first shape that fits where a word begins. Where a line
// ends with the word, it may go on in the next one.
func shapeAt(s string, i int, m *match) *shape {
	var folded [longestAnchor]byte
	n, end := 0, i
	for end < len(s) && wordByte(s[end]) {
		if n == len(folded) {
			return nil
		}
		folded[n] = lower(s[end])
		n++
		end++
		if end+1 < len(s) && s[end] == '\n' && wordByte(s[end+1]) {
			if sh := firstFit(s, i, folded[:n], m); sh != nil {
				return sh
			}
			end++
		}
	}
	return firstFit(s, i, folded[:n], m)
}

func firstFit(s string, i int, word []byte, m *match) *shape {
	known := shapes()
	if known.anchors[word[0]]&(1<<len(word)) == 0 {
		return nil
	}
	for _, sh := range known.byWord[string(word)] {
		if sh.at(s, i, m) {
			return sh
		}
	}
	return nil
}

package parse

// shape is a sentence that the reader knows: a row or a remark.
type shape struct {
	pattern
	*row
	*remark
}

// shapes finds the shapes that begin with a word, in the order of the tables.
var shapes = func() map[string][]*shape {
	index := map[string][]*shape{}
	add := func(s *shape) {
		for _, word := range s.anchor() {
			index[word] = append(index[word], s)
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
}()

const longestAnchor = 40

// anchors tells which words cannot begin a shape without looking them up: for
// each first byte, a bit for each length.
var anchors = func() (bits [256]uint64) {
	for word := range shapes {
		bits[word[0]] |= 1 << len(word)
	}
	return bits
}()

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
	if anchors[word[0]]&(1<<len(word)) == 0 {
		return nil
	}
	for _, sh := range shapes[string(word)] {
		if sh.at(s, i, m) {
			return sh
		}
	}
	return nil
}

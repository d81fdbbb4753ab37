package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// A line of a file has one key more than a record, the last: its chain value,
// the SHA-256, in hexadecimal, of the value of the line before it and of the
// line without this key and its line feed. So no line can be changed, taken out
// or moved unless all that follow are written anew, and the last value stands
// for the whole file. The first line follows "". A line from before there was a
// chain has the value that it would have.
const (
	chainKey     = "chain"
	chainOpening = `,"` + chainKey + `":"`
	chainEnd     = `"}`
	chainLength  = 2 * sha256.Size
)

// splitChain returns a line without its last brace, chain key and line feed, and
// the value of that key, nil where there is none.
func splitChain(line []byte) (body, value []byte) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	if rest, ok := bytes.CutSuffix(line, []byte(chainEnd)); ok && len(rest) > chainLength {
		value = rest[len(rest)-chainLength:]
		body, ok = bytes.CutSuffix(rest[:len(rest)-chainLength], []byte(chainOpening))
		if ok && isChainValue(value) {
			return body, value
		}
	}
	return bytes.TrimSuffix(line, []byte("}")), nil
}

func isChainValue[text string | []byte](value text) bool {
	digits := len(value) == chainLength
	for n := range len(value) {
		digits = digits && hexDigit[value[n]]
	}
	return digits
}

var hexDigit = func() (digits [256]bool) {
	for _, c := range "0123456789abcdef" {
		digits[c] = true
	}
	return digits
}()

// chain computes the values of a file's lines.
type chain struct {
	last []byte // the value of the last line
	hash hash.Hash
	sum  []byte
}

func newChain() *chain { return &chain{hash: sha256.New()} }

// next returns the value of a line that follows, until it is called again.
func (c *chain) next(body []byte) []byte {
	c.hash.Reset()
	for _, part := range [][]byte{c.last, body, {'}'}} {
		_, _ = c.hash.Write(part) // a hash takes everything
	}
	c.sum = c.hash.Sum(c.sum[:0])
	c.sum = hex.AppendEncode(c.sum, c.sum)
	return c.sum[sha256.Size:]
}

// follow goes on after a line, which may say what its value is.
func (c *chain) follow(line []byte) {
	body, value := splitChain(line)
	if value == nil {
		value = c.next(body)
	}
	c.goOn(value)
}

func (c *chain) goOn(value []byte) { c.last = append(c.last[:0], value...) }

// chained returns a line that follows, with its value.
func (c *chain) chained(line []byte) []byte {
	body, _ := splitChain(line)
	value := c.next(body)
	out := make([]byte, 0, len(body)+len(chainOpening)+len(value)+len(chainEnd)+1)
	out = append(append(out, body...), chainOpening...)
	return append(append(append(out, value...), chainEnd...), '\n')
}

// chainCheck holds each line against those before it.
type chainCheck struct {
	chain   *chain
	chained bool   // the last line has a value
	earlier string // value that must be among them, or ""
	report  *Report
}

func (c *chainCheck) see(line []byte, n int, strays bool) {
	body, value := splitChain(line)
	computed := c.chain.next(body)
	switch {
	case strays:
		c.broken(n, fmt.Sprintf("line %d has a chain value, and not as pullfix writes it at the end of a line: it was altered", n))
	case value == nil && c.chained:
		c.broken(n, fmt.Sprintf("line %d has no chain value, and the line before it has one: it was altered, or not written by this version of pullfix", n))
	case value != nil && !bytes.Equal(value, computed):
		c.broken(n, fmt.Sprintf("line %d does not follow from what stands before it: it was altered, or lines before it were altered, taken out, added or moved", n))
	}
	if c.chained = value != nil || strays; value == nil {
		value = computed
	}
	if c.chained {
		c.report.Chained++
	}
	c.chain.goOn(value)
	if c.earlier == string(value) {
		c.earlier = ""
	}
}

func (c *chainCheck) broken(line int, why string) {
	c.report.add(Mismatch{Kind: MismatchChain, Line: line, Why: why})
}

// end wants the earlier value to have been there.
func (c *chainCheck) end() {
	if c.earlier != "" {
		c.broken(0, fmt.Sprintf("the chain value %q of an earlier report is not in the file: lines were cut off its end, or written anew", c.earlier))
	}
	c.report.Chain = string(c.chain.last)
}

package parse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// LongestDocument is the length in bytes above which Documents gives up. A log
// entry has at most 256 KiB.
const LongestDocument = 8 << 20

// Documents splits an export into its documents, each of which [Any] can read:
// the entries of an array, JSON lines, values one after the other. Input that
// does not begin as one of these is one document, a text. Memory does not grow
// with the input; a document is valid until the next one.
func Documents(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s := splitter{in: bufio.NewReaderSize(r, 256<<10)}
		for {
			doc, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(doc, err) || err != nil {
				return
			}
		}
	}
}

// splitter cuts a stream where a value of the top level ends, or of the array
// there, and keeps what stands between values as text.
type splitter struct {
	in      *bufio.Reader
	doc     []byte
	read    int  // bytes before doc
	known   bool // the form of the input is known
	prose   bool // it is text, or text stands between values
	quoted  bool // inside a string
	escaped bool // after a backslash in it
	depth   int
}

// next returns the next document, or io.EOF.
func (s *splitter) next() ([]byte, error) {
	whole := false
	if !s.known {
		s.known = true
		whole = !s.structured()
		s.prose = whole
	}
	s.read += len(s.doc)
	s.doc = s.doc[:0]
	for {
		if _, err := s.in.Peek(1); err == io.EOF {
			return s.last()
		} else if err != nil {
			return nil, fmt.Errorf("document at byte %d: %w", s.read, err)
		}
		chunk, _ := s.in.Peek(s.in.Buffered())
		n, done := len(chunk), false
		switch {
		case whole:
			s.doc = append(s.doc, chunk...)
		case s.prose:
			n, done = s.text(chunk)
		case s.depth == 0:
			n = s.between(chunk)
		default:
			n, done = s.value(chunk)
		}
		if _, err := s.in.Discard(n); err != nil {
			return nil, fmt.Errorf("document at byte %d: %w", s.read, err)
		}
		if len(s.doc) > LongestDocument {
			return nil, fmt.Errorf("document at byte %d: longer than %d bytes", s.read, LongestDocument)
		}
		if done {
			return s.doc, nil
		}
	}
}

// last returns what is left when the input ends.
func (s *splitter) last() ([]byte, error) {
	if len(bytes.TrimSpace(s.doc)) == 0 {
		return nil, io.EOF
	}
	s.prose, s.quoted, s.depth = false, false, 0
	return s.doc, nil
}

// structured reports whether the input begins with an object, or an array of
// objects.
func (s *splitter) structured() bool {
	head, _ := s.in.Peek(4 << 10)
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\uFEFF")), " \t\r\n")
	if len(head) == 0 {
		return true
	}
	next := bytes.TrimLeft(head[1:], " \t\r\n")
	switch head[0] {
	case '{':
		return len(next) == 0 || next[0] == '"' || next[0] == '}'
	case '[':
		return len(next) == 0 || next[0] == '{' || next[0] == ']'
	default:
		return false
	}
}

// between skips what separates values.
func (s *splitter) between(chunk []byte) int {
	for i, b := range chunk {
		switch b {
		case ' ', '\t', '\r', '\n', ',', '[', ']', '}', 0xef, 0xbb, 0xbf:
		case '{':
			s.depth = 1
			s.doc = append(s.doc, '{')
			return i + 1
		default:
			s.prose = true
			return i
		}
	}
	return len(chunk)
}

// value reads on in an object, up to its end.
func (s *splitter) value(chunk []byte) (n int, done bool) {
	for i, b := range chunk {
		switch {
		case s.quoted:
			switch {
			case s.escaped:
				s.escaped = false
			case b == '\\':
				s.escaped = true
			case b == '"':
				s.quoted = false
			}
		case b == '"':
			s.quoted = true
		case b == '{':
			s.depth++
		case b == '}':
			if s.depth--; s.depth == 0 {
				s.doc = append(s.doc, chunk[:i+1]...)
				return i + 1, true
			}
		}
	}
	s.doc = append(s.doc, chunk...)
	return len(chunk), false
}

// text reads on in a text, up to a line that begins with an object.
func (s *splitter) text(chunk []byte) (n int, done bool) {
	for i, b := range chunk {
		if b == '{' && (i > 0 && chunk[i-1] == '\n' || i == 0 && bytes.HasSuffix(s.doc, []byte("\n"))) {
			s.doc = append(s.doc, chunk[:i]...)
			s.prose = false
			return i, true
		}
	}
	s.doc = append(s.doc, chunk...)
	return len(chunk), false
}

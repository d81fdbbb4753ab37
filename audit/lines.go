package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxLine is more than a record can have: Cloud Logging takes, and so hands
// over, entries of at most 256 KB
// (https://cloud.google.com/logging/quotas#log-limits).
const maxLine = 16 << 20

// LineError says which line or entry is not a record. It is the only error
// after which the reading goes on.
type LineError struct {
	Line  int    // of a file, counted from 1; 0 for an entry
	Entry string // of Cloud Logging: its insertId and time; "" for a line
	Err   error  // why
}

func (e *LineError) Error() string {
	if e.Entry != "" {
		return fmt.Sprintf("entry %s is not a record: %v", e.Entry, e.Err)
	}
	return fmt.Sprintf("line %d is not a record: %v", e.Line, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

// lineReader reads a file line by line, in the memory of its longest line.
type lineReader struct {
	from *bufio.Reader
	line []byte                                // that did not fit into the buffer
	n    int                                   // of the last line, counted from 1
	each func(line []byte, n int, strays bool) // is shown every line, and whether its chain value stands elsewhere, or nil
}

// newLineReader reads on after so many lines.
func newLineReader(from io.Reader, after int) *lineReader {
	return &lineReader{from: bufio.NewReaderSize(from, 64<<10), n: after}
}

// next returns the next line with its line feed, until it is called again. What
// follows the last line feed is not a line: its end is missing, so it is io.EOF.
// A line that is too long is skipped.
func (l *lineReader) next() ([]byte, error) {
	whole, err := l.from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		whole, err = l.longer(whole)
	}
	if err != nil {
		return nil, err
	}
	if l.n++; whole == nil {
		return nil, l.refuse(fmt.Errorf("longer than %d bytes", maxLine))
	}
	return whole, nil
}

// longer reads on a line that did not fit into the buffer. It returns nil for
// one that is too long.
func (l *lineReader) longer(begin []byte) ([]byte, error) {
	size := len(begin)
	l.line = append(l.line[:0], begin...)
	for {
		part, err := l.from.ReadSlice('\n')
		if size += len(part); size <= maxLine {
			l.line = append(l.line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		case size > maxLine:
			return nil, nil
		}
		return l.line, nil
	}
}

// refuse names the last line.
func (l *lineReader) refuse(why error) error { return &LineError{Line: l.n, Err: why} }

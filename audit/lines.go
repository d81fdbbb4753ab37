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

// lineReader reads a file line by line, in the memory of its longest line.
type lineReader struct {
	from *bufio.Reader
	line []byte
	n    int // of the last line, counted from 1
}

// newLineReader reads on after so many lines.
func newLineReader(from io.Reader, after int) *lineReader {
	return &lineReader{from: bufio.NewReaderSize(from, 64<<10), n: after}
}

// next returns the next line with its line feed, until it is called again. What
// follows the last line feed is not a line: its end is missing, so it is io.EOF.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.from.ReadSlice('\n')
		l.line = append(l.line, part...)
		switch {
		case len(l.line) > maxLine:
			l.n++
			return nil, l.refuse(fmt.Errorf("longer than %d bytes", maxLine))
		case err == nil:
			l.n++
			return l.line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// refuse names the last line.
func (l *lineReader) refuse(why error) error {
	return fmt.Errorf("line %d is not a record: %w", l.n, why)
}

package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// ReadFile yields those records of a file that are wanted, in the order in which
// they were written. It needs memory for one record, however many there are: a
// record and its texts are overwritten when the next one is asked for, so
// [Record.Clone] what is to stay. Others may write meanwhile; what they add is
// not read, nor a last line without an end.
//
// A line that is not a record is a [LineError], whatever is wanted; whoever goes
// on gets the next line. After any other error there is nothing more. progress,
// where it is not nil, is told now and then how many bytes of how many are read.
func ReadFile(ctx context.Context, path string, q Query, progress func(read, size int64)) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		file, err := openToRead(ctx, path, progress)
		if err == nil {
			defer func() { _ = file.Close() }()
			err = q.check()
		}
		if err != nil {
			yield(nil, inFile(path, err))
			return
		}
		for r, err := range file.records(ctx) {
			if err != nil && !yield(nil, inFile(path, err)) || err == nil && q.Matches(r) && !yield(r, nil) {
				return
			}
		}
	}
}

func inFile(path string, err error) error {
	if pathError := (*os.PathError)(nil); errors.As(err, &pathError) && pathError.Op == "open" {
		return fmt.Errorf("audit file: %w", err) // which names it
	}
	return fmt.Errorf("audit file %q: %w", path, err)
}

// fileReader reads what a file held when it was opened.
type fileReader struct {
	*lineReader
	io.Closer
	rest int64 // bytes that follow the last whole line
}

func openToRead(ctx context.Context, path string, progress func(read, size int64)) (*fileReader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	size, rest, err := written(ctx, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	var from io.Reader = io.NewSectionReader(file, 0, size)
	if progress != nil {
		from = &gauge{from: from, size: size, tell: progress}
	}
	return &fileReader{newLineReader(from, 0), file, rest}, nil
}

// gauge tells how much was read.
type gauge struct {
	from       io.Reader
	read, size int64
	tell       func(read, size int64)
}

func (g *gauge) Read(p []byte) (int, error) {
	n, err := g.from.Read(p)
	g.read += int64(n)
	g.tell(g.read, g.size)
	return n, err
}

// records yields the records of all lines. Only a [LineError] has something
// after it.
func (l *lineReader) records(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		d := newDecoder()
		for ctx.Err() == nil {
			r, err := l.record(d)
			if errors.Is(err, io.EOF) || !yield(r, err) || err != nil && !passing(err) {
				return
			}
		}
		yield(nil, ctx.Err())
	}
}

// passing reports whether there is something after an error.
func passing(err error) bool {
	refused := (*LineError)(nil)
	return errors.As(err, &refused)
}

func (l *lineReader) record(d *decoder) (*Record, error) {
	line, err := l.next()
	if err != nil {
		return nil, err
	}
	r, err := d.decode(line)
	if l.each != nil {
		l.each(line, l.n, d.strays)
	}
	if err != nil && l.n == 1 && bytes.HasPrefix(line, []byte("[")) {
		err = errors.New("it begins a list, as gcloud prints one of log entries: want a record a line, as jq --compact-output '.[].jsonPayload' makes of it")
	}
	if err != nil {
		return nil, l.refuse(err)
	}
	return r, nil
}

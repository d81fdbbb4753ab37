package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
)

// FindInFile returns the records of one event from a file that a [File] wrote,
// in the order in which they were written, each id once. None is no error. An
// event can have several findings; [Record.Key] tells them apart. A line that is
// not a record is an error, whatever event it may be of, beside the records that
// were found; a last line without an end is not a line yet. Others may write
// meanwhile.
func FindInFile(ctx context.Context, path, event string) ([]Record, error) {
	if err := checkEvent(event); err != nil {
		return nil, fmt.Errorf("audit file %q: %w", path, err)
	}
	found := search{event: event}
	err := found.all(ReadFile(ctx, path, Query{Event: event}, nil))
	return found.records, err
}

// written returns the size of the whole lines, and how much follows them.
// Whoever holds the lock may cut that off, and take back a line that did not
// reach the disk; what is a whole line while nobody holds it stays as it is.
func written(ctx context.Context, file *os.File) (size, rest int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = locked(ctx, file, shared, func() error {
		info, err := file.Stat()
		if err == nil {
			size, err = wholeLines(file, info.Size())
			rest = info.Size() - size
		}
		return err
	})
	return size, rest, err
}

// wholeLines looks for the last line feed, from the end.
func wholeLines(file *os.File, end int64) (int64, error) {
	part := make([]byte, 64<<10)
	for end > 0 {
		start := max(0, end-int64(len(part)))
		part = part[:end-start]
		if _, err := file.ReadAt(part, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// search collects the records of one event, each id once.
type search struct {
	event   string
	records []Record
}

// all takes the records, and goes on after what is none. It returns the first
// such error, and how many there are.
func (s *search) all(records iter.Seq2[*Record, error]) error {
	var first error
	refused := 0
	for r, err := range records {
		switch {
		case err == nil:
			s.add(r.Clone())
		case !passing(err):
			return err
		default:
			first = cmp.Or(first, err)
			refused++
		}
	}
	if refused > 1 {
		return fmt.Errorf("%w; entries that are no records: %d", first, refused)
	}
	return first
}

// add compares the event, because Cloud Logging finds "ABC" for "abc". An event
// has a handful of records, so going through them is the fastest set.
func (s *search) add(r *Record) {
	same := func(other Record) bool { return other.ID() == r.ID() }
	if r.Event == s.event && !slices.ContainsFunc(s.records, same) {
		s.records = append(s.records, *r)
	}
}

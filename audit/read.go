package audit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
)

// FindInFile returns the records of one event from a file that a [File] wrote,
// in the order in which they were written, each id once. None is no error. An
// event can have several findings; [Record.Key] tells them apart. A line that is
// not a record is an error, whatever event it may be of; a last line without an
// end is not a line yet. Others may write meanwhile.
func FindInFile(ctx context.Context, path, event string) ([]Record, error) {
	if err := checkEvent(event); err != nil {
		return nil, fmt.Errorf("audit file %q: %w", path, err)
	}
	found := search{event: event}
	for r, err := range ReadFile(ctx, path, Query{Event: event}, nil) {
		if err != nil {
			return nil, err
		}
		found.add(r.Clone())
	}
	return found.records, nil
}

// written returns the size of the whole lines. Whoever holds the lock may cut
// off what follows them, and take back a line that did not reach the disk; what
// is a whole line while nobody holds it stays as it is.
func written(ctx context.Context, file *os.File) (size int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = locked(ctx, file, shared, func() error {
		size, err = wholeLines(file)
		return err
	})
	return size, err
}

// wholeLines looks for the last line feed, from the end.
func wholeLines(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	part := make([]byte, 64<<10)
	for end := info.Size(); end > 0; {
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

// add compares the event, because Cloud Logging finds "ABC" for "abc". An event
// has a handful of records, so going through them is the fastest set.
func (s *search) add(r *Record) {
	same := func(other Record) bool { return other.ID() == r.ID() }
	if r.Event == s.event && !slices.ContainsFunc(s.records, same) {
		s.records = append(s.records, *r)
	}
}

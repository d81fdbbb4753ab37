package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audit file: %w", err)
	}
	defer func() { _ = file.Close() }()
	size, err := written(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("audit file %q: %w", path, err)
	}
	records, err := find(ctx, io.NewSectionReader(file, 0, size), event)
	if err != nil {
		return nil, fmt.Errorf("audit file %q: %w", path, err)
	}
	return records, nil
}

// checkEvent refuses what no event is called by. It is foreign text, and
// becomes part of a filter.
func checkEvent(event string) error {
	switch {
	case event == "":
		return errors.New(`event "": want the event of a record`)
	case !utf8.ValidString(event) || strings.ContainsFunc(event, unicode.IsControl):
		return fmt.Errorf("event %q: want text without control characters", event)
	}
	return nil
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

func find(ctx context.Context, from io.Reader, event string) ([]Record, error) {
	found := search{event: event}
	for lines := newLineReader(from, 0); ctx.Err() == nil; {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return found.records, nil
		}
		if err != nil {
			return nil, err
		}
		r, err := decode(line)
		if err != nil {
			return nil, lines.refuse(err)
		}
		found.add(r)
	}
	return nil, ctx.Err()
}

// search collects the records of one event, each id once.
type search struct {
	event   string
	records []Record
}

// add compares the event, because Cloud Logging finds "ABC" for "abc". An event
// has a handful of records, so going through them is the fastest set.
func (s *search) add(r Record) {
	same := func(other Record) bool { return other.ID() == r.ID() }
	if r.Event == s.event && !slices.ContainsFunc(s.records, same) {
		s.records = append(s.records, r)
	}
}

// keys are the keys of a record.
var keys = func() map[string]bool {
	keys := map[string]bool{}
	for field := range reflect.TypeFor[Record]().Fields() {
		keys[field.Tag.Get("json")] = true
	}
	return keys
}()

// decode reads a record of this version and nothing else. It compares the keys
// itself, because encoding/json takes "Principal" for "principal", and who reads
// the same line with another tool would see another record.
func decode(text []byte) (Record, error) {
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return Record{}, err
	}
	if v := fields["version"]; v != FormatVersion {
		return Record{}, fmt.Errorf("version %q: want %q", fmt.Sprint(cmp.Or(v, any(""))), FormatVersion)
	}
	for key := range fields {
		if !keys[key] {
			return Record{}, fmt.Errorf("key %q: a record of version %q has no such key", key, FormatVersion)
		}
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return Record{}, err
	}
	return r, nil
}

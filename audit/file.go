package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// File writes records to a file of JSON lines, each on disk before Write
// returns. Only one process may write to it.
type File struct {
	mu    sync.Mutex
	file  *os.File
	known map[string]struct{} // ids of the records that the file holds
	size  int64               // bytes of whole lines
}

// OpenFile opens or creates the file and reads which records it holds. A last
// line that was cut off by a crash is removed: its event comes again.
func OpenFile(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit file: %w", err)
	}
	f := &File{file: file, known: map[string]struct{}{}}
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("audit file %q: %w", path, err), file.Close())
	}
	return f, nil
}

func (f *File) load() error {
	lines := bufio.NewReader(f.file)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return f.truncate()
		}
		if err != nil {
			return err
		}
		var r Record
		if err := json.Unmarshal(bytes.TrimSpace(line), &r); err != nil {
			return fmt.Errorf("line %d is not a record: %w", n, err)
		}
		f.known[r.ID()] = struct{}{}
		f.size += int64(len(line))
	}
}

// truncate cuts off whatever follows the last whole line.
func (f *File) truncate() error {
	if err := f.file.Truncate(f.size); err != nil {
		return err
	}
	_, err := f.file.Seek(f.size, io.SeekStart)
	return err
}

// Write appends the record and waits until it is on disk. A record that the
// file holds already is not written again.
func (f *File) Write(_ context.Context, r Record) error {
	line, err := r.Line()
	if err != nil {
		return fmt.Errorf("audit record: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.ID()
	if _, ok := f.known[id]; ok {
		return nil
	}
	if err := f.append(line); err != nil {
		return fmt.Errorf("audit file: %w", err)
	}
	f.known[id] = struct{}{}
	f.size += int64(len(line))
	return nil
}

// append leaves no part of a line behind when it fails.
func (f *File) append(line []byte) error {
	_, err := f.file.Write(line)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return errors.Join(err, f.truncate())
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

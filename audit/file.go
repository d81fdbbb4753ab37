package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// File writes records to a file of JSON lines, each on disk before Write
// returns, and each with a hash of all that stand before it as its last key,
// "chain". Several processes may write to one file, each through its own File:
// a lock that the operating system drops when its process ends lets one of them
// in at a time, and who comes in first reads what the others have added.
type File struct {
	path   string
	file   *os.File
	opened os.FileInfo
	mu     sync.Mutex
	known  map[[16]byte]struct{} // ids of the records that the file holds
	lines  int                   // whole lines that were read or written
	size   int64                 // bytes of these lines
	chain  *chain                // after these lines
	safe   bool                  // these lines are on disk, and not only in the file
}

// OpenFile opens or creates the file and reads which records it holds; the
// context bounds the wait for other processes. A last
// line that was cut off by a crash is removed: its event comes again.
func OpenFile(ctx context.Context, path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit file: %w", err)
	}
	f := &File{path: path, file: file, known: map[[16]byte]struct{}{}, chain: newChain()}
	if f.opened, err = file.Stat(); err == nil {
		err = f.alone(ctx, f.last)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// last makes sure that what was opened keeps what is written to it. A new file
// survives a crash once its folder is on disk (fsync(2), "Calling fsync() does
// not necessarily ensure that the entry in the directory containing the file
// has also reached disk"). A file that is there may be new all the same: its
// maker may have crashed before that.
func (f *File) last() error {
	if !f.opened.Mode().IsRegular() { // such as /dev/null
		return errors.New("not a regular file: what is written to it is not kept")
	}
	target, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(target))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Write appends the record and waits until it is on disk. A record that the
// file holds already is not written again.
func (f *File) Write(ctx context.Context, r Record) error {
	line, err := r.Line()
	if err != nil {
		return fmt.Errorf("audit record: %w", err)
	}
	return f.alone(ctx, func() error {
		id := r.digest(r.slot(), nil)
		if _, ok := f.known[id]; ok {
			return f.flush()
		}
		chained := f.chain.chained(line)
		if err := f.append(chained); err != nil {
			return err
		}
		f.add(id, chained)
		f.safe = true
		return nil
	})
}

// alone acts while nobody else writes to the file, and everything that others
// have written is known.
func (f *File) alone(ctx context.Context, act func() error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	err := locked(ctx, f.file, exclusive, func() error {
		if err := f.catchUp(); err != nil {
			return err
		}
		return act()
	})
	if err != nil {
		return fmt.Errorf("audit file %q: %w", f.path, err)
	}
	return nil
}

// catchUp reads the lines that were added since the last time, and cuts off a
// last line that has no end: who writes holds the lock, so its writer is dead.
func (f *File) catchUp() error {
	size, err := f.grown()
	if err != nil || size == f.size {
		return err
	}
	records, room := newDecoder(), make([]byte, 0, longestText)
	added := newLineReader(io.NewSectionReader(f.file, f.size, size-f.size), f.lines)
	for {
		line, err := added.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		r, err := loosely(records, line)
		if err != nil {
			return added.refuse(err)
		}
		f.add(r.digest(r.slot(), room), line)
		f.safe = false // its writer may have crashed before it was on disk
	}
	if f.size < size {
		return f.file.Truncate(f.size)
	}
	return nil
}

// loosely reads what makes the id of a record. A line that a later version wrote
// is no reason to record nothing any more.
func loosely(records *decoder, line []byte) (*Record, error) {
	if r, err := records.decode(line); err == nil {
		return r, nil
	}
	r := &Record{}
	return r, json.Unmarshal(line, r)
}

// grown returns the size of the file. It asks by name: records in a file that
// was moved away or deleted are found by nobody, and a lock on it keeps nobody
// out. Lines that are gone were taken by somebody who is not pullfix.
func (f *File) grown() (int64, error) {
	now, err := os.Stat(f.path)
	switch {
	case err != nil:
		return 0, err
	case !os.SameFile(now, f.opened):
		return 0, errors.New("another file has taken its place since it was opened: start again to write to that one")
	case now.Size() < f.size:
		return 0, fmt.Errorf("somebody cut it from %d to %d bytes since it was opened: start again to write to what is left", f.size, now.Size())
	}
	return now.Size(), nil
}

func (f *File) add(id [16]byte, line []byte) {
	f.known[id] = struct{}{}
	f.lines++
	f.size += int64(len(line))
	f.chain.follow(line)
}

// flush waits until the lines of others are on disk.
func (f *File) flush() error {
	if f.safe {
		return nil
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	f.safe = true
	return nil
}

// append leaves no part of a line behind when it fails.
func (f *File) append(line []byte) error {
	_, err := f.file.Write(line)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return errors.Join(err, f.file.Truncate(f.size))
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

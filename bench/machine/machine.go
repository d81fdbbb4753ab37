// Package machine keeps what is measured apart from what measures. It says which
// cores the operating system lets a server and its client have, starts processes
// on them, and tells what memory and time of a core they take. Where the
// operating system does not let it, it says why.
package machine

import "errors"

// ErrUnknown is what cannot be had on this operating system.
var ErrUnknown = errors.New("not known on this operating system")

// Cores are those of a server and of all else. Both are nil where nothing can be
// pinned.
type Cores struct {
	Server, Client []int
	Why            string // why nothing is pinned; "" where it is
}

// Memory is that of a process, in bytes.
type Memory struct {
	Resident     int64 // now, as RSS
	Proportional int64 // now, with its share of pages that several processes have, as PSS
	Peak         int64 // the most that was resident
}

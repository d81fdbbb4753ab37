//go:build !linux

package machine

import (
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// Split says that nothing can be pinned here.
func Split() Cores { return Cores{Why: "processes cannot be pinned to a core on " + runtime.GOOS} }

// Stay does nothing where nothing is pinned.
func (Cores) Stay() error { return nil }

// StartServer starts a process.
func (Cores) StartServer(cmd *exec.Cmd) error { return cmd.Start() }

// MemoryOf answers [ErrUnknown].
func MemoryOf(int) (Memory, error) { return Memory{}, ErrUnknown }

// TimeOf answers [ErrUnknown].
func TimeOf(int) (time.Duration, error) { return 0, ErrUnknown }

// Describe names the machine.
func Describe() string {
	return fmt.Sprintf("%d cores, %s %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

// ScratchFolder is "": files lie on a disk.
func ScratchFolder() string { return "" }

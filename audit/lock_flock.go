//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package audit

import (
	"errors"
	"os"
	"syscall"
)

// lockMode says who else may hold the lock.
type lockMode int

const (
	shared    lockMode = syscall.LOCK_SH
	exclusive lockMode = syscall.LOCK_EX
)

// tryLock uses flock and not the locks of POSIX: those belong to the process,
// which drops all of them when it closes any descriptor of the file (fcntl(2)),
// as a reader beside the writer would. On NFS Linux turns it into a lock of the
// server's (flock(2), "NFS details").
func tryLock(file *os.File, mode lockMode) (bool, error) {
	err := flock(file, int(mode)|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func unlock(file *os.File) error { return flock(file, syscall.LOCK_UN) }

func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("flock", err)
		}
	}
}

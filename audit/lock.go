package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// lockPause is how long to wait before asking for a lock again. A writer holds
// it for one fsync, which takes from a tenth of a millisecond to some tens.
const lockPause = time.Millisecond

// locked acts while this process, and this opening of the file in it, holds an
// advisory lock on the file. It asks again and again instead of waiting in the
// operating system, where a stopped process that holds the lock would keep it
// past every deadline.
func locked(ctx context.Context, file *os.File, mode lockMode, act func() error) (err error) {
	for {
		held, err := tryLock(file, mode)
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		if held {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock: another process holds it: %w", ctx.Err())
		case <-time.After(lockPause):
		}
	}
	defer func() { err = errors.Join(err, unlock(file)) }()
	return act()
}

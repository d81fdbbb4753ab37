//go:build unix

package emulatortest

import (
	"os/exec"
	"syscall"
)

// endWithChildren lets the end of a command be that of all it started: gcloud
// leaves its emulator running when it is killed.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

//go:build !unix

package emulatortest

import "os/exec"

// endWithChildren does nothing: here there are no groups of processes to end.
func endWithChildren(*exec.Cmd) {}

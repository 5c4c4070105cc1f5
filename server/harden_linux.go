package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden keeps the memory of this process, where keys are, from becoming a file: no core dumps, and no reading by other
// processes of the same user (ptrace, /proc/PID/mem).
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("server: core dumps cannot be turned off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("server: the memory cannot be closed to other processes: %w", err)
	}
	return nil
}

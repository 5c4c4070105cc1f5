package keying

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// errPanic says that an operation panicked: it ends that exchange and nothing else. With what it panicked might hold a key.
var errPanic = errors.New("keying: panic in the pool")

// behind runs op on a thread of its own that gives way to the others of the process, and waits for it. The thread ends with it: a
// priority once lowered could not be raised again without privileges.
func behind(op func()) error {
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }()
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("%w: %T", errPanic, v)
			}
		}()
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		giveWay()
		op()
	}()
	return <-done
}

// giveWay lowers the priority of the calling thread. That it cannot is no reason not to compute.
func giveWay() {
	tid := unix.Gettid()
	const least = 19
	if raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil { // the system call gives 20 minus the niceness
		_ = unix.Setpriority(unix.PRIO_PROCESS, tid, min(20-raw+poolNiceness, least))
	}
}

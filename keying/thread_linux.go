package keying

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// errPanic says that an operation panicked: it ends that exchange and nothing else. With what it panicked might hold a key.
var errPanic = errors.New("keying: panic in the pool")

// job is one operation and where its end is told.
type job struct {
	op   func()
	done chan error
}

// behind runs op on a thread that gives way to the others of the process, and waits for it: one that has just done another, or a new one.
func (p *Pool) behind(op func()) error {
	j := job{op, make(chan error, 1)}
	select {
	case p.jobs <- j:
	default:
		go p.work(j)
	}
	return <-j.done
}

// work does a job, and further ones that come soon. The thread ends with it: a priority once lowered could not be raised again without
// privileges.
func (p *Pool) work(j job) {
	runtime.LockOSThread() // never unlocked
	giveWay()
	idle := time.NewTimer(threadIdle)
	defer idle.Stop()
	for {
		j.done <- j.run()
		idle.Reset(threadIdle)
		select {
		case j = <-p.jobs:
		case <-idle.C:
			return
		}
	}
}

// run does it; a panic ends the operation and nothing else.
func (j job) run() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %T", errPanic, v)
		}
	}()
	j.op()
	return nil
}

// giveWay lowers the priority of the calling thread. That it cannot is no reason not to compute.
func giveWay() {
	tid := unix.Gettid()
	const least = 19
	if raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil { // the system call gives 20 minus the niceness
		_ = unix.Setpriority(unix.PRIO_PROCESS, tid, min(20-raw+poolNiceness, least))
	}
}

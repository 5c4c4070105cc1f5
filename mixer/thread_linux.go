package mixer

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps in the kernel, or shorter where a signal comes. A timer of the runtime wakes up a thread that polls, which wakes up the
// goroutine, which wakes up another thread to poll: with 250 slots a second that was a fifth of the time that 200 legs with G.711 took.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // EINTR: the caller looks at the clock again
}

// Policies of sched(7).
const (
	schedNormal = 0
	schedBatch  = 3
)

// GiveWay has the threads of the process, and those to come, not interrupt one another (SCHED_BATCH of sched(7)), so that only those which tick take a
// core from another one, be it ours or another program's: a server has more threads than cores, and one that wakes up takes the place of one that is in the midst of something, of a
// pause of the collector among others. With 500 legs and GOGC=25, on one core and on two, 30 of 178 pauses took over a millisecond without this, and
// none of 229 with it; a core bore an eighth more set-ups (PSK). A program that ticks rooms calls it once, when it begins.
func GiveWay() error {
	for changed := true; changed; { // a thread that was not asked yet may have begun another
		changed = false
		me := strconv.Itoa(unix.Gettid())
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("mixer: threads: %w", err)
		}
		if !slices.ContainsFunc(tasks, func(t os.DirEntry) bool { return t.Name() == me }) {
			return errors.New("mixer: /proc/self/task tells the threads of another name space")
		}
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil {
				return fmt.Errorf("mixer: threads: %w", err)
			}
			switch again, err := policy(id, schedNormal, schedBatch); {
			case errors.Is(err, unix.ESRCH): // it has ended
			case err != nil:
				return fmt.Errorf("mixer: a thread's policy: %w", err)
			default:
				changed = changed || again
			}
		}
	}
	return nil
}

// policy gives a thread (0: this one) another policy, if it has the one that is named, and says whether it did.
func policy(thread int, from, to uint32) (changed bool, err error) {
	attr, err := unix.SchedGetAttr(thread, 0)
	if err != nil || attr.Policy != from {
		return false, err
	}
	attr.Policy, attr.Runtime = to, 0 // the kernel tells its slice, and would take it for one that we want
	return true, unix.SchedSetAttr(thread, attr, 0)
}

// urgent has the calling goroutine keep its thread, which the kernel lets run as soon as it wakes up, and before others where that is
// allowed (CAP_SYS_NICE, or RLIMIT_NICE of getrlimit(2)): a tick that is due does not wait for a call that is set up, or for another program. The
// thread ends with the goroutine.
func urgent() {
	runtime.LockOSThread()
	_, _ = policy(0, schedBatch, schedNormal)
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, mixNiceness) // 0: this thread, on Linux
}

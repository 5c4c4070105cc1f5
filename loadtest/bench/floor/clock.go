package floor

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// on runs f on a thread of its own that is bound to a core, and ends the thread: no other goroutine shall find itself bound.
func on(core int, f func() error) error {
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var set unix.CPUSet
		set.Set(core)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			failed <- fmt.Errorf("floor: core %d: %w", core, err)
			return
		}
		failed <- f()
	}()
	return <-failed
}

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// stopwatch sums the processor time of what is measured within a window.
type stopwatch struct{ sum, began time.Duration }

func (s *stopwatch) start() { s.began = threadTime() }
func (s *stopwatch) stop()  { s.sum += threadTime() - s.began }

// least is the time in microseconds of one of n operations, in the best of several windows.
func least(n int, window func(*stopwatch) error) (float64, error) {
	best := time.Duration(0)
	for i := range windows {
		var s stopwatch
		if err := window(&s); err != nil {
			return 0, err
		}
		if i == 0 || s.sum < best {
			best = s.sum
		}
	}
	return float64(best.Nanoseconds()) / 1000 / float64(n), nil
}

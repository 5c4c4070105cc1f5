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

// Cores are those that this process may use, ascending: those of the calling thread, which must not be one that on has bound.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("floor: cores: %w", err)
	}
	var list []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list, nil
}

// beside is the core for those who work beside what runs on another: the next of those that are allowed (ascending, one at least), the
// first after the last. It is the same core only where no other is allowed.
func beside(core int, allowed []int) int {
	for _, c := range allowed {
		if c > core {
			return c
		}
	}
	return allowed[0]
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

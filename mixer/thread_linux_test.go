package mixer

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGiveWay: every thread gives way, and so does one that is taken for a goroutine later, but for those that tick.
func TestGiveWay(t *testing.T) {
	policies := func() map[uint32]int {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[uint32]int)
		for _, task := range tasks {
			id, _ := strconv.Atoi(task.Name())
			if attr, err := unix.SchedGetAttr(id, 0); err == nil { // else it has ended
				found[attr.Policy]++
			}
		}
		return found
	}
	if was := policies(); was[schedNormal] == 0 || was[schedBatch] > 0 {
		t.Skipf("the tests run under other policies than usual: %v", was)
	}
	if err := GiveWay(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for policies()[schedBatch] > 0 { // a thread that was not asked yet may begin another
			tasks, _ := os.ReadDir("/proc/self/task")
			for _, task := range tasks {
				id, _ := strconv.Atoi(task.Name())
				_, _ = policy(id, schedBatch, schedNormal)
			}
		}
	}()
	if now := policies(); now[schedBatch] == 0 || now[schedNormal] > 0 {
		t.Errorf("threads by policy: %v", now)
	}
	mine := make(chan uint32)
	on := func(begin func()) uint32 {
		go func() { // never unlocked: the thread ends with the goroutine
			begin()
			attr, err := unix.SchedGetAttr(0, 0)
			if err != nil {
				t.Error(err)
			}
			mine <- attr.Policy
		}()
		return <-mine
	}
	if got := on(runtime.LockOSThread); got != schedBatch {
		t.Errorf("a thread has policy %d", got)
	}
	if got := on(urgent); got != schedNormal {
		t.Errorf("a thread that ticks has policy %d", got)
	}
}

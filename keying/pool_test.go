package keying

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestPoolBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolConfig{Workers: 2, Queue: 3, Deadline: time.Minute})
		running, most := make(chan int, 1), 0
		running <- 0
		step := func(by int) {
			n := <-running + by
			most = max(most, n)
			running <- n
		}
		release := make(chan struct{})
		results := make(chan error, 8)
		for range 8 {
			go func() {
				results <- p.do(t.Context(), func() { step(1); <-release; step(-1) })
			}()
		}
		synctest.Wait()
		if p.Waiting() != 5 {
			t.Errorf("%d wait or run", p.Waiting())
		}
		close(release)
		busy := 0
		for range 8 {
			if err := <-results; errors.Is(err, ErrBusy) {
				busy++
			} else if err != nil {
				t.Error(err)
			}
		}
		if busy != 3 || most != 2 || p.Done() != 5 || p.Refused() != 3 || p.Waiting() != 0 {
			t.Errorf("%d busy, %d at a time, %d done, %d refused, %d waiting", busy, most, p.Done(), p.Refused(), p.Waiting())
		}
		time.Sleep(threadIdle) // of the bubble's time: its threads end
	})
}

func TestPoolDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolConfig{Workers: 1, Deadline: 250 * time.Millisecond})
		release := make(chan struct{})
		go func() { _ = p.do(t.Context(), func() { <-release }) }()
		synctest.Wait()
		begin := time.Now()
		if err := p.do(t.Context(), func() { t.Error("ran") }); !errors.Is(err, ErrBusy) {
			t.Error(err)
		}
		if waited := time.Since(begin); waited != 250*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		close(release)
		synctest.Wait()
		if p.Waiting() != 0 {
			t.Error("places are missing")
		}
		time.Sleep(threadIdle)
	})
}

// TestPoolSurvivesPanic holds that an operation that panics gives its place back.
func TestPoolSurvivesPanic(t *testing.T) {
	p := NewPool(PoolConfig{Workers: 1, Queue: 1})
	func() {
		defer func() { _ = recover() }()
		_ = p.do(t.Context(), func() { panic("test") })
	}()
	if err := p.do(t.Context(), func() {}); err != nil || p.Waiting() != 0 || len(p.workers) != 0 {
		t.Errorf("%v, %d waiting", err, p.Waiting())
	}
}

// TestPoolGivesWay: what the pool computes runs on a thread of less priority than those that mix, and that priority stays there.
func TestPoolGivesWay(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	raw := func() int {
		p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ours, theirs := raw(), 0
	if err := NewPool(PoolConfig{}).do(t.Context(), func() { theirs = raw() }); err != nil {
		t.Fatal(err)
	}
	if want := max(ours-poolNiceness, 1); theirs != want || raw() != ours {
		t.Errorf("the thread of the pool has priority %d, want %d; ours was %d and is %d", theirs, want, ours, raw())
	}
}

// TestPoolPanic: a computation that panics ends its exchange, not the process, and its worker is free again.
func TestPoolPanic(t *testing.T) {
	p := NewPool(PoolConfig{Workers: 1})
	if err := p.do(t.Context(), func() { var none []byte; none[0] = 1 }); !errors.Is(err, errPanic) {
		t.Errorf("got %v", err)
	}
	if err := p.do(t.Context(), func() {}); err != nil || p.Waiting() != 0 {
		t.Errorf("then %v, %d wait", err, p.Waiting())
	}
}

// TestPoolThreads: operations that follow one another share a thread, which ends when no more come.
func TestPoolThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolConfig{Workers: 1})
		threads := make(map[int]bool)
		op := func() {
			if err := p.do(t.Context(), func() { threads[unix.Gettid()] = true }); err != nil {
				t.Error(err)
			}
			synctest.Wait() // the thread waits for more
		}
		for range 3 {
			op()
		}
		if len(threads) != 1 {
			t.Errorf("%d threads for three operations in a row", len(threads))
		}
		time.Sleep(threadIdle)
		synctest.Wait()
		select {
		case p.jobs <- job{}:
			t.Error("a thread still waits")
		default:
		}
	})
}

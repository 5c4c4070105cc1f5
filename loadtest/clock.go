package loadtest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// ticked is what the clock drives: one worker at a time calls tick, once for every tick in order. at is when the tick was due.
type ticked interface {
	tick(t codec.Tick, at time.Time)
}

// Clock ticks callers every 20 ms on an absolute schedule. A worker that is held up makes good at most maxBehind ticks and
// skips the rest.
type Clock struct {
	workers []*worker
	next    atomic.Uint64 // deals the callers to the workers
	skipped atomic.Uint64
	worst   atomic.Int64 // largest lateness of a wake-up, ns
	wg      sync.WaitGroup
}

type worker struct {
	clock   *Clock
	mailbox chan func()
	done    chan struct{}

	// Owned by the worker's goroutine.
	groups [phases][]ticked
	dealt  int
}

// NewClock makes a clock with one worker a processor.
func NewClock() *Clock {
	c := &Clock{}
	for range runtime.NumCPU() {
		c.workers = append(c.workers, &worker{clock: c, mailbox: make(chan func(), 64), done: make(chan struct{})})
	}
	return c
}

// Run ticks until ctx ends.
func (c *Clock) Run(ctx context.Context) {
	start := time.Now()
	for _, w := range c.workers {
		c.wg.Go(func() { w.run(ctx, start) })
	}
	c.wg.Wait()
}

// Skipped is how many group ticks were given up because the machine held the clock up, and the worst lateness.
func (c *Clock) Skipped() (ticks uint64, worst time.Duration) {
	return c.skipped.Load(), time.Duration(c.worst.Load())
}

// add has the clock tick x from now on; the returned function takes it off again and waits until nobody ticks it.
func (c *Clock) add(x ticked) (remove func()) {
	w := c.workers[c.next.Add(1)%uint64(len(c.workers))]
	group := 0
	w.do(func() {
		group = w.dealt % phases
		w.dealt++
		w.groups[group] = append(w.groups[group], x)
	})
	return func() {
		w.do(func() {
			list := w.groups[group]
			for i, y := range list {
				if y == x {
					w.groups[group] = append(list[:i], list[i+1:]...)
					return
				}
			}
		})
	}
}

// do runs f between ticks and waits for it; once the clock has ended nobody ticks, and f needs no turn.
func (w *worker) do(f func()) {
	ran := make(chan struct{})
	select {
	case w.mailbox <- func() { f(); close(ran) }:
		select {
		case <-ran:
		case <-w.done:
		}
	case <-w.done:
	}
}

// run wakes up once a phase and ticks that phase's group.
func (w *worker) run(ctx context.Context, start time.Time) {
	defer close(w.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for slot := uint64(0); ; {
		select {
		case <-ctx.Done():
			return
		case do := <-w.mailbox:
			do()
		case <-timer.C:
			slot = w.catchUp(start, slot)
			timer.Reset(time.Until(start.Add(time.Duration(slot) * phaseLength)))
		}
	}
}

// catchUp ticks every slot that is due and returns the next one.
func (w *worker) catchUp(start time.Time, slot uint64) uint64 {
	due := uint64(time.Since(start) / phaseLength)
	if behind := time.Since(start.Add(time.Duration(slot) * phaseLength)); behind > time.Duration(w.clock.worst.Load()) {
		w.clock.worst.Store(int64(behind)) // two workers may race for the worst; either is true
	}
	if due > slot+maxBehind*phases {
		skip := (due - slot - maxBehind*phases) / phases * phases
		w.clock.skipped.Add(skip / phases)
		slot += skip
	}
	for ; slot <= due; slot++ {
		at := start.Add(time.Duration(slot) * phaseLength)
		for _, x := range w.groups[slot%phases] {
			x.tick(codec.Tick(slot/phases), at)
		}
	}
	return slot
}

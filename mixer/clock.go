package mixer

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Run ticks the rooms until ctx ends, then ends every room with ErrStopped. It starts the workers and waits for them. A pool
// runs once.
func (p *Pool) Run(ctx context.Context) error {
	epoch := time.Now()
	p.mu.Lock()
	if p.state != poolIdle {
		p.mu.Unlock()
		return ErrRunning
	}
	p.state, p.epoch = poolRunning, epoch
	p.mu.Unlock()

	var workers sync.WaitGroup
	if p.workers > 1 { // a sole worker is the clock
		for range p.workers {
			workers.Go(p.work)
		}
	}
	workers.Go(func() {
		p.clock(ctx)
		close(p.queue)
	})
	workers.Wait()

	p.mu.Lock()
	p.state = poolStopped
	p.mu.Unlock()
	for _, r := range p.scheduled() {
		r.retire(ErrStopped)
	}
	return nil
}

// clock tells the rooms of each slot when their tick is due, on a schedule that lateness does not move, and ticks what it has time for
// itself: to wake somebody up for a small room takes longer than its tick.
func (p *Pool) clock(ctx context.Context) {
	urgent()
	shed := shedder{pool: p}
	at, judged := uint64(0), uint64(0) // in slots since the epoch
	own, sleep := []*Room(nil), sleeper{nap: p.nap, timer: time.NewTimer(0), wake: p.wake}
	defer sleep.timer.Stop()
	for sleep.until(ctx, p.dueAt(at)) {
		now := time.Now()
		at = p.skip(at, now)
		if now.Before(p.dueAt(at)) { // woken up early: a room is awake
			at = min(at, uint64(now.Sub(p.epoch)/slotLength)+1)
			continue
		}
		next := p.nextSlot(at)
		own = p.call(at, own[:0], p.dueAt(next).Sub(p.dueAt(at))/ownShare)
		p.tickOwn(own, p.dueAt(next))
		if at/slotsPerTick >= judged+shedWindow {
			judged = at / slotsPerTick
			shed.judge()
		}
		at = next
	}
}

// sleeper sleeps: long by a timer of the runtime, and short in the kernel, which wakes up nobody else.
type sleeper struct {
	nap   func(time.Duration)
	timer *time.Timer
	wake  <-chan struct{} // ends a long sleep
	rest  time.Time       // when the runtime had the processor last
}

// until sleeps until a time, or until it is woken up, and says whether the pool goes on.
func (s *sleeper) until(ctx context.Context, due time.Time) bool {
	for ctx.Err() == nil {
		now := time.Now()
		left := due.Sub(now)
		switch {
		case left <= 0:
			return true
		case left >= longestNap:
			s.timer.Reset(left)
			select {
			case <-ctx.Done():
			case <-s.timer.C:
			case <-s.wake:
				s.rest = time.Now()
				return ctx.Err() == nil
			}
			s.rest = time.Now()
			continue
		case now.Sub(s.rest) >= longestNap:
			runtime.Gosched()
			s.rest = now
		}
		s.nap(left)
	}
	return false
}

// dueAt is when a slot since the epoch is due.
func (p *Pool) dueAt(at uint64) time.Time { return p.epoch.Add(time.Duration(at) * slotLength) }

// skip passes over whole ticks when the clock itself is too late for its rooms to catch up; the rooms count what they missed.
func (p *Pool) skip(at uint64, now time.Time) uint64 {
	if behind := now.Sub(p.dueAt(at)); behind > catchUpTicks*tickLength {
		at += uint64(behind/tickLength) * slotsPerTick
	}
	return at
}

// call tells the rooms of a slot that they are due, and puts them into the workers' queue, but for those that the clock is to tick
// itself, which it returns: as many as took no longer than share when they were ticked last. A room that still waits, or is being ticked, only
// learns that another tick is due.
func (p *Pool) call(at uint64, own []*Room, share time.Duration) []*Room {
	list := p.slots[at%slotsPerTick].rooms.Load()
	if list == nil {
		return own
	}
	var cost time.Duration
	for _, r := range *list {
		if !r.awake() {
			continue
		}
		r.due.Store(at/slotsPerTick + 1)
		if !r.queued.CompareAndSwap(false, true) {
			continue
		}
		took := time.Duration(r.took.Load())
		if p.workers == 1 || cost+took <= share {
			cost += took
			own = append(own, r)
			continue
		}
		p.queue <- r
	}
	return own
}

// tickOwn ticks rooms until the clock has something better to do; those that are left go to the workers.
func (p *Pool) tickOwn(own []*Room, until time.Time) {
	for _, r := range own {
		if p.workers > 1 && time.Now().After(until) {
			p.queue <- r
			continue
		}
		r.run()
	}
}

// nextSlot is the next slot in which a room is awake, which may be the same a tick later, or where there is none the one in which the clock is to
// judge: it does not wake up for nothing.
func (p *Pool) nextSlot(at uint64) uint64 {
	for next := at + 1; next <= at+slotsPerTick; next++ {
		if list := p.slots[next%slotsPerTick].rooms.Load(); list != nil && slices.ContainsFunc(*list, (*Room).awake) {
			return next
		}
	}
	return at + shedWindow*slotsPerTick
}

// rouse wakes up the clock, which may sleep for long.
func (p *Pool) rouse() {
	select {
	case p.wake <- struct{}{}:
	default: // it was told already, and looks again
	}
}

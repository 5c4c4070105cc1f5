package mixer

import (
	"context"
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
	for range p.workers {
		workers.Go(p.work)
	}
	p.clock(ctx)
	close(p.queue)
	workers.Wait()

	p.mu.Lock()
	p.state = poolStopped
	p.mu.Unlock()
	for _, r := range p.scheduled() {
		r.retire(ErrStopped)
	}
	return nil
}

// clock tells the rooms of each slot when their tick is due, on a schedule that lateness does not move.
func (p *Pool) clock(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	shed := shedder{pool: p}
	at, judged := uint64(0), uint64(0) // in slots since the epoch
	for {
		timer.Reset(time.Until(p.dueAt(at)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		at = p.skip(at, time.Now())
		p.call(at)
		if at/slotsPerTick != judged {
			judged = at / slotsPerTick
			shed.judge()
		}
		at = p.nextSlot(at)
	}
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

// call puts the rooms of a slot into the workers' queue. A room that is still there, or being ticked, only learns that another
// tick is due.
func (p *Pool) call(at uint64) {
	list := p.slots[at%slotsPerTick].rooms.Load()
	if list == nil {
		return
	}
	for _, r := range *list {
		r.due.Store(at/slotsPerTick + 1)
		if r.queued.CompareAndSwap(false, true) {
			p.queue <- r
		}
	}
}

// nextSlot is the next slot that has rooms, or the same slot a tick later: the clock does not wake for nothing.
func (p *Pool) nextSlot(at uint64) uint64 {
	for next := at + 1; next < at+slotsPerTick; next++ {
		if list := p.slots[next%slotsPerTick].rooms.Load(); list != nil && len(*list) > 0 {
			return next
		}
	}
	return at + slotsPerTick
}

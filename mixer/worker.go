package mixer

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// ErrPanic is why a room ended whose tick panicked.
var ErrPanic = errors.New("mixer: panic in a tick")

// work ticks rooms, and helps others with theirs, until the clock stops.
func (p *Pool) work() {
	urgent()
	for {
		select {
		case r, more := <-p.queue:
			if !more {
				return
			}
			r.run()
		case r := <-p.calls:
			r.help()
		}
	}
}

// run ticks the room as often as is due. The room is this worker's from the moment it was queued until queued is false again;
// a tick that became due in between is either seen here or queues the room anew.
func (r *Room) run() {
	for {
		due := r.due.Load()
		if !r.runUntil(due) {
			return // ended: queued stays true, so that no worker gets it again
		}
		r.queued.Store(false)
		if r.due.Load() == due || !r.queued.CompareAndSwap(false, true) {
			return
		}
	}
}

// runUntil runs the ticks from the one after the last to due, the oldest skipped when there are too many, and says whether the room
// goes on.
func (r *Room) runUntil(due uint64) bool {
	from := r.done
	switch {
	case from == 0:
		from = due - 1
	case due > from+catchUpTicks:
		r.pool.count.overruns.Add(due - catchUpTicks - from)
		from = due - catchUpTicks
	}
	for t := from; t < due; t++ {
		r.done = t + 1
		begun := time.Now()
		if !r.tick(Tick(t)) {
			return false
		}
		took := time.Since(begun) - r.waited
		r.took.Store(int64(took))
		r.pool.count.note(begun.Sub(r.pool.dueAt(t*slotsPerTick+uint64(r.slot))), took)
	}
	return true
}

// tick is one step behind the boundary at which a panic ends this room and no other.
func (r *Room) tick(t Tick) (goesOn bool) {
	defer func() {
		if v := recover(); v != nil {
			goesOn = false
			r.fail(v, debug.Stack())
		}
	}()
	if r.step(t) {
		return true
	}
	if f := r.crew.failure.Load(); f != nil {
		r.fail(f.value, f.stack)
		return false
	}
	r.retire(nil)
	return false
}

// fail ends a room whose tick panicked. What a port panicked with is logged by type only, unless it is the Go runtime's own: it
// might hold anything.
func (r *Room) fail(v any, stack []byte) {
	text := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		text = e.Error()
	}
	r.pool.count.failed.Add(1)
	r.pool.log.Error("room failed", "room", r.name, "panic", text, "stack", string(stack))
	r.retire(fmt.Errorf("%w: %s", ErrPanic, text))
	close(r.failed)
}

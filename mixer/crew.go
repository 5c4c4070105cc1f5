package mixer

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// stage is a part of a tick that is made of items which do not touch one another, so that several workers may share them.
type stage uint8

const (
	stageReceive stage = iota // per seat: Next on its ports, activity of the frames
	stageDecode               // per seat that is listened to
	stageMix                  // speakers, sums and limiters: one worker, always
	stageEncode               // per bus and format
	stageSend                 // per seat: Send on its ports
	stages
)

// Stages are the names of the parts of a tick, in the order of PoolStats.Stages.
func Stages() []string { return []string{"receive", "decode", "mix", "encode", "send"} }

// grain is how many items of a stage a worker takes at a time: some 50 us of work, so that nobody waits long for the last.
var grain = [stages]int{stageReceive: 16, stageDecode: 2, stageEncode: 1, stageSend: 16}

// crew lets idle workers help with the stages of a large room. The room's own worker opens a stage, works at it like everybody
// else, closes it, and goes on when all who came in have left: a barrier between any two stages.
type crew struct {
	open   atomic.Bool
	inside atomic.Int32  // helpers
	helped atomic.Uint64 // times that somebody did
	next   atomic.Int64  // first item that nobody has taken
	left   chan struct{}

	// Written by the room's worker while the stage is closed and nobody is inside.
	stage stage
	items int

	failure atomic.Pointer[failure] // a panic, which ends the room when everybody is out
}

// failure is what a worker panicked with, and where.
type failure struct {
	value any
	stack []byte
}

// stage does the items of a stage, alone or with whoever has nothing else to do, and counts the time that it took.
// It says whether the room goes on: not when a helper panicked.
func (r *Room) stage(st stage, items int) bool {
	if len(r.seats) < crewSeats || r.pool.workers == 1 || items <= grain[st] {
		r.work(st, 0, items, &r.tally)
		r.lap(st)
		return true
	}
	c := &r.crew
	c.stage, c.items = st, items
	c.next.Store(0)
	c.open.Store(true)
	r.pool.ask(r, min(r.pool.workers-1, (items-1)/grain[st]))
	r.shareGuarded(&r.tally)
	c.open.Store(false)
	r.lap(st)
	for c.inside.Load() > 0 {
		<-c.left
	}
	now := time.Since(r.pool.epoch)
	r.waited += now - r.marked // waiting is no work
	r.marked = now
	return c.failure.Load() == nil
}

// share takes items until there are none.
func (r *Room) share(y *tally) {
	c := &r.crew
	n := grain[c.stage]
	for {
		to := int(c.next.Add(int64(n)))
		from := to - n
		if from >= c.items {
			return
		}
		r.work(c.stage, from, min(to, c.items), y)
	}
}

// shareGuarded keeps a panic until everybody is out: the room ends by it, and not the worker that met it.
func (r *Room) shareGuarded(y *tally) {
	defer func() {
		if v := recover(); v != nil {
			r.crew.failure.Store(&failure{v, debug.Stack()})
		}
	}()
	r.share(y)
}

// help is a worker's part in a stage of somebody else's room, if there is one open.
func (r *Room) help() {
	c := &r.crew
	c.inside.Add(1)
	if c.open.Load() {
		c.helped.Add(1)
		r.helpInside()
	}
	if c.inside.Add(-1) == 0 && !c.open.Load() {
		select {
		case c.left <- struct{}{}:
		default: // the room's worker was told already, and looks again
		}
	}
}

// helpInside takes part, and counts what it did.
func (r *Room) helpInside() {
	var y tally
	begun, st := time.Since(r.pool.epoch), r.crew.stage
	r.shareGuarded(&y)
	took := time.Since(r.pool.epoch) - begun
	y.took[st] += took
	r.pool.count.busy.Add(int64(took))
	r.pool.count.add(&y)
}

// ask tells idle workers that there is a stage to share. Those who come too late find it closed.
func (p *Pool) ask(r *Room, helpers int) {
	for range helpers {
		select {
		case p.calls <- r:
		default:
			return
		}
	}
}

// work does some items of a stage.
func (r *Room) work(st stage, from, to int, y *tally) {
	switch st {
	case stageReceive:
		for _, s := range r.seats[from:to] {
			s.ahead()
		}
		for _, s := range r.seats[from:to] {
			s.receive(r, r.now, y)
		}
	case stageDecode:
		for _, s := range r.heeded[from:to] {
			s.decode(r, y)
		}
	case stageEncode:
		for _, j := range r.jobs[from:to] {
			j.outlet.make(r, j.bus, y)
		}
	case stageSend:
		for _, s := range r.seats[from:to] {
			s.send(r.now, y)
		}
	}
}

// begin begins a tick.
func (r *Room) begin(t Tick) {
	r.now, r.waited = t, 0
	r.marked = time.Since(r.pool.epoch)
}

// lap counts the time since the last lap for a stage.
func (r *Room) lap(st stage) {
	now := time.Since(r.pool.epoch)
	r.tally.took[st] += now - r.marked
	r.marked = now
}

package mixer

import (
	"math"
	"sync/atomic"
	"time"
)

// LatenessBounds are the upper bounds of the buckets of PoolStats.Lateness; the last bucket has none.
func LatenessBounds() []time.Duration {
	return append([]time.Duration(nil), latenessBounds[:]...)
}

// latenessBounds: finer than a listener could hear, up to the whole tick and beyond.
var latenessBounds = [...]time.Duration{
	250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond,
}

// PoolStats is what a pool did since it was made. Ticks are ticks of rooms: ten rooms in which somebody sits make 500 a second.
type PoolStats struct {
	Rooms    int             // on the schedule
	Ticks    uint64          // run
	Late     uint64          // of them, started 5 ms or more after they were due
	Worst    time.Duration   // the greatest lateness of a tick that was run
	Lateness []uint64        // ticks per bucket of LatenessBounds; one bucket more than bounds
	Overruns uint64          // ticks that were skipped because the room was more than 60 ms behind
	Busy     time.Duration   // wall time spent in ticks
	Failed   uint64          // rooms that ended by a panic
	Shed     int             // 0, or the step of shedding at present: 1 cheaper Opus, 2 to 4 three to one mixed seats
	Sheds    uint64          // steps of reduction so far
	Decodes  uint64          // frames, those by which decoders are warmed among them
	Forwards uint64          // frames sent on as they came, in the place of an encoding
	Encodes  uint64          // frames, those that prime an encoder included
	Sent     uint64          // packets handed to ports
	Spoilt   uint64          // frames that a codec refused
	Load     float64         // share of the workers' time that ticks took in the last second, or two where all rooms fell asleep in it
	Legs     int             // ports attached to seats
	Capacity int             // legs that the workers have time for at what one costs at present
	Stages   []time.Duration // of Busy, by Stages
}

// counters are the sums behind PoolStats. Workers add to them once per tick of a room.
type counters struct {
	ticks, late, overruns, failed, sheds               atomic.Uint64
	decodes, encodes, forwards, sent, spoilt, legTicks atomic.Uint64
	worst, busy                                        atomic.Int64 // nanoseconds
	took                                               [stages]atomic.Int64
	shed                                               atomic.Int32
	lateness                                           [len(latenessBounds) + 1]atomic.Uint64
}

// tally is what one tick of one room adds to the counters.
type tally struct {
	decodes, encodes, forwards, sent, spoilt, legs uint64
	took                                           [stages]time.Duration
}

func (c *counters) add(t *tally) {
	addTo(&c.decodes, t.decodes)
	addTo(&c.encodes, t.encodes)
	addTo(&c.forwards, t.forwards)
	addTo(&c.sent, t.sent)
	addTo(&c.spoilt, t.spoilt)
	addTo(&c.legTicks, t.legs)
	for i, d := range t.took {
		if d > 0 {
			c.took[i].Add(int64(d))
		}
	}
	*t = tally{}
}

func addTo(c *atomic.Uint64, n uint64) {
	if n > 0 {
		c.Add(n)
	}
}

// note counts one tick of a room.
func (c *counters) note(late, busy time.Duration) {
	late = max(0, late)
	c.ticks.Add(1)
	c.busy.Add(int64(busy))
	if late >= lateTick {
		c.late.Add(1)
	}
	i := 0
	for i < len(latenessBounds) && late > latenessBounds[i] {
		i++
	}
	c.lateness[i].Add(1)
	for worst := c.worst.Load(); int64(late) > worst; worst = c.worst.Load() {
		if c.worst.CompareAndSwap(worst, int64(late)) {
			return
		}
	}
}

// Stats reads the counters. They are read one by one, while the workers go on.
func (p *Pool) Stats() PoolStats {
	c := &p.count
	s := PoolStats{
		Rooms: len(p.scheduled()), Ticks: c.ticks.Load(), Late: c.late.Load(), Worst: time.Duration(c.worst.Load()),
		Overruns: c.overruns.Load(), Busy: time.Duration(c.busy.Load()), Failed: c.failed.Load(),
		Shed: int(c.shed.Load()), Sheds: c.sheds.Load(),
		Decodes: c.decodes.Load(), Encodes: c.encodes.Load(), Forwards: c.forwards.Load(), Sent: c.sent.Load(), Spoilt: c.spoilt.Load(),
		Lateness: make([]uint64, len(c.lateness)), Stages: make([]time.Duration, stages),
		Load: math.Float64frombits(p.meter.load.Load()), Legs: int(p.legs.Load()), Capacity: p.Capacity(),
	}
	for i := range c.took {
		s.Stages[i] = time.Duration(c.took[i].Load())
	}
	for i := range c.lateness {
		s.Lateness[i] = c.lateness[i].Load()
	}
	return s
}

package mixer

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// meter tells what ticks cost, and how many legs the workers have time for. It belongs to the clock; what it publishes is for anybody.
type meter struct {
	busy time.Duration        // as of the last window
	legs uint64               // leg-ticks, as of the last window
	cost [costWindows]float64 // of the last windows, oldest first: ns of a worker's time per leg and tick

	load     atomic.Uint64 // bits of a float64: share of the workers' time that ticks took in the last window
	capacity atomic.Int64  // legs at the present cost
}

// measure closes a window of the clock, by what it should last, and returns the load in it.
func (m *meter) measure(busy time.Duration, legTicks uint64, workers int, window time.Duration) (load float64) {
	spent, legs := busy-m.busy, legTicks-m.legs
	m.busy, m.legs = busy, legTicks
	load = float64(spent) / float64(workers) / float64(window)
	cost := float64(assumedCost) // where there is nobody, what was measured last is forgotten again
	if legs > 0 {
		cost = float64(spent) / float64(legs)
	}
	copy(m.cost[:], m.cost[1:])
	m.cost[costWindows-1] = cost
	sorted := m.cost
	slices.Sort(sorted[:])
	m.load.Store(math.Float64bits(load))
	// Somebody is always let in, or nothing would ever be measured again.
	m.capacity.Store(max(1, int64(tickBudget*float64(workers)*float64(tickLength)/sorted[costWindows/2])))
	return load
}

// begin supposes a cost before anything was measured.
func (m *meter) begin(workers int) {
	for i := range m.cost {
		m.cost[i] = assumedCost
	}
	m.measure(0, 0, workers, time.Second)
}

// Capacity is how many legs the pool can carry at what they cost at present, those that it has included: no more than those while
// it sheds.
func (p *Pool) Capacity() int {
	if p.count.shed.Load() > 0 {
		return int(min(p.legs.Load(), p.meter.capacity.Load()))
	}
	return int(p.meter.capacity.Load())
}

// Full says whether the budget of the ticks is used up, or something is shed already: who joins now takes from those who are there.
func (p *Pool) Full() bool {
	return p.legs.Load() >= p.meter.capacity.Load() || p.count.shed.Load() > 0
}

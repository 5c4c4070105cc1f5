package media

import (
	"math"

	"github.com/conclave/conclave/mixer/codec"
)

// delay decides how late packets are played. For every packet it notes the lead: its media time minus tick*frame of the tick that
// found it. The play-out position of tick t is base + t*frame, so a packet is in time exactly when base <= lead. The fastest
// packets have the highest lead; base sits as high (little delay) as all but one per cent of the last packets allow.
//
// Whole ticks are the right measure: whether a packet came one or nineteen milliseconds before the tick that needs it
// changes nothing. And the base follows a sender whose clock drifts, since only differences count.
//
// A tick counts once, however many packets it found, with the one that waited longest: what a network holds up and then delivers at
// once was one event.
type delay struct {
	n      int // valid leads
	next   int
	since  int           // ticks with packets since the last look
	at     codec.Tick    // of the lead noted last
	late   bool          // since the last look something came too late
	target int64         // highest base that plays all but one per cent in time
	best   int64         // highest lead of the window: the fastest packet
	origin int64         // the first lead
	leads  [window]int32 // less origin
}

func (d *delay) reset() { d.n, d.next, d.since, d.late = 0, 0, 0, false }

// note records a packet found at tick t.
func (d *delay) note(lead int64, t codec.Tick, late bool) {
	d.late = d.late || late
	if d.n == 0 {
		d.origin = lead
	}
	near := int32(min(max(lead-d.origin, math.MinInt32), math.MaxInt32)) // further apart is neither delay nor drift
	if d.n > 0 && d.at == t {
		last := &d.leads[(d.next+window-1)%window]
		*last = min(*last, near)
		return
	}
	d.leads[d.next] = near
	d.next = (d.next + 1) % window
	d.n = min(d.n+1, window)
	d.at = t
	d.since++
}

// retarget looks at the window when there is a reason to.
func (d *delay) retarget(frame int64) {
	if d.since > 0 && (d.late || d.since >= retargetEvery || d.n < retargetEvery) {
		d.look(frame)
	}
}

// look finds the target: the lowest lead but the tolerated number of late ones.
func (d *delay) look(frame int64) {
	const most = window / latePerWindow
	d.since, d.late = 0, false
	var lowest [most + 1]int32
	for i := range lowest {
		lowest[i] = math.MaxInt32
	}
	tolerated, best := d.n/latePerWindow, int32(math.MinInt32)
	for _, lead := range d.leads[:d.n] {
		best = max(best, lead)
		if lead >= lowest[most] {
			continue
		}
		for i := range lowest {
			if lead < lowest[i] {
				lead, lowest[i] = lowest[i], lead
			}
		}
	}
	d.best = d.origin + int64(best)
	d.target = max(d.origin+int64(lowest[tolerated]), d.best-maxDepthTicks*frame)
}

package media

import "github.com/conclave/conclave/mixer/codec"

// copies decides whether to wait one tick more than jitter asks for. In-band FEC (RFC 6716 section 4.2.5) carries a copy of a frame in
// the packet after it: with no delay to spare that packet comes when its predecessor has just been guessed.
type copies struct {
	left int // ticks that the copies heard or missed so far are worth
	wait bool
}

// worth counts a copy.
func (w *copies) worth(ticks int) {
	w.left = min(w.left+ticks, copyLongest)
	w.wait = w.wait || w.left >= copyWanted
}

func (w *copies) pass() {
	w.left = max(w.left-1, 0)
	w.wait = w.wait && w.left > 0
}

// wanted is where the base should be: as high as jitter, and the wait for copies, allow.
func (p *playout) wanted(frame int64) int64 {
	if p.copies.wait {
		return p.delay.target - frame
	}
	return p.delay.target
}

// settle lowers the base when too many packets come too late for it. The ticks that this adds are concealed.
func (p *playout) settle(t codec.Tick, frame int64) {
	p.delay.retarget(frame)
	p.copies.pass()
	want := p.wanted(frame)
	if p.delay.n == 0 || want >= p.base {
		return
	}
	p.base -= (p.base - want + frame - 1) / frame * frame
	p.surplus = 0
	if t-p.shrunk < flapTicks && p.shrunk > 0 {
		p.hold = min(2*p.hold+flapHold, flapLongest)
	} else {
		p.hold = 0
	}
}

// catchUp plays what the network held up and then delivered at once, but for the head of it, which was concealed. The delay that this
// makes is drained afterwards: jitter does not ask for it.
func (p *playout) catchUp(t codec.Tick, frame int64) {
	if p.jumped || p.began == t || p.buffer.n == 0 {
		return
	}
	pos, first, waiting := p.position(t, frame), p.buffer.slots[0].at, int64(0)
	for i := 0; i < p.buffer.n && p.buffer.slots[i].end() <= pos; i++ {
		waiting += p.buffer.slots[i].length
	}
	switch {
	case waiting == 0:
	case waiting >= burstTicks*frame:
		p.base = first + burstSpared*frame - int64(t)*frame
		p.draining = true
	case p.missing >= concealTicks:
		// A single packet after a silence: its sender stopped its clock meanwhile.
		p.base = first - int64(t)*frame
		p.delay.reset()
		p.delay.note(p.base, t, false)
		p.delay.look(frame)
	}
}

// shrink raises the base again when packets have long come earlier than needed. It costs a frame, so it prefers a tick in which
// nothing is lost by it: one without a packet, or with silence in it. Only after a while it takes one of speech.
func (p *playout) shrink(set *settings, t codec.Tick, c *counters) {
	frame := int64(set.frame)
	excess := (p.wanted(frame) - p.base) / frame
	if excess < 1 {
		p.draining = false
	}
	if excess < 1 || p.owed > 0 || p.delay.n < retargetEvery {
		p.surplus = 0
		return
	}
	if p.surplus++; p.surplus < p.hold && !p.draining {
		return
	}
	pos := p.position(t, frame)
	if !p.due(pos + frame) {
		// Nothing is due: the next packet, if any, is simply played earlier.
		if p.buffer.n > 0 {
			excess = min(excess, (p.buffer.slots[0].at-pos)/frame)
		}
		p.raise(excess*frame, t)
		return
	}
	if p.surplus < p.patience(excess) && !quietPayload(set, p.buffer.slots[0].data) {
		return
	}
	if p.buffer.n < 2 || p.buffer.slots[1].at > p.buffer.slots[0].end() {
		return // nothing to go on with
	}
	left, n := p.buffer.slots[0].data, p.buffer.n
	p.raise(frame, t)
	if p.dropStale(set, pos+frame, &c.discarded); p.buffer.n == n-1 {
		p.before = left
	}
}

// patience is how many ticks a surplus waits for silence.
func (p *playout) patience(excess int64) int {
	switch {
	case p.draining:
		return drainPatience
	case excess > 1:
		return shrinkHurry
	}
	return shrinkPatience
}

// raise shortens the delay.
func (p *playout) raise(by int64, t codec.Tick) {
	p.base += by
	p.surplus, p.skipped = 0, true
	if !p.draining {
		p.shrunk = t
	}
}

package mixer

import "github.com/conclave/conclave/mixer/codec"

// bus is one distinct output signal of a room: the full bus, or the minus bus of a seat.
type bus struct {
	voices  int     // how many are heard on it; 0 is digital silence
	pcm     []int16 // what is heard on it, behind the limiter
	limiter limiter
	buffer  []int16             // of a minus bus: where pcm is made when it differs from the full bus
	own     [historyFrames]bool // of a minus bus: whether the seat itself was heard on the full bus in a step
	outlets []*outlet
}

// takeBus is a minus bus for a seat that enters the mix: until now it heard the full bus.
func (r *Room) takeBus() *bus {
	n := len(r.free)
	if n == 0 {
		return &bus{limiter: r.full.limiter}
	}
	b := r.free[n-1]
	r.free = r.free[:n-1]
	b.own, b.limiter = [historyFrames]bool{}, r.full.limiter
	for _, o := range b.outlets {
		o.step = 0 // whoever heard this encoder, even in the last step, was somebody else
	}
	return b
}

// turn begins a step of a minus bus.
func (b *bus) turn(r *Room, s *Seat) {
	heard := s.out != nil
	b.voices = r.full.voices
	b.own[r.steps%historyFrames] = heard
	if !heard {
		b.pcm, b.limiter = r.full.pcm, r.full.limiter
		return
	}
	if b.voices--; b.voices == 0 {
		b.limiter.rest()
		return
	}
	if b.buffer == nil {
		b.buffer = make([]int16, maxSamples)
	}
	b.pcm = b.buffer[:r.samples]
	b.subtract(r.sum, s.out)
}

// subtract makes the samples of a minus bus: the full bus before its limiter, which never saturated, without the seat's own voice.
// The seat's voice is used up: its buffer takes the difference.
func (b *bus) subtract(sum, own []int32) {
	own = own[:len(sum)]
	for i, v := range sum {
		own[i] = v - own[i]
	}
	b.limiter.limit(b.pcm, own)
}

// past is the frame that the listeners of the bus heard some steps ago. Where it was the seat's own voice that was left out, the
// samples are gone, and silence stands for them: never the full bus, which would let the listener hear himself.
func (b *bus) past(r *Room, ago int) []int16 {
	step := r.steps - uint64(ago)
	if b.own[step%historyFrames] {
		return r.history.zeros
	}
	return r.history.frame(step)
}

// quietBefore says whether the listeners of the bus heard silence in the last steps.
func (b *bus) quietBefore(r *Room) bool {
	for ago := uint64(1); ago <= primeFrames; ago++ {
		step := r.steps - ago
		if !b.own[step%historyFrames] && !r.history.silent[step%historyFrames] {
			return false
		}
	}
	return true
}

// outlet is the encoding of the bus in a format.
func (b *bus) outlet(f codec.Format, silence []byte) *outlet {
	for _, o := range b.outlets {
		if o.format == f {
			return o
		}
	}
	o := &outlet{format: f, silence: silence}
	b.outlets = append(b.outlets, o)
	return o
}

// prune lets go of the encoders that were not used for a while, and of the spare buses.
func (r *Room) prune() {
	r.full.prune(r.steps)
	for _, s := range r.mix {
		if s.bus != nil {
			s.bus.prune(r.steps)
		}
	}
	keep := min(len(r.free), spareBuses)
	clear(r.free[keep:])
	r.free = r.free[:keep]
}

func (b *bus) prune(step uint64) {
	kept := b.outlets[:0]
	for _, o := range b.outlets {
		if step-o.step < pruneEvery {
			kept = append(kept, o)
		}
	}
	clear(b.outlets[len(kept):])
	b.outlets = kept
}

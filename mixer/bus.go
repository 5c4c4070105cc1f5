package mixer

import "github.com/conclave/conclave/mixer/codec"

// bus is one distinct output signal of a room: the full bus, the aloud bus, or the minus bus of a seat.
type bus struct {
	voices  int     // how many are heard on it; 0 is digital silence
	pcm     []int16 // what is heard on it in this step, behind the limiter; it lies in history
	limiter limiter
	history history
	outlets []*outlet

	sole      *Seat  // whose voice alone is on the bus in this step; nil: several, or none
	soleSince uint64 // step since which nothing but that voice was on it, unchanged
}

func newBus(samples int) *bus {
	b := &bus{}
	b.history.reset(samples)
	return b
}

// giveBack keeps a minus bus for the next speaker; of who was heard on it nothing is kept.
func (r *Room) giveBack(b *bus) {
	b.sole = nil
	for _, o := range b.outlets {
		o.forwarding = forwarding{}
	}
	r.free = append(r.free, b)
}

// takeBus is a bus for a seat that enters the mix, or is told something; until now it heard another, or nothing.
func (r *Room) takeBus(heard *bus) *bus {
	var b *bus
	if n := len(r.free); n > 0 {
		b = r.free[n-1]
		r.free = r.free[:n-1]
	} else {
		b = newBus(r.samples)
	}
	b.begin(heard, r.steps)
	return b
}

// begin has a bus go on where its listeners heard another, or nothing. Of what they did not hear nothing may be in what its encoders are
// primed with.
func (b *bus) begin(heard *bus, step uint64) {
	for _, o := range b.outlets {
		o.step = 0 // whoever heard this encoder, even in the last step, was somebody else
	}
	if heard == nil {
		b.limiter.rest()
		for ago := uint64(1); ago <= primeFrames; ago++ {
			b.history.silence(step - ago)
		}
		return
	}
	b.limiter = heard.limiter
	for ago := uint64(1); ago <= primeFrames; ago++ {
		b.history.copyFrame(&heard.history, step-ago)
	}
	b.inherit(heard, step)
}

// fill makes what is heard on a bus: the sum of the voices behind a limiter.
func (b *bus) fill(step uint64, sum []int32, voices int) {
	b.voices = voices
	if voices == 0 {
		b.limiter.rest()
		b.pcm = b.history.silence(step)
		return
	}
	b.pcm = b.history.sound(step)
	b.limiter.limit(b.pcm, sum)
}

// turn begins a step of the bus of a seat: what the others say, and what it is told. Where that is all that who hears the common bus hears
// it is that bus.
func (b *bus) turn(r *Room, s *Seat, common *bus) {
	var heard []int32
	voices, sole := 0, (*Seat)(nil)
	switch {
	case common == nil:
	case common == &r.full && s.out != nil:
		if voices = r.full.voices - 1; voices > 0 {
			heard = s.out
			subtract(heard, r.sum)
		}
		sole = r.soleBut(s)
	case s.told.pcm == nil:
		b.voices, b.limiter = common.voices, common.limiter
		b.pcm = b.history.copyFrame(&common.history, r.steps)
		b.alone(r.steps, common.sole)
		return
	default:
		if voices = common.voices; voices > 0 {
			heard = r.voiceBuffer(len(r.mix))
			r.unlimited(heard, common)
		}
	}
	if s.told.pcm != nil {
		if voices == 0 {
			heard = r.voiceBuffer(len(r.mix))
		}
		r.add(heard, s.told, voices == 0)
		voices, sole = voices+1, nil
	}
	b.fill(r.steps, heard, voices)
	b.alone(r.steps, sole)
}

// unlimited writes what is on a common bus before its limiter.
func (r *Room) unlimited(sum []int32, common *bus) {
	if common == &r.full {
		copy(sum, r.sum)
		return
	}
	r.add(sum, r.told, true) // all that is ever on the aloud bus
}

// yields says whether a listener may change from this bus to another, or to silence, without his decoder noticing.
func (b *bus) yields(to *bus, step uint64) bool {
	if to == nil {
		return b.rests(step)
	}
	return b.merges(to, step)
}

// rests says whether nothing sounds on in the encoders of the bus.
func (b *bus) rests(step uint64) bool {
	for _, o := range b.outlets {
		if o.step == step-1 && !o.resting {
			return false
		}
	}
	return true
}

// soleBut is the seat whose voice alone is on the bus of another seat, or with nil on the full bus; nil when there are several, or none.
func (r *Room) soleBut(other *Seat) (sole *Seat) {
	if r.told.pcm != nil {
		return nil
	}
	for _, s := range r.mix {
		switch {
		case !s.heard || s == other:
		case sole != nil:
			return nil
		default:
			sole = s
		}
	}
	return sole
}

// subtract leaves the full bus before its limiter, which never saturated, without a voice: in the place of that voice, which is
// used up.
func subtract(own, sum []int32) {
	own = own[:len(sum)]
	for i, v := range sum {
		own[i] = v - own[i]
	}
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
	r.aloud.prune(r.steps)
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

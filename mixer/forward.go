package mixer

import "github.com/conclave/conclave/mixer/codec"

// forwarding is the part of an outlet that sends on what a speaker sent, where a bus holds nothing but that voice, unchanged: no
// encoding is cheaper and none sounds better. Every packet of an outlet has one length all the same (RFC 6562).
//
// A listener's decoder follows one encoder at a time, ours or the speaker's, and each has a past of its own. From theirs to ours: our
// encoder is made fresh and primed with what was heard, which is close to what the decoder remembers. From ours to theirs: only
// where the pasts agree, which is at rest, or in a lull, where the 2.5 ms that our encoder lags behind are not missed.
type forwarding struct {
	source *feed  // whose packet was sent in the last step; nil: one of ours
	celt   bool   // its mode: changing over from another the decoder forgets (as libopus does), and must not be primed for
	low    bool   // there was next to nothing in it
	turned uint64 // step of the last change between ours and theirs
}

// forwardable is the feed whose packet may take the place of an encoding of the bus in this step; nil: none.
func (o *outlet) forwardable(r *Room, b *bus, followed bool) *feed {
	s := b.sole
	if s == nil || !s.plain || b.limiter.lack > 0 || o.format.Codec != codec.Opus || o.format.Mode != codec.ModeCELT {
		return nil
	}
	f := s.heeded
	if followed && o.source == f {
		return f
	}
	alone := r.steps - max(b.soleSince, o.turned) // who often sends more than fits is not followed at every turn
	celt, _ := codec.Single(f.frame.Payload)
	switch {
	case followed && o.source != nil: // somebody else's
		return nil
	case o.resting && celt && f.wasQuiet: // both begin anew
		return f
	case s.lull >= lullTicks && alone >= forwardAfter, celt && alone >= forwardPatience:
		return f
	}
	return nil
}

// forward makes the packet of this step of what the sole speaker sent, if it fits.
func (o *outlet) forward(r *Room, f *feed, s *Seat, y *tally) bool {
	if o.buffer == nil {
		o.buffer = make([]byte, maxPacket)
	}
	p := codec.Repack(o.buffer[:0], f.frame.Payload, o.format.FrameSize())
	if p == nil {
		return false
	}
	if o.source != f {
		o.turned = r.steps
	}
	o.source, o.low = f, s.energy < speakOff
	o.celt, _ = codec.Single(p)
	o.primed, o.resting = false, false
	o.packed = codec.Packet{Payload: p}
	y.forwards++
	return true
}

// plainly says whether the voice of a seat is heard on the full bus just as it came: one frame that decoded, at gain 0. One that fades
// because it has fallen silent is not worth a change.
func (s *Seat) plainly(target int32) bool {
	f := s.heeded
	if f == nil || s.spoilt || s.sewn || f.frame.Kind != codec.Voice || f.frame.Skipped || f.format.Codec != codec.Opus || s.gain.Load() != unity ||
		s.gainNow != unity || target != unity && s.energy >= speakOff {
		return false
	}
	_, ok := codec.Single(f.frame.Payload)
	return ok
}

// alone notes whose voice alone is on the bus in this step, and since when without a break.
func (b *bus) alone(step uint64, s *Seat) {
	if s == nil || s != b.sole || !s.plain || b.limiter.lack > 0 {
		b.soleSince = step
	}
	b.sole = s
}

// inherit lets the outlets of a bus that is begun by a seat go on with what is being forwarded on the bus that it heard.
func (b *bus) inherit(from *bus, step uint64) {
	b.sole, b.soleSince = from.sole, from.soleSince
	for _, was := range from.outlets {
		if was.source == nil || was.step == 0 || step-was.step > 1 {
			continue
		}
		o := b.outlet(was.format, was.silence)
		o.step, o.forwarding, o.primed, o.resting = step-1, was.forwarding, false, false
	}
}

// merges says whether a listener may change from this bus to another without his decoder noticing: both send on the same packets, or
// both have encoded the same for a while.
func (b *bus) merges(to *bus, step uint64) bool {
	for _, o := range b.outlets {
		if o.step != step-1 {
			continue
		}
		other := to.outlet(o.format, o.silence)
		active := other.step != 0 && other.step == step-1
		switch {
		case active && other.source != o.source:
			return false
		case !active && o.source != nil: // nobody hears that one: it goes on with ours
			other.step, other.forwarding, other.primed, other.resting = step-1, o.forwarding, false, false
		case o.source == nil && step-max(o.turned, other.turned) < minusHang:
			return false
		}
	}
	return true
}

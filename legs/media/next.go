package media

import (
	"sync/atomic"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// Ahead reads a word of each cache line of the stream's own that Next and Send mostly need; those of the SRTP library it cannot reach. With hundreds of legs to a core none is in the cache any
// more, and the processor fetches side by side what is asked for in a row, but waits for each where one thing leads to another, or a system call
// comes in between. Tick worker only.
func (s *Stream) Ahead() {
	sum := uint64(s.tick) + uint64(s.stations.n) + uint64(s.format.Rate) + uint64(s.source.highest) + uint64(s.source.jitterNS) + uint64(s.out.octets) +
		s.keys.now + uint64(s.peer.ssrc) + s.peer.index + uint64(s.peer.rtp.length) + uint64(s.play.played) + uint64(s.play.missing) +
		uint64(s.play.buffer.n) + uint64(s.play.buffer.took) + uint64(s.play.delay.target) + uint64(s.report.due) + uint64(s.rtpHeader.Version) +
		uint64(len(s.rtpHeader.Extensions)) + s.counters.packetsSent.Load() + uint64(s.counters.jitterUS.Load()) + uint64(s.ssrc)
	if len(s.out.packet) > 0 {
		sum += uint64(s.out.packet[0])
	}
	if s.keys.n > 0 {
		sum += s.keys.alive[0].index
	}
	if s.set != nil {
		sum += uint64(s.set.PT)
	}
	if here := s.stations.here; here != nil {
		sum += uint64(here.rtp.port)
	}
	s.ahead = sum
}

// Next drains the sockets and returns the frame due at tick t. Ticks are the mixer's 20 ms ticks, in order; missing ones are skipped
// in the audio too. It never blocks. Tick worker only.
func (s *Stream) Next(t codec.Tick) codec.Frame {
	if s.closed.Load() {
		return codec.Frame{}
	}
	s.begin(t)
	s.drainAll(t)
	return s.due(t)
}

// begin opens tick t: what was posted takes effect, and what is received from now on belongs to it.
func (s *Stream) begin(t codec.Tick) {
	s.play.buffer.reclaim()
	s.apply()
	if s.keys.now++; s.keys.n > 1 {
		s.expire()
	}
	// What piled up while nobody looked says nothing about the network.
	s.play.jumped = !s.ticked || t != s.tick+1
	s.tick, s.ticked = t, true
	s.peer.trials = 0
	s.play.found = 0
}

// due is the frame of tick t, once everything that has come was received.
func (s *Stream) due(t codec.Tick) codec.Frame {
	s.reportDue(t)
	if s.set == nil || !s.set.Receive {
		return codec.Frame{}
	}
	return s.play.next(s.set, t, &s.counters)
}

// PlayedArrival is when the packet came whose frame Next returned last, by the kernel's clock; the zero time before the first.
// Callers that measure delay ask it. Tick worker only.
func (s *Stream) PlayedArrival() time.Time {
	if s.play.buffer.took == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.play.buffer.took)
}

// next is the frame of tick t.
func (p *playout) next(set *settings, t codec.Tick, c *counters) codec.Frame {
	if !p.running {
		return codec.Frame{}
	}
	frame := int64(set.frame)
	p.settle(t, frame)
	p.catchUp(t, frame)
	p.shrink(set, t, c)
	pos := p.position(t, frame)
	p.dropStale(set, pos, &c.late)
	if pos < p.played && p.owed == 0 && (set.sampleSize > 0 || !p.due(pos+frame)) {
		// The base was lowered: this time was played before. The decoder stretches.
		c.concealed.Add(1)
		return codec.Frame{Kind: codec.Lost}
	}
	if p.due(pos + frame) {
		f := p.frameAt(set, pos)
		if p.skipped {
			f.Skipped, f.Before = true, p.before
			p.skipped, p.before = false, nil
		}
		p.gap(set, f.Payload)
		p.spoke(set.sampleSize == 0 && len(f.Payload) <= lastBeforeDTX)
		return f
	}
	if p.owed > 0 {
		p.owed = max(p.owed-frame, 0)
		p.missing = 0
		return codec.Frame{Kind: codec.Held}
	}
	return p.absent(set, pos, c)
}

// frameAt is what the buffer holds for the tick at pos.
func (p *playout) frameAt(set *settings, pos int64) codec.Frame {
	if set.sampleSize > 0 {
		return p.samples(set, pos)
	}
	return p.opus(pos, int64(set.frame))
}

// due says whether the oldest packet begins before limit.
func (p *playout) due(limit int64) bool { return p.buffer.n > 0 && p.buffer.slots[0].at < limit }

// dropStale throws away what is before pos, and counts it.
func (p *playout) dropStale(set *settings, pos int64, count *atomic.Uint64) {
	for p.buffer.n > 0 && p.tooLate(set, p.buffer.slots[0].at, p.buffer.slots[0].length, pos) {
		p.buffer.take(1)
		count.Add(1)
	}
}

// absent answers a tick for which there is no packet: a loss to conceal, with the packet after it where it has come, or silence when
// the sender pauses or is gone.
func (p *playout) absent(set *settings, pos int64, c *counters) codec.Frame {
	frame := int64(set.frame)
	p.missing++
	p.copied, p.before = false, nil
	if p.pausing(pos+frame) || p.missing > concealTicks {
		return codec.Frame{}
	}
	c.concealed.Add(1)
	f := codec.Frame{Kind: codec.Lost}
	if p.due(pos + 2*frame) {
		f.Next = p.buffer.slots[0].data
		p.copied = true
		if p.copies.wait && set.sampleSize == 0 && codec.Redundant(f.Next) {
			p.copies.worth(copyWorth)
		}
	}
	return f
}

// gap looks at what is played after a gap: whether it held a copy of the last frame lost, which would have been heard one tick later.
func (p *playout) gap(set *settings, payload []byte) {
	if p.missing == 0 || p.missing > concealTicks || p.copied || p.paused || set.sampleSize > 0 {
		return
	}
	if codec.Redundant(payload) {
		p.copies.worth(copyWorth)
	}
}

// quietPayload is a cheap guess that a payload holds silence; false when it cannot tell.
func quietPayload(set *settings, payload []byte) bool {
	const stride = 8 // one sample in so many is looked at
	switch set.format.Codec {
	case codec.Opus:
		return codec.Detect(set.format, payload) == codec.Quiet
	case codec.PCMU: // the two lowest segments: below -42 dBFS
		for i := 0; i < len(payload); i += stride {
			if ^payload[i]&0x60 != 0 {
				return false
			}
		}
	case codec.PCMA: // the lowest segment: below -42 dBFS
		for i := 0; i < len(payload); i += stride {
			if (payload[i]^0x55)&0x70 != 0 {
				return false
			}
		}
	case codec.L16:
		for i := 0; i+1 < len(payload); i += 2 * stride {
			if v := int16(uint16(payload[i])<<8 | uint16(payload[i+1])); v > 256 || v < -256 {
				return false
			}
		}
	}
	return true
}

package mixer

import "github.com/conclave/conclave/mixer/codec"

// step is one tick of the room, by the worker that has it. It says whether the room goes on.
func (r *Room) step(t Tick) bool {
	if !r.empty() {
		return false
	}
	if !r.mixing {
		r.drain(t)
		return true
	}
	r.steps++
	if r.stale || r.highFor > 0 {
		r.judgeRate()
	}
	r.receive(t)
	r.choose()
	r.sumUp()
	r.send(t)
	if r.steps%pruneEvery == 0 {
		r.prune()
	}
	r.pool.count.add(&r.tally)
	return true
}

// judgeRate brings the mix rate to the highest that a port needs: up at once, down after it was not needed for a while.
func (r *Room) judgeRate() {
	r.stale = false
	needed := codec.Format{}.NeededRate()
	for _, s := range r.seats {
		for _, f := range s.feeds {
			if format := f.port.Format(); format.Validate() == nil {
				needed = max(needed, format.NeededRate())
			}
		}
	}
	switch {
	case needed > r.rate, needed < r.rate && r.highFor >= rateHold:
		r.setRate(needed)
	case needed < r.rate:
		r.highFor++
	default:
		r.highFor = 0
	}
}

// setRate changes the mix rate. All codecs start afresh, each when it is next needed.
func (r *Room) setRate(hz int) {
	r.rate, r.samples, r.highFor = hz, hz/50, 0
	r.sum = make([]int32, r.samples)
	r.history.reset(r.samples)
	r.full = bus{}
	r.free = nil
	for _, s := range r.seats {
		for _, f := range s.feeds {
			f.decoder, f.open = nil, false
		}
		if s.bus != nil {
			s.bus = &bus{}
		}
	}
}

// sumUp makes the full bus: the voices of the mix with their gains, summed without saturation, behind a limiter.
func (r *Room) sumUp() {
	voices := 0
	for i, s := range r.mix {
		s.out = nil
		target := s.gain.Load()
		if s.fading {
			target = 0
		}
		if s.fresh {
			s.out = r.voiceBuffer(i)
			amplify(s.out, s.pcm[:r.samples], s.gainNow, target)
			accumulate(r.sum, s.out, voices == 0)
			voices++
		}
		s.gainNow = target
	}
	r.full.voices = voices
	if voices == 0 {
		r.full.limiter.rest()
		r.full.pcm = r.history.silence(r.steps)
		return
	}
	r.full.pcm = r.history.sound(r.steps)
	r.full.limiter.limit(r.full.pcm, r.sum)
}

// voiceBuffer is the buffer for the voice at a place in the mix.
func (r *Room) voiceBuffer(i int) []int32 {
	for len(r.voices) <= i {
		r.voices = append(r.voices, make([]int32, maxSamples))
	}
	return r.voices[i][:r.samples]
}

// amplify writes pcm times a gain that goes evenly from one value to another over the frame.
func amplify(out []int32, pcm []int16, from, to int32) {
	out = out[:len(pcm)]
	switch {
	case from == unity && to == unity:
		for i, v := range pcm {
			out[i] = int32(v)
		}
	case from == to:
		for i, v := range pcm {
			out[i] = int32(v) * to / unity
		}
	default:
		n, d := int64(len(pcm)), int64(to)-int64(from)
		for i, v := range pcm {
			g := int64(from) + d*int64(i+1)/n
			out[i] = int32(int64(v) * g / unity)
		}
	}
}

// accumulate adds a voice to the sum, or begins the sum with it.
func accumulate(sum, voice []int32, first bool) {
	if first {
		copy(sum, voice)
		return
	}
	voice = voice[:len(sum)]
	for i := range sum {
		sum[i] += voice[i]
	}
}

// send hands every port the encoding of the bus that its seat hears.
func (r *Room) send(t Tick) {
	for _, s := range r.seats {
		b := &r.full
		if s.bus != nil {
			b = r.minus(s)
		}
		deaf := s.deaf.Load()
		for _, f := range s.feeds {
			if f.silence == nil {
				continue
			}
			r.tally.sent++
			if deaf {
				f.port.Send(t, codec.Packet{Payload: f.silence, Silent: true})
				continue
			}
			f.port.Send(t, b.outlet(f.format, f.silence).packet(r, b))
		}
	}
}

// minus brings the seat's own bus up to this step, or takes it away when the hangover after leaving the mix is over.
func (r *Room) minus(s *Seat) *bus {
	if !s.inMix && r.steps-s.left >= minusHang {
		r.free = append(r.free, s.bus)
		s.bus = nil
		return &r.full
	}
	b := s.bus
	b.turn(r, s)
	return b
}

package mixer

import "github.com/conclave/conclave/mixer/codec"

// step is one tick of the room, by the worker that has it. It says whether the room goes on.
func (r *Room) step(t Tick) bool {
	if !r.empty() {
		return false
	}
	if r.sleep() {
		return true
	}
	r.begin(t)
	if !r.stage(stageReceive, len(r.seats)) {
		return false
	}
	if r.mixing {
		r.steps++
		if !r.mixDown() {
			return false
		}
		if r.steps%pruneEvery == 0 {
			r.prune()
		}
	}
	r.pool.count.add(&r.tally)
	return true
}

// mixDown makes what everybody hears of what was received. It says whether the room goes on.
func (r *Room) mixDown() bool {
	r.gather()
	if !r.stage(stageDecode, len(r.heeded)) {
		return false
	}
	r.listen()
	r.choose()
	r.tell()
	r.sumUp()
	r.route()
	r.lap(stageMix)
	return r.stage(stageEncode, len(r.jobs)) && r.stage(stageSend, len(r.seats))
}

// gather collects what the ports changed, and the seats whose frames are decoded.
func (r *Room) gather() {
	r.heeded = r.heeded[:0]
	for _, s := range r.seats {
		if s.stale {
			s.stale, r.stale = false, true
		}
		if s.heeded != nil || s.parting != nil {
			r.heeded = append(r.heeded, s)
		}
	}
	if r.stale || r.highFor > 0 {
		r.judgeRate()
	}
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
	r.sum, r.aside = make([]int32, r.samples), make([]int32, r.samples)
	r.full = bus{}
	r.full.history.reset(r.samples)
	r.aloud.reset(r.samples)
	r.free = nil
	for _, s := range r.seats {
		for _, f := range s.feeds {
			f.decoder, f.open = nil, false
		}
		if s.parting != nil {
			s.parting.decoder = nil
		}
		if s.bus != nil {
			s.bus = newBus(r.samples)
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
		s.heard, s.plain = s.fresh, s.plainly(target)
		if s.fresh {
			s.out = r.voiceBuffer(i)
			amplify(s.out, s.pcm[:r.samples], s.gainNow, target)
			accumulate(r.sum, s.out, voices == 0)
			voices++
			s.gainNow = target // what is not heard has not faded in
		}
	}
	if r.told.pcm != nil {
		r.add(r.sum, r.told, voices == 0)
		voices++
	}
	r.full.fill(r.steps, r.sum, voices)
	r.full.alone(r.steps, r.soleBut(nil))
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

// route brings the minus buses up to this step, and finds for every port the outlet of the bus that its seat hears. Those that somebody
// hears are the jobs of the next stage.
func (r *Room) route() {
	r.jobs = r.jobs[:0]
	for _, s := range r.seats {
		b := r.heardBy(s)
		for _, f := range s.feeds {
			f.outlet = nil
			if f.silence == nil || b == nil {
				continue
			}
			f.outlet = b.outlet(f.format, f.silence)
			if !f.outlet.due {
				f.outlet.due = true
				r.jobs = append(r.jobs, job{b, f.outlet})
			}
		}
	}
}

// heardBy is the bus that a seat hears, up to date; nil where it hears nothing. When the hangover after leaving the mix, or after what it
// was told, is over its own bus is taken away.
func (r *Room) heardBy(s *Seat) *bus {
	common, told := r.common(s), s.told.pcm != nil
	switch {
	case s.bus == nil:
		return common
	case !s.inMix && !told && r.steps-s.left >= minusHang && s.bus.yields(common, r.steps):
		r.giveBack(s.bus)
		s.bus = nil
		return common
	}
	s.bus.turn(r, s, common)
	if told {
		s.told, s.left = saying{}, r.steps+1
	}
	return s.bus
}

// send hands every port of the seat its packet of this step.
func (s *Seat) send(t Tick, y *tally) {
	for _, f := range s.feeds {
		switch {
		case f.silence == nil:
			continue
		case f.outlet == nil:
			f.port.Send(t, codec.Packet{Payload: f.silence, Silent: true})
		default:
			f.port.Send(t, f.outlet.packed)
		}
		y.sent++
	}
}

package mixer

import "slices"

// place is the half of a seat that is in the mix or not.
type place struct {
	inMix   bool    // its voice is in the full bus
	fading  bool    // its voice goes to zero within this tick, and it leaves the mix at the next
	since   uint64  // step in which it entered
	left    uint64  // first step in which it was out again
	gainNow int32   // gain at the end of the last tick, fixed point
	out     []int32 // its voice in the full bus in this tick; nil when it adds nothing
	heard   bool    // it adds something
	plain   bool    // just as it came
	bus     *bus    // what its ports hear in place of the bus that is common to all; nil while they hear that
	told    saying  // what it alone is told in this tick
}

// choose decides who is in the mix: the loudest that speak, where those who are in have the advantage.
func (r *Room) choose() {
	r.dropFaded()
	room := r.pool.shedTo(r.loudest)
	for _, s := range r.mix {
		if s.fading = !s.talking; !s.fading {
			room--
		}
	}
	for ; room < 0; room++ {
		r.quietest().fading = true
	}
	for late := 0; room > 0 && late < lateEntries && len(r.waitlist) > 0; room-- {
		s := r.takeLoudest()
		if s.passed {
			late++
		}
		r.enter(s)
	}
	if len(r.waitlist) > 0 {
		r.displace()
	}
}

// dropFaded removes those whose voice faded out in the last tick.
func (r *Room) dropFaded() {
	kept := r.mix[:0]
	for _, s := range r.mix {
		if s.fading {
			s.inMix, s.fading, s.left, s.out = false, false, r.steps, nil
			continue
		}
		kept = append(kept, s)
	}
	clear(r.mix[len(kept):])
	r.mix = kept
}

// displace gives the place of the quietest in the mix to the loudest that waits, if that is louder by a clear margin and the
// other had its say. One change a tick is enough.
func (r *Room) displace() {
	out := r.quietest()
	if out == nil || r.steps-out.since < minimumStay {
		return
	}
	in := r.takeLoudest()
	if in.envelope < out.envelope*displaceRatio {
		return
	}
	out.fading = true
	r.enter(in)
}

// quietest is the quietest seat in the mix that is not leaving it, or nil.
func (r *Room) quietest() *Seat {
	var best *Seat
	for _, s := range r.mix {
		if !s.fading && (best == nil || s.envelope < best.envelope) {
			best = s
		}
	}
	return best
}

// takeLoudest takes the loudest seat off the list of those that wait; of equals the one that joined first.
func (r *Room) takeLoudest() *Seat {
	best := 0
	for i, s := range r.waitlist {
		if s.envelope > r.waitlist[best].envelope {
			best = i
		}
	}
	s := r.waitlist[best]
	r.waitlist = slices.Delete(r.waitlist, best, best+1)
	return s
}

// enter puts a seat into the mix and on a minus bus of its own. A voice that is in the middle of speaking fades in.
func (r *Room) enter(s *Seat) {
	if s.passed { // a voice too many in this tick is cheaper than all of them in each
		s.passed, s.heeded = false, s.voice
		s.awake, s.denied = decodeHang, 0
		s.voice.warm.recall()
		s.decode(r, &r.tally)
	}
	s.inMix, s.fading, s.since = true, false, r.steps
	s.gainNow = 0
	if s.onset {
		s.gainNow = s.gain.Load()
	}
	if s.bus == nil {
		s.bus = r.takeBus(r.common(s))
	}
	r.mix = append(r.mix, s)
}

// dismiss takes a seat that leaves the room out of the mix at once.
func (r *Room) dismiss(s *Seat) {
	if i := slices.Index(r.mix, s); i >= 0 {
		r.mix = slices.Delete(r.mix, i, i+1)
	}
	if s.bus != nil {
		r.giveBack(s.bus)
	}
	r.pool.legs.Add(-int64(len(s.feeds)))
	s.announcer.stop()
	s.place, s.hearing, s.handover = place{}, hearing{}, handover{}
	s.hush()
}

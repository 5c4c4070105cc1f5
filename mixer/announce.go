package mixer

import "slices"

// announcer plays clips one after the other, into what one seat hears or into the whole room. It belongs to the worker of the tick.
type announcer struct {
	clips [maxClips]*Clip
	over  [maxClips]chan struct{} // closed when that clip is over; nil: nobody waits for it
	all   [maxClips]bool          // said to who is deaf too
	n     int
	at    int  // frames of the first clip that were played
	cut   bool // the first clip goes down within one frame, and is over
}

// saying is what an announcer says in one step; without pcm it says nothing.
type saying struct {
	pcm []int16
	to  int32 // gain at the end of the frame: unity, or 0 where it was cut
	all bool  // to who is deaf too
}

// play puts clips behind those that wait, or in their place: then they are for all. What has no room is left out. over is closed when the
// last of them is over.
func (a *announcer) play(clips []*Clip, replace bool, over chan struct{}) {
	if replace && a.n > 0 {
		keep := 0
		if a.cut = a.at > 0; a.cut {
			keep = 1
		}
		a.drop(keep)
	}
	clips = clips[:min(len(clips), maxClips-a.n)]
	for _, c := range clips {
		a.clips[a.n], a.over[a.n], a.all[a.n] = c, nil, replace
		a.n++
	}
	if len(clips) == 0 {
		close(over)
		return
	}
	a.over[a.n-1] = over
}

// drop takes away all clips but so many.
func (a *announcer) drop(keep int) {
	for i := keep; i < a.n; i++ {
		if a.over[i] != nil {
			close(a.over[i])
		}
		a.clips[i], a.over[i] = nil, nil
	}
	a.n = keep
}

// stop ends everything at once.
func (a *announcer) stop() {
	a.drop(0)
	a.at, a.cut = 0, false
}

// next is what is said in this step.
func (a *announcer) next(rate int) (s saying) {
	if a.n == 0 {
		return s
	}
	s = saying{a.clips[0].frame(a.at, rate), unity, a.all[0]}
	if a.cut {
		s.to = 0
	}
	if a.at++; a.cut || a.at >= a.clips[0].frames {
		a.shift()
	}
	return s
}

// shift ends the first clip.
func (a *announcer) shift() {
	if a.over[0] != nil {
		close(a.over[0])
	}
	a.n--
	copy(a.clips[:], a.clips[1:])
	copy(a.over[:], a.over[1:])
	copy(a.all[:], a.all[1:])
	a.clips[a.n], a.over[a.n] = nil, nil
	a.at, a.cut = 0, false
}

// Play plays clips into what the seat hears, and nobody else, from the next tick on, in the place of those that play there. Who is
// deaf hears them and nothing else. The channel is closed once they are over: played, replaced, or of no use any more. No clips end
// those that play.
func (s *Seat) Play(clips ...*Clip) <-chan struct{} {
	over := make(chan struct{})
	s.room.post(command{verb: verbPlay, seat: s, clips: slices.Clone(clips), first: true, done: over})
	return over
}

// Announce plays clips to the whole room, but for those who are deaf, behind those that play there. A few wait; what has no room is left
// out. The channel is closed once they are over.
func (r *Room) Announce(clips ...*Clip) <-chan struct{} {
	over := make(chan struct{})
	r.post(command{verb: verbPlay, clips: slices.Clone(clips), done: over})
	return over
}

// Interrupt is Announce for what must not be left out: it takes the place of the clips that play there, and wait, and who is deaf hears it
// too. Only those who are apart do not.
func (r *Room) Interrupt(clips ...*Clip) <-chan struct{} {
	over := make(chan struct{})
	r.post(command{verb: verbPlay, clips: slices.Clone(clips), first: true, done: over})
	return over
}

// start carries out a verbPlay. Its done belongs to the announcer from then on.
func (r *Room) start(c command, there bool) {
	switch {
	case !r.mixing:
		close(c.done)
	case c.seat == nil:
		r.announcer.play(c.clips, c.first, c.done)
	case !there:
		close(c.done)
	default:
		c.seat.announcer.play(c.clips, c.first, c.done)
		r.recount()
	}
}

// recount counts the seats that something is said to, so that where it is none they need not be looked at.
func (r *Room) recount() {
	r.telling = 0
	for _, s := range r.seats {
		if s.announcer.n > 0 {
			r.telling++
		}
	}
}

// tell finds out what is said in this step to the room and to single seats. Such a seat hears a bus of its own, as one in the mix does.
func (r *Room) tell() {
	r.told = r.announcer.next(r.rate)
	r.speakUp()
	if r.telling == 0 {
		return
	}
	for _, s := range r.seats {
		if s.announcer.n == 0 {
			continue
		}
		if s.told = s.announcer.next(r.rate); s.announcer.n == 0 {
			r.telling--
		}
		if s.bus == nil && s.told.pcm != nil {
			s.bus = r.takeBus(r.common(s))
		}
	}
}

// add adds a voice of an announcer to a sum, or begins the sum with it.
func (r *Room) add(sum []int32, what saying, first bool) {
	if first {
		amplify(sum, what.pcm, unity, what.to)
		return
	}
	amplify(r.aside[:r.samples], what.pcm, unity, what.to)
	accumulate(sum, r.aside[:r.samples], false)
}

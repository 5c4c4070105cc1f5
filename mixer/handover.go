package mixer

import (
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// handover is the part of a seat that knows which of its feeds speaks for it. During a move it has two: the old one is heard until the
// first frame of voice of the new one plays, and from that tick on only the new one is. It belongs to the worker of the tick.
type handover struct {
	voice    *feed // the feed that speaks for the seat
	parting  *feed // the one that spoke before, whose sound ends in this tick; nil: it made none
	turned   bool  // no voice of the feed that speaks now was decoded yet
	sewn     bool  // what the seat says in this tick is not only what one feed decoded to
	attached int   // feeds so far, which numbers them
	spoke    int   // number of the feed that a frame was played of last; 0: none yet
	spokeAt  Tick  // when that was
}

// elect lets a feed speak for the seat: the first one, and after it any that was attached later, from its first frame of voice.
func (s *Seat) elect(f *feed) {
	switch {
	case s.voice == nil:
		s.voice = f
	case f.number > s.voice.number && f.frame.Kind == codec.Voice && f.silence != nil:
		s.turnTo(f)
	}
}

// turnTo lets a feed, or none, speak for the seat in the place of the one that did.
func (s *Seat) turnTo(f *feed) {
	if s.voice.open {
		s.parting = s.voice
	}
	s.voice, s.turned = f, true
}

// follow notes when frames of which feed are played, and what was missing where that changes.
func (s *Seat) follow(t Tick) {
	if s.voice == nil || s.voice.frame.Kind != codec.Voice && s.voice.frame.Kind != codec.Held {
		return
	}
	if s.spoke != 0 && s.spoke != s.voice.number {
		s.gap.Store(int64(t - s.spokeAt))
		select {
		case s.turns <- struct{}{}:
		default: // nobody took the last one
		}
	}
	s.spoke, s.spokeAt = s.voice.number, t
}

// attend heeds the feed that speaks for the seat, unless nobody may hear it, and ends the sound of the others.
func (s *Seat) attend(r *Room) {
	pcm, silenced := s.pcm[:min(len(s.pcm), r.samples)], s.hushed && !s.inMix
	if silenced && s.parting != nil {
		s.parting.rest(pcm)
		s.parting = nil
	}
	for _, f := range s.feeds {
		switch {
		case f == s.parting:
		case f == s.voice && f.silence != nil && !silenced:
			s.heed(f, r)
		default:
			f.rest(pcm)
		}
	}
}

// seam joins what the seat says through another feed than before to what it said: for a few milliseconds the new sound comes up while
// what the old decoder makes up goes down. No frame of the old feed is heard any more.
func (s *Seat) seam(pcm []int16) {
	n := len(pcm) * int(seamLength) / int(tickLength)
	var end []int16
	if s.parting != nil {
		end = make([]int16, len(pcm)) // once in a move
		s.parting.rest(end)
	}
	for i := range n {
		x := (float32(i) + 0.5) / float32(n)
		up := x * x * (3 - 2*x) // level at both ends: decoders begin with a step of their own after their delay
		v := up * float32(pcm[i])
		if end != nil {
			v += (1 - up) * float32(end[i])
		}
		pcm[i] = int16(v)
	}
	s.turned, s.sewn = s.heeded.frame.Kind != codec.Voice, true
}

// Turned receives when another port than before speaks for the seat, and Handover tells of it. One turn is kept for whoever comes late.
func (s *Seat) Turned() <-chan struct{} { return s.turns }

// Handover is how much of the seat was missing when another port began to speak for it: the ticks between the last frame of the old
// port and the first one of the new. ok is false while that has not happened since the last Attach. A sender that pauses (DTX) at
// that moment makes it longer, although nothing is missed.
func (s *Seat) Handover() (gap time.Duration, ok bool) {
	ticks := s.gap.Load()
	return time.Duration(max(ticks-1, 0)) * tickLength, ticks > 0
}

package mixer

import (
	"math"

	"github.com/conclave/conclave/mixer/codec"
)

// hearing is the half of a seat that listens to its ports.
type hearing struct {
	feeds    []*feed
	voice    *feed   // the feed that speaks for the seat
	pcm      []int16 // the frame decoded last; made when the seat first speaks
	fresh    bool    // pcm holds sound of this tick
	energy   float32 // mean square of this tick's frame
	envelope float32 // falling maximum of energy times gain, which ranks speakers
	talking  bool
	onset    bool // talking since this very tick
	hang     int  // quiet ticks until talking ends
	awake    int  // ticks for which frames are decoded although they seem quiet
	denied   int  // ticks since the last probe of frames that the sender calls unvoiced
}

// drain takes the due frames off the ports and drops them: the lobby.
func (r *Room) drain(t Tick) {
	for _, s := range r.seats {
		for _, f := range s.feeds {
			f.port.Next(t)
		}
	}
}

// receive takes the due frame off every port, decodes where somebody may be heard, and notes who speaks.
func (r *Room) receive(t Tick) {
	r.waitlist = r.waitlist[:0]
	for _, s := range r.seats {
		s.fresh, s.energy, s.onset = false, 0, false
		muted, doubt := s.muted.Load(), unknown
		for i, f := range s.feeds {
			frame := f.port.Next(t)
			// Asked after Next: a port changes its format in Next, and the frame is of the new one already.
			if now := f.port.Format(); now != f.format {
				f.reformat(now, r.pool.silences.of(now))
				r.stale = true
			}
			if !s.elect(f, i, frame.Kind) || f.silence == nil || muted && !s.inMix {
				f.rest(s.pcm[:min(len(s.pcm), r.samples)])
				continue
			}
			doubt = r.listen(s, f, frame)
		}
		if muted {
			s.hush()
			continue
		}
		s.judge(doubt)
		if s.talking && (!s.inMix || s.fading) {
			r.waitlist = append(r.waitlist, s)
		}
	}
}

// listen decodes the frame of the feed that speaks for the seat if there may be something in it.
func (r *Room) listen(s *Seat, f *feed, frame codec.Frame) activity {
	doubt := unknown
	if frame.Kind == codec.Voice {
		doubt = assess(f.format, frame.Payload)
	}
	if s.pcm == nil {
		s.pcm = make([]int16, maxSamples)
	}
	pcm := s.pcm[:r.samples]
	if !s.wants(f, frame.Kind, doubt) {
		f.rest(pcm)
		if doubt == unvoiced {
			f.warm.keep(frame.Payload)
		}
		return doubt
	}
	f.open = frame.Kind != codec.Silent
	if f.decoder == nil && !r.furnish(s, f) {
		return doubt
	}
	f.warm.play(f.decoder, pcm)
	r.tally.decodes++
	if err := f.decoder.Decode(frame, pcm); err != nil {
		r.tally.spoilt++ // pcm holds the codec's concealment
	}
	s.energy = meanSquare(pcm)
	s.fresh = s.energy > 0
	return doubt
}

// wants decides whether a frame is decoded, and keeps the hangovers of that decision.
func (s *Seat) wants(f *feed, k codec.Kind, a activity) bool {
	switch {
	case k == codec.Silent:
		s.awake = max(0, s.awake-1)
		return f.open // the decoder fades out what it said last
	case k == codec.Held:
		return f.open
	case k == codec.Lost:
		s.awake = max(0, s.awake-1)
		return s.awake > 0
	case a == unknown || a == voiced:
		s.awake, s.denied = decodeHang, 0
	default:
		s.awake = max(0, s.awake-1)
		s.denied++
	}
	if a == unvoiced && s.denied >= probeEvery {
		s.denied = 0
		return true
	}
	return s.awake > 0
}

// furnish makes the decoder of a feed.
func (r *Room) furnish(s *Seat, f *feed) bool {
	if f.broken {
		return false
	}
	d, err := codec.NewDecoder(f.format, r.rate)
	if err != nil {
		f.broken = true
		r.tally.spoilt++
		r.pool.log.Error("no decoder", "room", r.name, "codec", f.format.Codec.String(), "error", err)
		return false
	}
	f.decoder = d
	return true
}

// judge decides from the level whether the seat speaks, with hysteresis, and publishes it.
func (s *Seat) judge(a activity) {
	on := float32(speakOn)
	if a == unvoiced {
		on = speakUnvoiced
	}
	was := s.talking
	switch {
	case s.energy >= on:
		s.talking, s.hang = true, speakHang
	case s.energy < speakOff && s.talking:
		s.hang--
		s.talking = s.hang > 0
	}
	s.onset = s.talking && !was
	g := float32(s.gain.Load()) / unity
	s.envelope = max(s.energy*g*g, s.envelope*envelopeDecay)
	s.publish()
}

// hush makes the seat one that does not speak.
func (s *Seat) hush() {
	s.talking, s.hang, s.awake, s.envelope = false, 0, 0, 0
	s.publish()
}

// publish stores what other goroutines may read; unchanged values are not stored again, to leave their cache lines alone.
func (s *Seat) publish() {
	if s.talking != s.speaking.Load() {
		s.speaking.Store(s.talking)
	}
	if bits := math.Float32bits(s.energy); bits != s.level.Load() {
		s.level.Store(bits)
	}
	if s.talking {
		s.talked.Add(1)
	}
}

// meanSquare is the power of a frame. Four sums hide the latency of the additions.
func meanSquare(pcm []int16) float32 {
	var a, b, c, d int64
	n := len(pcm)
	for ; len(pcm) >= 4; pcm = pcm[4:] {
		w, x, y, z := int64(pcm[0]), int64(pcm[1]), int64(pcm[2]), int64(pcm[3])
		a += w * w
		b += x * x
		c += y * y
		d += z * z
	}
	return float32(a+b+c+d) / float32(max(1, n))
}

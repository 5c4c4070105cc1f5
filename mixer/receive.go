package mixer

import (
	"math"

	"github.com/conclave/conclave/mixer/codec"
)

// hearing is the half of a seat that listens to its ports.
type hearing struct {
	feeds    []*feed
	pcm      []int16  // the frame decoded last; made when the seat first speaks
	heeded   *feed    // the feed whose frame is decoded in this tick, if any
	doubt    activity // what the frame of this tick tells without being decoded
	passed   bool     // it was not decoded, since it told how loud it is and nobody hears the seat
	hushed   bool     // muted, in this tick
	spoilt   bool     // the frame did not decode
	lull     int      // ticks in which next to nothing was said in the midst of speech
	stale    bool     // a port changed its format in this tick
	fresh    bool     // pcm holds sound of this tick
	energy   float32  // mean square of this tick's frame
	loud     float32  // the same, as its payload told it, or untold
	envelope float32  // falling maximum of loud, where it is told, or energy, times gain, which ranks speakers
	talking  bool
	onset    bool // talking since this very tick
	hang     int  // quiet ticks until talking ends
	awake    int  // ticks for which frames are decoded although they seem quiet
	denied   int  // ticks since the last probe of frames that the sender calls unvoiced
}

// ahead begins a tick of the seat. Several seats begin before the first receives: what they touch lies far apart, and is fetched side by side.
func (s *Seat) ahead() {
	s.fresh, s.energy, s.onset, s.heeded, s.doubt = false, 0, false, nil, unknown
	s.hushed, s.sewn, s.passed, s.loud = s.muted.Load(), false, false, untold
	for _, f := range s.feeds {
		f.port.Ahead()
	}
}

// receive takes the due frame off every port of the seat, and decides whether one of them is decoded.
func (s *Seat) receive(r *Room, t Tick, y *tally) {
	y.legs += uint64(len(s.feeds))
	for _, f := range s.feeds {
		f.frame = f.port.Next(t)
		if !r.mixing {
			continue // the lobby: ports drain
		}
		// Asked after Next: a port changes its format in Next, and the frame is of the new one already.
		if now := f.port.Format(); now != f.format {
			f.reformat(now, r.pool.silences.of(now))
			s.stale = true
		}
		s.elect(f)
	}
	if r.mixing {
		s.follow(t)
		s.attend(r)
	}
}

// heed decides whether the frame of the feed that speaks for the seat is decoded: if there may be something in it, and it must be heard or
// does not tell how loud it is otherwise.
func (s *Seat) heed(f *feed, r *Room) {
	if s.pcm == nil {
		s.pcm = make([]int16, maxSamples)
	}
	f.wasQuiet, f.quiet = f.quiet, false
	s.passed = f.frame.Kind == codec.Voice && s.pass(f, r.rate)
	if !s.passed && s.wants(f, f.frame.Kind, s.doubt) {
		s.heeded = f
		return
	}
	f.rest(s.pcm[:r.samples])
	if s.passed || s.doubt == unvoiced {
		f.warm.keep(f.frame.Payload)
	}
}

// pass assesses a frame, and tells whether to pass it over: it tells how loud it is, which decides who is heard, and nobody hears the seat so
// far. Once somebody does, it is decoded after all (enter).
func (s *Seat) pass(f *feed, rate int) bool {
	payload := f.frame.Payload
	s.doubt, s.loud = assess(f.format, payload)
	f.quiet = s.doubt == quiet
	switch {
	case f.quiet && !f.wasQuiet:
		f.still()
	case s.doubt == unknown && f.format.Codec == codec.Opus:
		s.loud = f.follow(payload, rate)
	}
	s.loud = min(s.loud, fullScale) // nobody is louder, whatever a frame tells
	if s.loud < 0 || f.quiet || s.inMix || s.turned || s.parting != nil {
		return false
	}
	s.energy, s.awake = s.loud, 0
	return true
}

// decode makes what the seat says in this tick: the frame that it heeds, the end of what another feed said, or one joined to the other.
func (s *Seat) decode(r *Room, y *tally) {
	pcm := s.pcm[:r.samples]
	switch {
	case s.heeded == nil:
		clear(pcm)
		s.parting.rest(pcm)
	case s.decodeHeeded(r, pcm, y) && s.turned:
		s.seam(pcm)
	}
	s.parting = nil
	s.energy = meanSquare(pcm)
	s.fresh = s.energy > 0
}

// decodeHeeded decodes the frame that the seat heeds; false, and silence, where there is no decoder for it.
func (s *Seat) decodeHeeded(r *Room, pcm []int16, y *tally) bool {
	f := s.heeded
	f.open = f.frame.Kind != codec.Silent
	if f.decoder == nil && !f.furnish(r, y) {
		clear(pcm)
		return false
	}
	y.decodes += uint64(f.warm.play(f.decoder, pcm)) + 1
	if s.spoilt = f.decoder.Decode(f.frame, pcm) != nil; s.spoilt {
		y.spoilt++ // pcm holds the codec's concealment
	}
	return true
}

// listen notes who speaks, once the frames are decoded.
func (r *Room) listen() {
	r.waitlist = r.waitlist[:0]
	for _, s := range r.seats {
		if s.hushed {
			s.hush()
			continue
		}
		s.judge(s.doubt)
		if s.talking && (!s.inMix || s.fading) {
			r.waitlist = append(r.waitlist, s)
		}
	}
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
func (f *feed) furnish(r *Room, y *tally) bool {
	if f.broken {
		return false
	}
	d, err := codec.NewDecoder(f.format, r.rate)
	if err != nil {
		f.broken = true
		y.spoilt++
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
	if s.energy <= s.envelope*lullRatio {
		s.lull++
	} else {
		s.lull = 0
	}
	loud := s.energy
	if s.loud >= 0 { // the measure of those of whom no other is known
		loud = s.loud
	}
	s.envelope = max(loud*g*g, s.envelope*envelopeDecay)
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

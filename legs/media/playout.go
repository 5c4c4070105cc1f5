package media

import "github.com/conclave/conclave/mixer/codec"

// playout turns packets of any duration and any delay into one frame per tick; owned by the tick worker. Times are RTP timestamp
// units, extended to 64 bits.
type playout struct {
	running bool       // base is valid
	began   codec.Tick // when it was set
	base    int64      // the position of tick t is base + t*frame
	played  int64      // end of what was given to the mixer
	owed    int64      // decoded ahead: what the decoder still holds of a packet longer than a tick

	found    int        // packets of audio that this tick found
	jumped   bool       // ticks were missed before this one: arrivals of this tick tell nothing about the network
	surplus  int        // ticks in a row with more delay than needed
	draining bool       // the surplus is what a hold-up left
	shrunk   codec.Tick // when the delay was last shortened for another reason
	hold     int        // ticks that a surplus must last: more each time that shortening proved wrong
	missing  int        // ticks in a row without anything to play
	misfits  int        // packets in a row far from the position
	skipped  bool       // audio was left out since the last frame given
	before   []byte     // the packet left out last, if the next one follows it
	copied   bool       // the packet after the frame lost last was there
	paused   bool       // the sender said that it will say nothing: what is missing from pauseAt on is a pause, not a loss
	pauseAt  int64      // media time

	buffer buffer
	copies copies
	delay  delay

	frame []byte // one tick assembled from packets of another duration; made when the first one comes
	merge []byte // Opus packets shorter than a tick, joined; likewise
}

func (p *playout) init() { p.buffer.init() }

// flush forgets what waits and where we were: the next packet starts anew.
func (p *playout) flush() {
	p.buffer.take(p.buffer.n)
	p.delay.reset()
	p.copies, p.shrunk, p.hold = copies{}, 0, 0
	p.running, p.draining, p.skipped, p.paused, p.copied = false, false, false, false, false
	p.owed, p.surplus, p.missing, p.misfits, p.before = 0, 0, 0, 0, nil
}

// pause takes a packet that is no audio, telephone-event or comfort noise: until there is audio again nothing is missing.
func (p *playout) pause(t codec.Tick, h *header, frame int64) {
	if !p.running {
		return
	}
	at, due := p.extend(h.timestamp, t, frame), p.position(t, frame)
	if at < due-maxDepthTicks*frame || at > due+bufferPackets*frame {
		at = due // the time of another clock, as that of an event may be
	}
	p.paused, p.pauseAt = true, at
}

// pausing says whether what is missing between pos and end is missing because of a pause.
func (p *playout) pausing(end int64) bool { return p.paused && end > p.pauseAt }

// spoke notes that audio was played up to p.played. An Opus packet of a TOC octet and at most one more is the last before a pause (DTX).
func (p *playout) spoke(last bool) {
	p.missing = 0
	switch {
	case last:
		p.paused, p.pauseAt = true, p.played
	case p.pausing(p.played):
		p.paused = false
	}
}

// position is the media time due at tick t.
func (p *playout) position(t codec.Tick, frame int64) int64 { return p.base + int64(t)*frame }

// length is the duration of a payload in timestamp units; 0 when it is no payload of the codec.
func (s *settings) length(payload []byte) int64 {
	if s.sampleSize > 0 {
		if len(payload)%s.sampleSize != 0 {
			return 0
		}
		n := len(payload) / s.sampleSize
		if n > s.clock/1000*maxPacketTime {
			return 0
		}
		return int64(n)
	}
	n, err := codec.OpusDuration(payload)
	if err != nil {
		return 0
	}
	return int64(n)
}

// add takes a packet that was found at tick t.
func (p *playout) add(set *settings, t codec.Tick, h *header, payload []byte, c *counters) {
	length, frame := set.length(payload), int64(set.frame)
	if length == 0 {
		c.malformed.Add(1)
		return
	}
	p.found++
	at := p.extend(h.timestamp, t, frame)
	if p.strayed(at, t, frame, h.marker) {
		if p.misfits < misfitPackets {
			c.discarded.Add(1)
			return
		}
		p.flush()
	}
	p.misfits = 0
	lead := at - int64(t)*frame
	p.begin(at, lead, t, frame)
	if !p.jumped {
		p.delay.note(lead, t, p.tooLate(set, at, length, p.position(t, frame)))
	}
	if p.tooLate(set, at, length, p.played) {
		c.late.Add(1)
		return
	}
	switch p.buffer.insert(at, length, payload, h.arrival) {
	case isDuplicate:
		c.duplicate.Add(1)
	case noRoom:
		c.discarded.Add(1)
	case inserted:
	}
}

// begin sets the position by the first packet. When several wait in the first tick, the newest of them does: the others piled up
// before anybody looked, and playing them all would delay the whole call.
func (p *playout) begin(at, lead int64, t codec.Tick, frame int64) {
	switch {
	case !p.running:
		p.running, p.began, p.base, p.played = true, t, lead, at
	case p.began == t && lead >= p.base+frame:
		p.base += (lead - p.base) / frame * frame
		p.delay.reset()
	}
}

// tooLate says whether nothing of a packet can be played at position pos. An Opus packet longer than a tick cannot be entered in
// the middle.
func (p *playout) tooLate(set *settings, at, length, pos int64) bool {
	if set.sampleSize == 0 && length > int64(set.frame) {
		return at < pos
	}
	return at+length <= pos
}

// extend makes 64 bits of a timestamp, by its distance to what is due.
func (p *playout) extend(timestamp uint32, t codec.Tick, frame int64) int64 {
	if !p.running {
		return int64(timestamp)
	}
	due := p.position(t, frame)
	return due + int64(int32(timestamp-uint32(due)))
}

// strayed finds packets whose timestamps have nothing to do with the position: a sender that stopped its clock during a pause, or
// that changed its source. One may be a mistake; several, or one where nothing plays anyway, start anew.
func (p *playout) strayed(at int64, t codec.Tick, frame int64, marker bool) bool {
	if !p.running {
		return false
	}
	distance := at - p.position(t, frame)
	if distance > -maxDepthTicks*frame && distance < bufferPackets*frame {
		return false
	}
	silent := p.missing >= concealTicks && p.buffer.n == 0
	p.misfits++
	if silent || marker {
		p.misfits = misfitPackets
	}
	return true
}

package media

import (
	"encoding/binary"

	"github.com/conclave/conclave/mixer/codec"
)

// sender is the state of our own RTP stream; owned by the tick worker. No sequence number is ever used twice: with SRTP that would
// be one key stream for two packets (RFC 3711 section 9.1).
type sender struct {
	sequence  uint16 // of the next packet
	roc       uint32 // roll-over counter of the next packet (RFC 3711 section 3.3.1); outlives the keys
	timestamp uint32 // of the last packet; before the first one, where to begin
	tick      codec.Tick
	started   bool
	rebase    bool // the clock rate changed: the distance to the last packet cannot be computed

	way outward // how it is to be encoded

	packets, octets uint32 // since the start, modulo 2^32, for the sender report
	reported        uint32 // packets at the last report

	packet []byte // as long as the longest so far
}

// Send writes one encoded 20 ms frame to the peer, marked when it follows a pause. Nothing is sent while the stream is held, has no
// keys or knows no address; media time goes on all the same. Tick worker only.
func (s *Stream) Send(t codec.Tick, p codec.Packet) {
	if s.closed.Load() {
		return
	}
	if s.set == nil || s.keys.n == 0 {
		s.apply() // only the first time: later ones are taken between ticks, lest a frame goes out under another format
	}
	if s.set == nil || s.keys.n == 0 || !s.set.Send || s.peer.rtp.length == 0 {
		return
	}
	if len(p.Payload) == 0 || len(p.Payload) > maxPayload {
		s.counters.sendErrors.Add(1)
		return
	}
	marker := s.out.advance(t, uint32(s.set.frame))
	s.out.room(rtpHeader + len(p.Payload) + mostTrailer)
	b := s.out.header(marker, s.set.PT, s.ssrc)
	if s.out.sequence == 0 {
		s.counters.roc.Store(s.out.roc)
	}
	b = append(b, p.Payload...)
	// In place: the tail room is there, and nobody needs the plain packet any more.
	k, sequence := s.keys.sending, s.out.sequence-1
	protected, err := k.send.EncryptRTP(b[:0], b, &s.rtpHeader)
	if err != nil || !k.freshRTP(s.ssrc, sequence) || !s.stations.way.rtp.send(protected, &s.peer.rtp) {
		s.counters.sendErrors.Add(1)
		return
	}
	s.out.packets++
	s.out.octets += uint32(len(p.Payload))
	s.counters.packetsSent.Add(1)
	s.counters.octetsSent.Add(uint64(len(p.Payload)))
}

// advance moves the timestamp to tick t, so that a pause keeps time, and says whether the packet follows one.
func (o *sender) advance(t codec.Tick, frame uint32) (marker bool) {
	switch {
	case !o.started:
		marker = true
	case o.rebase || t <= o.tick: // another clock: go on by one frame
		o.timestamp += frame
		marker = o.rebase
	default:
		o.timestamp += uint32(t-o.tick) * frame
		marker = t != o.tick+1
	}
	o.started, o.rebase, o.tick = true, false, t
	return marker
}

// room makes room for a packet of so many octets. Packets of one format are equally long: it is found once.
func (o *sender) room(octets int) {
	const grain = 64 // a cache line
	if len(o.packet) < octets {
		o.packet = make([]byte, (octets+grain-1)/grain*grain)
	}
}

// header writes the fixed header (RFC 3550 section 5.1) and spends a sequence number.
func (o *sender) header(marker bool, pt uint8, ssrc uint32) []byte {
	b := o.packet[:rtpHeader]
	b[0] = rtpVersion2
	b[1] = pt
	if marker {
		b[1] |= markerBit
	}
	binary.BigEndian.PutUint16(b[2:], o.sequence)
	binary.BigEndian.PutUint32(b[4:], o.timestamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	if o.sequence++; o.sequence == 0 {
		o.roc++
	}
	return b
}

package media

import (
	"encoding/binary"
	"time"
)

// receiveRTCP takes one SRTCP packet; the order of work is that of RTP. It counts as life, but moves no audio.
func (s *Stream) receiveRTCP(g *datagram, control bool) {
	if len(g.buf) < rtcpHeader+s.keys.rtcpTail {
		s.counters.malformed.Add(1)
		return
	}
	ssrc := binary.BigEndian.Uint32(g.buf[4:])
	if !s.admitSSRC(ssrc, g.from) {
		return
	}
	plain, k := s.openRTCP(g, ssrc)
	if k == nil {
		return
	}
	s.authentic(k)
	if g.arrival > s.counters.lastHeard.Load() { // a separate socket is looked at late
		s.alive(g.arrival)
	}
	s.counters.rtcpReceived.Add(1)
	if control && !s.set.RTCPMux {
		s.learnControl(source(g.from))
	}
	if !s.compoundParts(plain, g.arrival) {
		s.counters.malformed.Add(1)
	}
}

// compoundParts walks a compound packet (RFC 3550 section 6.1). Every length is compared with what is there.
func (s *Stream) compoundParts(b []byte, arrival int64) bool {
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 {
			return false
		}
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return false
		}
		if !s.part(b[:n], arrival) {
			return false
		}
		b = b[n:]
	}
	return true
}

// part takes one packet of a compound; types that we do not use are skipped.
func (s *Stream) part(b []byte, arrival int64) bool {
	count := int(b[0] & 0x1f)
	switch b[1] {
	case typeSR:
		if len(b) < rtcpHeader+senderInfo+count*reportBlock {
			return false
		}
		s.report.lastSR = uint32(binary.BigEndian.Uint64(b[8:]) >> 16)
		s.report.lastSRArrival = arrival
		s.blocks(b[rtcpHeader+senderInfo:], count, arrival)
	case typeRR:
		if len(b) < rtcpHeader+count*reportBlock {
			return false
		}
		s.blocks(b[rtcpHeader:], count, arrival)
	case typeBYE:
		if len(b) < 4+4*count {
			return false
		}
		for i := range count {
			if s.peer.pinned && binary.BigEndian.Uint32(b[4+4*i:]) == s.peer.ssrc {
				s.counters.bye.Store(true)
			}
		}
	}
	return true
}

// blocks looks for what the peer says about our stream.
func (s *Stream) blocks(b []byte, count int, arrival int64) {
	for i := range count {
		r := b[i*reportBlock:]
		if binary.BigEndian.Uint32(r) != s.ssrc || s.set == nil {
			continue
		}
		if s.out.way.report(r[4], s.tick) {
			s.reform()
		}
		s.counters.remoteLossPPM.Store(int64(r[4]) * 1e6 / 256)
		jitter := int64(binary.BigEndian.Uint32(r[12:]))
		s.counters.remoteJitterUS.Store(jitter * 1e6 / int64(s.set.clock))
		s.roundTrip(binary.BigEndian.Uint32(r[16:]), binary.BigEndian.Uint32(r[20:]), arrival)
	}
}

// roundTrip is arrival - LSR - DLSR (section 6.4.1), in 1/65536 s modulo 2^16 s.
func (s *Stream) roundTrip(lsr, dlsr uint32, arrival int64) {
	if lsr == 0 {
		return
	}
	d := time.Duration(int64(int32(uint32(ntp(time.Unix(0, arrival))>>16)-lsr-dlsr)) * int64(time.Second) / 65536)
	if d < 0 || d > maxRTT {
		return
	}
	s.counters.rttUS.Store(d.Microseconds())
}

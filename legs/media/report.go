package media

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/conclave/conclave/mixer/codec"
)

// RTCP packet types and sizes (RFC 3550 section 12.1, 6.4, 6.5, 6.6).
const (
	typeSR      = 200
	typeRR      = 201
	typeSDES    = 202
	typeBYE     = 203
	sdesCNAME   = 1
	senderInfo  = 20 // octets: NTP and RTP time, packet and octet count
	reportBlock = 24 // octets
	ntpUnix     = 2208988800
)

// reporter sends and remembers what RTCP needs; owned by the tick worker.
type reporter struct {
	random    rand.PCG // spreads reports in time; seeded from crypto/rand
	due       codec.Tick
	scheduled bool

	lastSR        uint32 // middle 32 bits of the NTP time of the peer's last SR
	lastSRArrival int64  // ns since 1970; 0: none yet

	concealed, played uint64 // counters at the last report, for the loss that was heard
}

func (r *reporter) seed(n uint64) { r.random.Seed(n, n>>32|n<<32) }

// reportDue sends a report when it is time: the first after about a second, then every 5 s, each interval between half and one and a
// half of that (RFC 3550 section 6.3.1).
func (s *Stream) reportDue(t codec.Tick) {
	r := &s.report
	if s.set == nil || s.keys.n == 0 {
		return
	}
	if !r.scheduled {
		r.scheduled, r.due = true, t+r.spread(rtcpFirst)
		return
	}
	if t < r.due {
		if r.due-t > 2*rtcpInterval { // the tick numbers began anew
			r.scheduled = false
		}
		return
	}
	r.due = t + r.spread(rtcpInterval)
	s.measure()
	s.sendReport(false)
}

// spread draws from the interval's half to one and a half.
func (r *reporter) spread(interval uint64) codec.Tick {
	return codec.Tick(interval/2 + r.random.Uint64()%(interval+1))
}

// measure turns counters of the last interval into rates.
func (s *Stream) measure() {
	c, r := &s.counters, &s.report
	concealed, received := c.concealed.Load(), c.packetsReceived.Load()
	dc, dp := concealed-r.concealed, received-r.played
	r.concealed, r.played = concealed, received
	ppm := int64(0)
	if dc+dp > 0 {
		ppm = int64(dc * 1e6 / (dc + dp))
	}
	c.concealedPPM.Store(ppm)
	c.opus.Store(s.set.format.Codec == codec.Opus)
	if p := &s.play; p.running && p.delay.n > 0 {
		c.bufferUS.Store(max(p.delay.best-p.base, 0) * 1_000_000 / int64(s.set.clock))
	}
}

// sendReport sends SR or RR with SDES, and BYE at the end: one compound packet (RFC 3550 section 6.1).
func (s *Stream) sendReport(bye bool) {
	if s.peer.rtcp.length == 0 {
		return
	}
	d, ok := s.ports.drains.Get().(*drain)
	if !ok {
		return
	}
	defer s.ports.drains.Put(d)
	b := s.compound(d.spare[:0], s.now(), bye) // 412 octets at most, with a CNAME of 255 octets, BYE and trailer
	k := s.keys.sending
	protected, err := k.send.EncryptRTCP(b[:0], b, &s.rtcpHeader)
	if err != nil || !k.freshRTCP(s.ssrc) {
		s.counters.sendErrors.Add(1)
		return
	}
	from := s.stations.way.rtcp
	if s.set.RTCPMux {
		from = s.stations.way.rtp
	}
	if !from.send(protected, &s.peer.rtcp) {
		s.counters.sendErrors.Add(1)
		return
	}
	s.counters.rtcpSent.Add(1)
}

// compound builds the packet in b, whose capacity holds it with the SRTCP trailer.
func (s *Stream) compound(b []byte, now time.Time, bye bool) []byte {
	blocks := 0
	if s.source.started {
		blocks = 1
	}
	if s.out.packets != s.out.reported {
		s.out.reported = s.out.packets
		b = appendHeader(b, blocks, typeSR, rtcpHeader+senderInfo+blocks*reportBlock)
		b = binary.BigEndian.AppendUint32(b, s.ssrc)
		b = s.appendSenderInfo(b, now)
	} else {
		b = appendHeader(b, blocks, typeRR, rtcpHeader+blocks*reportBlock)
		b = binary.BigEndian.AppendUint32(b, s.ssrc)
	}
	if blocks == 1 {
		b = s.appendBlock(b, now)
	}
	b = s.appendSDES(b)
	if bye {
		b = appendHeader(b, 1, typeBYE, rtcpHeader)
		b = binary.BigEndian.AppendUint32(b, s.ssrc)
	}
	return b
}

// appendHeader writes version, count, type, and the length of the packet in 32-bit words minus one.
func appendHeader(b []byte, count int, pt byte, octets int) []byte {
	b = append(b, rtpVersion2|byte(count), pt)
	return binary.BigEndian.AppendUint16(b, uint16(octets/4-1))
}

// appendSenderInfo pairs the wall clock with the media clock (section 6.4.1).
func (s *Stream) appendSenderInfo(b []byte, now time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, ntp(now))
	timestamp := s.out.timestamp
	if s.tick > s.out.tick {
		timestamp += uint32(s.tick-s.out.tick) * uint32(s.set.frame)
	}
	b = binary.BigEndian.AppendUint32(b, timestamp)
	b = binary.BigEndian.AppendUint32(b, s.out.packets)
	return binary.BigEndian.AppendUint32(b, s.out.octets)
}

// appendBlock reports on the peer's stream (section 6.4.1, appendix A.3).
func (s *Stream) appendBlock(b []byte, now time.Time) []byte {
	q := &s.source
	expected := q.expected()
	de, dr := expected-q.lastExpected, q.received-q.lastReceived
	q.lastExpected, q.lastReceived = expected, q.received
	fraction := int64(0)
	if lost := de - dr; de > 0 && lost > 0 {
		fraction = min(lost*256/de, 255)
		s.counters.lossPPM.Store(lost * 1e6 / de)
	} else {
		s.counters.lossPPM.Store(0)
	}
	const most, least = 1<<23 - 1, -1 << 23 // 24 bits, signed
	lost := min(max(q.missing(), least), most)
	b = binary.BigEndian.AppendUint32(b, s.peer.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(fraction)<<24|uint32(lost)&0xffffff)
	b = binary.BigEndian.AppendUint32(b, uint32(q.highest))
	b = binary.BigEndian.AppendUint32(b, uint32(q.jitterNS*int64(s.set.clock)/1e9))
	b = binary.BigEndian.AppendUint32(b, s.report.lastSR)
	return binary.BigEndian.AppendUint32(b, s.report.sinceSR(now))
}

// sinceSR is DLSR: the time since the peer's last SR in 1/65536 s; 0 when there was none.
func (r *reporter) sinceSR(now time.Time) uint32 {
	if r.lastSRArrival == 0 {
		return 0
	}
	d := now.UnixNano() - r.lastSRArrival
	return uint32(max(d, 0) / 1000 * 65536 / 1_000_000)
}

// appendSDES writes one chunk with the CNAME, padded with at least one zero octet to a word (section 6.5).
func (s *Stream) appendSDES(b []byte) []byte {
	const ssrc, item = 4, 2
	chunk := (ssrc + item + len(s.cname) + 4) &^ 3
	b = appendHeader(b, 1, typeSDES, 4+chunk)
	end := len(b) + chunk
	b = binary.BigEndian.AppendUint32(b, s.ssrc)
	b = append(b, sdesCNAME, byte(len(s.cname)))
	b = append(b, s.cname...)
	for len(b) < end {
		b = append(b, 0)
	}
	return b
}

// sendBye tells the peer that our SSRC ends; best effort.
func (s *Stream) sendBye() {
	if s.set != nil && s.keys.n > 0 {
		s.sendReport(true)
	}
}

// ntp is the 64-bit NTP timestamp of RFC 3550 section 4.
func ntp(t time.Time) uint64 {
	return uint64(t.Unix()+ntpUnix)<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}

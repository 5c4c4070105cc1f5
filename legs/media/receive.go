package media

import "github.com/conclave/conclave/mixer/codec"

// datagram is one received packet on its way through the checks; buf is its octets, with room behind them.
type datagram struct {
	buf     []byte
	spare   []byte // as long as buf may be: for what must not be written in place
	from    *[sockaddrSize]byte
	arrival int64 // ns since 1970
}

// drainAll reads what has arrived since the last tick: the RTP socket always, a separate RTCP socket now and then, and one that the
// peer is not to use rarely, so that what strays there does not lie in the kernel for ever.
func (s *Stream) drainAll(t codec.Tick) {
	d, ok := s.ports.drains.Get().(*drain)
	if !ok {
		return
	}
	if s.stations.n > 0 {
		s.drainLeft(d) // first: what comes there was sent first
	}
	s.drainMedia(d, t)
	every := codec.Tick(rtcpPollTicks)
	if s.set != nil && s.set.RTCPMux {
		every = rtcpStray
	}
	if t%every == 0 {
		s.drainSocket(d, s.stations.here.rtcp, true)
	}
	s.ports.drains.Put(d)
}

// drainMedia reads the RTP socket. To learn that nothing follows a packet costs half as much as the packet: as long as each tick finds
// exactly one, as it does on most networks, it is not asked. What then follows all the same is found one tick later, and played when
// it would have been, since a tick that finds nothing ends this, and so does a second look now and then. What a packet overtook, as on
// a new path, is looked for at once.
func (s *Stream) drainMedia(d *drain, t codec.Tick) {
	if s.steady >= steadyTicks && (uint64(t)+uint64(s.stations.here.rtp.port))%steadyLook != 0 {
		missing := s.source.missing()
		if s.readOne(d); s.play.found > 0 && s.source.missing() <= missing {
			return
		}
	}
	s.drainSocket(d, s.stations.here.rtp, false)
	if s.play.found == 1 {
		s.steady++
	} else {
		s.steady = 0
	}
}

// readOne reads one datagram.
func (s *Stream) readOne(d *drain) {
	if d.receive(s.stations.here.rtp, 1) == 1 {
		s.read(d, 0, false)
	}
}

// drainSocket reads until the socket is empty or the tick's share is used up.
func (s *Stream) drainSocket(d *drain, from socket, control bool) {
	for range drainBudget / batch {
		n := d.receive(from, batch)
		for i := range n {
			s.read(d, i, control)
		}
		if n < batch {
			return
		}
	}
}

// read takes datagram i of a batch.
func (s *Stream) read(d *drain, i int, control bool) {
	g := datagram{buf: d.packet(i), spare: d.spare[:], from: &d.names[i], arrival: d.arrival(i)}
	if s.synthetic || g.arrival == 0 {
		g.arrival = s.now().UnixNano()
	}
	s.datagram(&g, control)
}

// datagram sorts one datagram. On the RTP port RTCP is taken only where it was negotiated (RFC 5761 section 5.1.1).
func (s *Stream) datagram(g *datagram, control bool) {
	k := classify(g.buf)
	if k == kindDTLS && !control && s.toPath(g) {
		return
	}
	if s.keys.n == 0 || s.set == nil {
		s.counters.unkeyed.Add(1)
		return
	}
	switch {
	case k == kindRTP && !control:
		s.receiveRTP(g)
	case k == kindRTCP && (control || s.set.RTCPMux):
		s.receiveRTCP(g, control)
	default:
		s.counters.malformed.Add(1)
	}
}

// receiveRTP takes one packet in the fixed order: shape, SSRC, replay and authentication (in the library, in that order), and
// only then state.
func (s *Stream) receiveRTP(g *datagram) {
	h, ok := parseHeader(g.buf, s.keys.rtpTail)
	if !ok {
		s.counters.malformed.Add(1)
		return
	}
	if !s.admitSSRC(h.ssrc, g.from) {
		return
	}
	plain, k := s.openRTP(g, &h)
	if k == nil {
		return
	}
	s.authentic(k)
	if !k.settled {
		s.settle(k, h.ssrc)
	}
	s.peer.note(k)
	newest := s.source.add(h.sequence, &s.counters)
	if k.number < s.keys.sending.number {
		s.counters.underOld.Add(1)
	}
	s.alive(g.arrival)
	if newest && *g.from != s.peer.rtp.raw { // as it nearly always is, octet by octet
		s.learn(source(g.from))
	}
	payload, ok := h.payload(plain)
	if !ok {
		s.counters.malformed.Add(1)
		return
	}
	s.counters.octetsReceived.Add(uint64(len(payload)))
	if !s.heardOnce {
		s.heardOnce = true
		close(s.heard)
	}
	s.take(&h, payload, g.arrival)
}

// take hands an authentic payload to the play-out.
func (s *Stream) take(h *header, payload []byte, arrival int64) {
	switch {
	case h.pt == s.set.PT:
		s.source.jitter(h.timestamp, arrival, s.set.clock, &s.counters)
		if s.set.Receive && len(payload) > 0 {
			h.arrival = arrival
			s.play.add(s.set, s.tick, h, payload, &s.counters)
		}
	case s.set.EventPT != 0 && h.pt == s.set.EventPT:
		s.counters.events.Add(1)
		if s.set.Receive && s.keypad.take(h.timestamp, payload, s.set.clock) {
			s.counters.keysDropped.Add(1)
		}
		s.play.pause(s.tick, h, int64(s.set.frame))
	default: // comfort noise (RFC 3389) mostly, which senders use without asking
		s.counters.otherPT.Add(1)
		s.play.pause(s.tick, h, int64(s.set.frame))
	}
}

// admitSSRC decides by the SSRC alone whether a packet is worth an authentication. While the peer's is not known, or
// fresh keys do not state it, a bounded number of packets per tick is tried: the library would otherwise build state for every forged SSRC.
func (s *Stream) admitSSRC(ssrc uint32, from *[sockaddrSize]byte) bool {
	if s.peer.pinned && ssrc == s.peer.ssrc && ssrc != s.ssrc {
		return true
	}
	stated, open := s.keys.expects(ssrc)
	if ssrc == s.ssrc || !stated && !open {
		s.counters.foreignSSRC.Add(1)
		return false
	}
	if stated {
		return true
	}
	limit := trialsStranger
	if source(from) == s.set.remote {
		limit = trialsSignal + trialsStranger
	}
	if s.peer.trials >= limit {
		s.counters.foreignSSRC.Add(1)
		return false
	}
	s.peer.trials++
	return true
}

// alive notes that the peer lives; only authenticated, fresh packets come here.
func (s *Stream) alive(arrival int64) { s.counters.lastHeard.Store(arrival) }

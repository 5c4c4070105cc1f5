package media

import (
	"bytes"

	"github.com/pion/srtp/v3"
)

// keyring holds the generations of keys that are alive; owned by the tick worker. Around a rekey there are several: packets under the
// old keys are still on their way, or the peer has not changed over yet (RFC 3711 section 8.1 leaves the how to us).
type keyring struct {
	now               uint64 // calls of Next: packets that waited while nobody looked must find their keys, however long that was
	n                 int    // of alive, and of order
	rtpTail, rtcpTail int    // octets of the shortest trailer of those alive

	sending *generation                 // what we send under; one of alive; nil: no keys yet
	alive   [maxGenerations]*generation // newest first
	order   [maxGenerations]*generation // as they are tried: the newest that was heard, then newest first
	made    uint64                      // generations so far
}

// expects says whether packets of an SSRC, which is not that of the peer so far, may be tried: bounded when its owner did not state
// it, for then anybody's may.
func (r *keyring) expects(ssrc uint32) (stated, open bool) {
	for _, k := range r.alive[:r.n] {
		stated = stated || k.ssrc == ssrc
		open = open || k.ssrc == 0
	}
	return stated, open
}

// sort finds the order of trials, after anything changed. A trial that fails is what costs, and allocates in the library: so what the
// peer uses comes first, and not what it may not even have yet.
func (r *keyring) sort() {
	r.order = r.alive
	r.rtpTail, r.rtcpTail = maxDatagram, maxDatagram
	for _, k := range r.alive[:r.n] {
		r.rtpTail, r.rtcpTail = min(r.rtpTail, k.rtp.size), min(r.rtcpTail, k.rtcp.size)
	}
	for i, k := range r.alive[:r.n] {
		if k.heard {
			copy(r.order[1:i+1], r.alive[:i])
			r.order[0] = k
			return
		}
	}
}

// carries says whether b may be a packet of this generation: long enough, and with its MKI where there is one.
func (g *generation) carries(b []byte, head int, t trailer) bool {
	if len(b) < head+t.size {
		return false
	}
	end := len(b) - t.tag
	return len(g.mki) == 0 || bytes.Equal(b[end-len(g.mki):end], g.mki)
}

// takeKeys begins to receive under fresh keys. Sending goes over to them when the peer is known to have them.
func (s *Stream) takeKeys(fresh []*generation) {
	for _, g := range fresh {
		r := &s.keys
		if g.of != nil {
			s.renewSend(g)
			continue
		}
		if r.n == maxGenerations {
			s.drop(r.n - 1)
		}
		r.made++
		g.number, g.came = r.made, r.now
		copy(r.alive[1:], r.alive[:r.n])
		r.alive[0] = g
		r.n++
		r.sort()
		s.knowPeer(g)
		if r.sending == nil {
			s.out.roc = g.sendROC
			s.switchTo(g)
		}
	}
}

// knowPeer pins the SSRC of the peer when it was stated. One that differs from the running one has to be heard first: until then the
// old keys, and the old stream, go on.
func (s *Stream) knowPeer(g *generation) {
	switch {
	case g.ssrc == 0 && s.peer.pinned:
		g.expect(s.peer.ssrc)
	case g.ssrc != 0 && !s.peer.pinned:
		s.takePeer(g.ssrc)
		s.unify(g)
	}
}

// unify ends older generations whose packets are of another SSRC than those of g: the peer has one stream.
func (s *Stream) unify(g *generation) {
	for i := s.keys.n - 1; i >= 0 && s.keys.alive[i] != g; i-- {
		switch old := s.keys.alive[i]; {
		case old.ssrc == 0:
			old.ssrc = g.ssrc
			old.expect(g.ssrc)
		case old.ssrc != g.ssrc:
			s.drop(i)
		}
	}
}

// goOver lets sending follow what was confirmed.
func (s *Stream) goOver() {
	for _, k := range s.keys.alive[:s.keys.n] {
		if k == s.keys.sending {
			return
		}
		if k.confirmed.Load() {
			s.switchTo(k)
			return
		}
	}
}

// switchTo sends under g from now on. RFC 3711 sections 3.3.1 and 3.4: neither the roll-over counter nor the SRTCP index begins anew.
func (s *Stream) switchTo(g *generation) {
	s.carryOn(g.send)
	s.counters.rebase(g.base)
	s.keys.sending = g
}

// carryOn has a context of ours go on where the one before stands.
func (s *Stream) carryOn(fresh *srtp.Context) {
	if old := s.keys.sending; old != nil {
		if index, ok := old.send.Index(s.ssrc); ok {
			fresh.SetIndex(s.ssrc, index)
		}
		s.counters.rekeys.Add(1)
	}
	fresh.SetROC(s.ssrc, s.out.roc)
	s.counters.roc.Store(s.out.roc)
}

// renewSend puts fresh keys of ours beside those that the peer keeps. Packets are counted anew all the same: more than asking for other
// keys we cannot do about a peer that keeps its own.
func (s *Stream) renewSend(g *generation) {
	for _, k := range s.keys.alive[:s.keys.n] {
		if k != g.of {
			continue
		}
		if k == s.keys.sending {
			s.carryOn(g.send)
			s.counters.rebase(g.base)
		}
		k.send, k.span = g.send, g.span
	}
}

// expire ends the generations whose time is over.
func (s *Stream) expire() {
	r := &s.keys
	for i := r.n - 1; i > 0; i-- {
		over := r.now-r.alive[i-1].came >= overlapLongest
		for _, newer := range r.alive[:i] {
			over = over || newer.heard && r.now-newer.heardAt >= overlapTicks
		}
		if over {
			s.drop(i)
		}
	}
}

// drop forgets a generation. If we still send under it, nobody will decrypt that any more: the next one takes its place.
func (s *Stream) drop(i int) {
	r := &s.keys
	g := r.alive[i]
	copy(r.alive[i:], r.alive[i+1:r.n])
	r.n--
	r.alive[r.n] = nil
	if r.sending == g && i > 0 {
		s.switchTo(r.alive[i-1])
	}
	r.sort()
}

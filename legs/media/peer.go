package media

import (
	"net/netip"

	"github.com/conclave/conclave/mixer/codec"
)

// peer is who we hear and where we send to; owned by the tick worker.
type peer struct {
	ssrc   uint32
	pinned bool // ssrc is settled
	trials int  // packets tried in this tick while it is not

	index   uint64 // highest SRTP index (RFC 3711 section 3.3.1) accepted under the newest keys that were heard
	under   uint64 // number of those keys
	indexed bool   // index is valid

	rtp  address // where RTP goes
	rtcp address // where RTCP goes

	moves    int        // address changes made since the budget was last full
	moveTick codec.Tick // when the budget was last refilled
}

// learn follows the peer to the address that its newest authentic packet came from (security rule: authenticate, check for replay,
// only then latch). How often is bounded, since somebody on the path can send a genuine packet on from an address of his own;
// going back to the signalled address is always allowed.
func (s *Stream) learn(from netip.AddrPort) {
	st := &s.stations
	if from == s.peer.rtp.where || !from.IsValid() || st.from != st.here && st.from != st.way {
		return // who still sends to where we were does not know yet where to send: that says nothing of where he is
	}
	signalled := from == s.set.remote
	if !signalled && !s.mayMove() {
		s.counters.addressRefused.Add(1)
		return
	}
	rtcp := s.peer.rtcp.where
	if s.set.RTCPMux {
		rtcp = from
	}
	s.counters.addressChanges.Add(1)
	s.aimFrom(st.from, from, rtcp)
}

// mayMove spends one address change of the budget: a burst, refilled one by one.
func (s *Stream) mayMove() bool {
	p := &s.peer
	if s.peer.rtp.length == 0 {
		return true // no address was signalled: the first one learned is no change
	}
	for p.moves > 0 && s.tick >= p.moveTick+moveRefill {
		p.moves--
		p.moveTick += moveRefill
	}
	if p.moves == 0 {
		p.moveTick = s.tick
	}
	if p.moves >= moveBurst {
		return false
	}
	p.moves++
	return true
}

// learnControl does the same for a separate RTCP port; its packets are few, so they need no budget of their own.
func (s *Stream) learnControl(from netip.AddrPort) {
	if from == s.peer.rtcp.where || !from.IsValid() {
		return
	}
	if from.Addr() != s.peer.rtp.where.Addr() {
		return // RTCP follows RTP, never leads it
	}
	if s.stations.from == s.stations.way {
		s.peer.rtcp = s.stations.way.address(from)
	}
}

// note follows the SRTP index of what was accepted under k. The newest keys that were heard decide: some peers begin anew with them.
func (p *peer) note(k *generation) {
	if !p.indexed || k.number > p.under || k.number == p.under && k.index > p.index {
		p.index, p.under, p.indexed = k.index, k.number, true
	}
}

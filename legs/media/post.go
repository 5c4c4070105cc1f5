package media

import "github.com/conclave/conclave/keying"

// Configure sets codec, addresses and direction; it takes effect at the next tick and may be called again on each re-INVITE. SRTP
// contexts, SSRC, sequence numbers and timestamps go on. Any goroutine.
func (s *Stream) Configure(p Params) error {
	if s.closed.Load() {
		return ErrClosed
	}
	set, err := prepare(p, s.ipv6)
	if err != nil {
		return err
	}
	s.newSettings.Store(set)
	return nil
}

// SetKeys gives the first keys or fresh ones; the contexts are made here and swapped at the next tick. The keys that are in use
// already change nothing: a context made anew from them would start its counters again and with them the key stream. The
// caller keeps ownership of k and may wipe it. Any goroutine.
func (s *Stream) SetKeys(k keying.Keys) error {
	if s.closed.Load() {
		return ErrClosed
	}
	s.post.Lock()
	defer s.post.Unlock()
	given := prints{send: printOf(k.Suite, k.Send), receive: printOf(k.Suite, k.Receive)}
	if s.post.keyed {
		send, receive := given.send.equal(s.post.given.send), given.receive.equal(s.post.given.receive)
		if send && receive {
			return nil
		}
		if send || receive {
			return ErrKeyReuse
		}
	}
	c, err := newContexts(&k, s.ssrc)
	if err != nil {
		return err
	}
	s.post.keyed, s.post.given = true, given
	s.newContexts.Store(c)
	return nil
}

// apply takes what was posted. Tick worker only.
func (s *Stream) apply() {
	if s.newContexts.Load() != nil {
		s.takeContexts(s.newContexts.Swap(nil))
	}
	if s.newSettings.Load() != nil {
		s.takeSettings(s.newSettings.Swap(nil))
	}
}

// takeContexts starts to use fresh keys. Who the peer is, is settled anew: by the agreement, or by its first packet.
func (s *Stream) takeContexts(c *contexts) {
	s.keys = c
	if c.peerSSRC == s.peer.ssrc && s.peer.pinned {
		return
	}
	s.peer.pinned = c.peerSSRC != 0
	if s.peer.pinned {
		s.takePeer(c.peerSSRC)
	}
}

// takePeer pins the SSRC of the peer. A new one is a new source: its sequence numbers and timestamps mean nothing to the old ones.
func (s *Stream) takePeer(ssrc uint32) {
	s.peer.pinned = true
	if ssrc == s.peer.ssrc {
		return
	}
	s.peer.ssrc = ssrc
	s.counters.peerSSRC.Store(ssrc)
	s.counters.bye.Store(false)
	s.source.restart()
	s.report.lastSR, s.report.lastSRArrival = 0, 0 // of the former source (RFC 3550 section 6.4.1)
	s.play.flush()
}

// takeSettings starts to use new parameters.
func (s *Stream) takeSettings(set *settings) {
	old := s.set
	s.set = set
	if old == nil || old.remote.where != set.remote.where {
		s.setRemote(set.remote)
	}
	if old == nil || old.remoteRTCP.where != set.remoteRTCP.where || old.RTCPMux != set.RTCPMux {
		s.peer.rtcp = set.remoteRTCP
	}
	if old != nil && old.clock != set.clock {
		s.out.rebase = true
		s.source.reclock()
	}
	if old == nil || old.format != set.format || old.Receive != set.Receive {
		s.play.flush()
	}
}

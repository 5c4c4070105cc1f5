package media

import "fmt"

// Configure sets codec, addresses and direction; it takes effect at the next tick and may be called again on each re-INVITE. SRTP
// contexts, SSRC, sequence numbers and timestamps go on. Any goroutine.
func (s *Stream) Configure(p Params) error {
	if s.closed.Load() {
		return ErrClosed
	}
	set, err := prepare(p)
	if err != nil {
		return err
	}
	if set.remote.IsValid() && !s.at.Load().reaches(set.remote.Addr()) {
		if _, err := s.ports.For(set.remote.Addr()); err != nil { // else it may be sent to from where we were before
			return fmt.Errorf("%w: %w", ErrParams, err)
		}
	}
	s.newSettings.Store(set)
	return nil
}

// apply takes what was posted. Tick worker only.
func (s *Stream) apply() {
	s.applyKeys()
	if s.keys.n > 1 {
		s.goOver()
	}
	if s.newBinding.Load() != nil {
		s.move(s.newBinding.Swap(nil))
	}
	if s.newSettings.Load() != nil {
		s.takeSettings(s.newSettings.Swap(nil))
	}
}

// applyKeys begins to receive under keys that were posted; false: there are none. A peer can send under them no sooner: who looks here
// once a packet came that no older keys open has its keys, also where they were posted while the tick was under way.
func (s *Stream) applyKeys() bool {
	if s.newKeys.Load() == nil {
		return false
	}
	s.takeKeys(*s.newKeys.Swap(nil))
	return true
}

// takePeer pins the SSRC of the peer. A new one is a new source: its sequence numbers and timestamps mean nothing to the old ones.
func (s *Stream) takePeer(ssrc uint32) {
	s.peer.pinned = true
	if ssrc == s.peer.ssrc {
		return
	}
	s.peer.ssrc = ssrc
	s.peer.indexed = false
	s.counters.peerSSRC.Store(ssrc)
	s.counters.bye.Store(false)
	s.source.restart()
	s.report.lastSR, s.report.lastSRArrival = 0, 0 // of the former source (RFC 3550 section 6.4.1)
	s.play.flush()
	s.keypad.forget()
	s.out.way = outward{}
	if s.set != nil {
		s.reform()
	}
}

// takeSettings starts to use new parameters.
func (s *Stream) takeSettings(set *settings) {
	old := s.set
	s.set = set
	s.reform()
	rtp, rtcp := s.peer.rtp.where, s.peer.rtcp.where
	if old == nil || old.remote != set.remote {
		rtp = set.remote
	}
	if old == nil || old.remoteRTCP != set.remoteRTCP || old.RTCPMux != set.RTCPMux {
		rtcp = set.remoteRTCP
	}
	s.aim(rtp, rtcp)
	if old != nil && old.clock != set.clock {
		s.out.rebase = true
		s.source.reclock()
		s.keypad.forget()
	}
	if old == nil || old.format != set.format || old.Receive != set.Receive {
		s.play.flush()
	}
}
